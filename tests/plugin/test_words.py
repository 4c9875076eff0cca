"""Who wins: table, markers, metadata, command line."""

from fractions import Fraction
from typing import Any

import pytest

from v2a.errors import UsageError
from v2a.request import Cue, Layer
from v2a_plugin.notes import said_by_notes
from v2a_plugin.presets import find_preset, presets
from v2a_plugin.prompts import Marker, said_by_markers
from v2a_plugin.words import LayerWords, Said, Words, settle

RATE = Fraction(25)


def noted(*notes: Any) -> list[Said]:
    """What metadata says of a clip that starts at 10 s, the nearest first."""
    return said_by_notes(notes, RATE, Fraction(10))


def heard(*notes: Any) -> Words:
    return settle(noted(*notes))


def test_nothing_said_is_a_mix_from_the_pictures() -> None:
    assert settle([]) == settle([Said(), Said()]) == Words((Layer("mix"),))


def test_each_word_comes_from_the_strongest_source_that_gives_it() -> None:
    strong = Said({"effects": LayerWords(negative="music"), "ambience": LayerWords("hall")})
    middle = Said({"effects": LayerWords("a door", "birds")}, seed=3)
    weak = Said({"mix": LayerWords("everything")}, negative="speech", cues=(Cue(Fraction(1)),), seed=4)
    assert settle([strong, middle, weak]) == Words(
        (Layer("effects", "a door", "music", (Cue(Fraction(1)),)), Layer("ambience", "hall", "speech")), seed=3
    )


def test_who_gives_no_layer_and_no_prompt_leaves_the_layers_to_others() -> None:
    layers = Said({"effects": LayerWords("a door"), "ambience": LayerWords("hall")})
    words = settle([Said(negative="music", seed=5), layers])
    assert words == Words((Layer("effects", "a door", "music"), Layer("ambience", "hall", "music")), seed=5)


def test_an_empty_word_that_was_said_keeps_weaker_ones_out() -> None:
    assert settle([Said({"mix": LayerWords("")}), Said({"mix": LayerWords("rain")})]).layers[0].prompt == ""


@pytest.mark.parametrize("place", range(3))
def test_silence_from_anybody_is_kept(place: int) -> None:
    sources = [Said({"mix": LayerWords("rain")})] * 3
    sources[place] = Said(silent=True)
    assert settle(sources).silent


def test_the_four_sources_in_their_order() -> None:
    table = Said({"mix": LayerWords("table")})
    markers = said_by_markers([Marker(Fraction(0), "v2a: marker", "v2a-not: marker")])
    (notes,) = noted({"prompt": "note", "negative": "note", "cues": [0.5], "seed": 2})
    line = Said({"mix": LayerWords("line")}, negative="line")
    order = [table, markers, notes, line]
    assert [settle(order[first:]).layers[0].prompt for first in range(4)] == ["table", "marker", "note", "line"]
    assert settle(order) == Words((Layer("mix", "table", "marker", (Cue(Fraction(21, 2)),)),), seed=2)


def test_metadata_gives_words_layers_cues_and_seed() -> None:
    words = heard(
        {
            "negative": "music",
            "seed": 7.0,
            "layers": {"effects": {"prompt": "a door", "cues": [0.5, "12f@0.4"]}, "ambience": "a hall"},
            "grade": "warm",
        }
    )
    cues = (Cue(Fraction(21, 2)), Cue(10 + Fraction(12, 25), 0.4))
    assert words == Words((Layer("effects", "a door", "music", cues), Layer("ambience", "a hall", "music")), seed=7)


def test_the_nearest_metadata_wins() -> None:
    timeline = {"preset": "rain", "silent": True}
    assert heard(timeline).silent
    assert heard({"silent": False, "prompt": ""}, timeline) == Words((Layer("mix", "", "music, speech"),))
    assert heard({}, {"prompt": "x", "silent": True}, {"silent": False}).silent


def test_provenance_is_no_wish() -> None:
    assert heard({"synthetic": True, "prompt": "rain", "cues": [{"time_s": "1"}], "seed": 3}) == Words((Layer("mix"),))


@pytest.mark.parametrize(
    ("note", "message"),
    [
        (5, "under 'v2a' is 5"),
        ({"prompt": 5}, "says prompt: 5"),
        ({"silent": "yes"}, "says silent: 'yes'"),
        ({"seed": 1.5}, "says seed: 1.5"),
        ({"seed": True}, "says seed: True"),
        ({"layers": ["effects"]}, "says layers"),
        ({"layers": {"foley": "x"}}, "unknown layer 'foley'"),
        ({"layers": {"effects": 3}}, "gives a layer 3"),
        ({"cues": 3}, "says cues: 3"),
        ({"cues": [{}]}, "holds the cue {}"),
        ({"cues": [-1]}, "'-1' is no time"),
        ({"cues": [float("nan")]}, "'nan' is no time"),
        ({"preset": "reign"}, "unknown preset"),
        ({"prompt": "x" * 3000}, "3,000 characters"),
    ],
)
def test_metadata_of_another_kind_is_refused(note: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        heard(note)


def test_presets_are_complete_and_found_however_they_are_written() -> None:
    assert len(presets()) >= 10
    assert all(preset.prompt and preset.negative and preset.use for preset in presets().values())
    assert find_preset("Room-Tone") == find_preset("room_tone") == presets()["room tone"]
