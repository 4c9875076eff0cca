from fractions import Fraction

import pytest

from v2a.errors import UsageError
from v2a.request import Cue, Layer
from v2a_plugin.prompts import Marker, said_by_markers
from v2a_plugin.words import Words, settle


def words_from_markers(markers: list[Marker]) -> Words:
    return settle([said_by_markers(markers)])


def test_markers_speak() -> None:
    words = words_from_markers(
        [
            Marker(Fraction(3), "v2a-cue"),
            Marker(Fraction(1), "V2A: rain on a roof", "v2a-not: music"),
            Marker(Fraction(2), "", "v2a: distant thunder"),
            Marker(Fraction(2), "check the grade", "v2a is nice"),
        ]
    )
    assert words.layers == (Layer("mix", "rain on a roof, distant thunder", "music", (Cue(Fraction(3)),)),)
    assert not words.silent


def test_markers_may_ask_for_silence_or_say_nothing() -> None:
    assert words_from_markers([Marker(Fraction(0), "v2a-silent")]).silent
    assert words_from_markers([]).layers == (Layer("mix"),)


def test_markers_may_name_layers_and_presets() -> None:
    words = words_from_markers(
        [
            Marker(Fraction(1), "v2a-effects: a door"),
            Marker(Fraction(2), "V2A-EFFECTS-CUE"),
            Marker(Fraction(3), "v2a-ambience-preset: Rain"),
            Marker(Fraction(4), "v2a-not: birds"),
            Marker(Fraction(5), "v2a-foley: nothing"),
        ]
    )
    effects, ambience = words.layers
    assert effects == Layer("effects", "a door", "birds", (Cue(Fraction(2)),))
    assert ambience == Layer("ambience", "rain, rain falling", "birds")
    with pytest.raises(UsageError, match="unknown preset 'reign': choose from room tone"):
        words_from_markers([Marker(Fraction(0), "v2a-preset: reign")])


def test_cues_without_a_layer_go_where_things_strike() -> None:
    cue = Marker(Fraction(1), "v2a-cue")
    layers = words_from_markers([Marker(Fraction(0), "v2a-ambience: hall"), cue, Marker(Fraction(0), "v2a-effects: x")])
    assert {layer.name: len(layer.cues) for layer in layers.layers} == {"ambience": 0, "effects": 1}
