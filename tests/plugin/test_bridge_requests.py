"""What a host asks for, and what the server is asked for it."""

from fractions import Fraction as F
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.hosting import job_for
from v2a.errors import UsageError
from v2a.request import Cue, Layer, Piece
from v2a_plugin.bridge.requests import FilmSource, ImagesSource, Job, RenderSource, changed_parameters, read_job
from v2a_plugin.bridge.showing import shown_with_handles, stray_cues
from v2a_plugin.presets import find_preset
from v2a_plugin.timeline import Range

FILM = {"film": "/films/reel.mp4"}
RENDER = {"command": ["blender"], "film": "/tmp/v2a-1/f.mp4", "folder": "/tmp/v2a-1", "n_frames": 25}  # noqa: S108
FRAME = F(1, 25)


def job(**changes: Any) -> Job:
    return read_job(job_for(FILM, **changes))


def test_a_job_without_more_is_a_mix_of_the_films_second() -> None:
    found = job()
    assert found.source == FilmSource(Path("/films/reel.mp4"))
    assert found.pieces == (Piece(F(0), F(1), F(0), F(1)),)
    assert (found.range, found.available, found.handle_s) == (Range(F(0), F(1)), Range(F(0), F(1)), F(0))
    assert (found.layers, found.model, found.output) == ((Layer("mix"),), "", None)
    assert (found.sampling.takes, found.sampling.seed, found.sampling.quality) == (1, 0, "standard")


def test_times_are_exact() -> None:
    found = job(
        pieces=[{"source": ["1001/24000", "2002/24000"], "presented": ["10.01", "10.0517083333333333"]}],
        range=["10.01", "10.0517083333333333"],
        rate="24000/1001",
        origin="3600",
    )
    assert found.pieces[0].source_start_s == F(1001, 24000)
    assert (found.range.start_s, found.rate, found.origin_s) == (F(1001, 100), F(24000, 1001), F(3600))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": 23.976}, r"job\.rate is 23\.976 and must be an exact number as text"),
        ({"rate": "0"}, r"job\.rate must be frames a second"),
        ({"rate": "1e9"}, r"job\.rate is '1e9'"),
        ({"rate": "1/0"}, r"job\.rate is '1/0'"),
        ({"name": ""}, r"job\.name is empty"),
        ({"name": None}, r"job\.name is missing"),
        ({"range": ["1", "1"]}, r"job\.range is empty"),
        ({"range": ["0"]}, r"job\.range is \['0'\] and must be two times"),
        ({"range": ["0", "2"]}, r"job\.pieces must show the whole of job\.range"),
        ({"available": ["0.5", "1"]}, r"job\.available must hold the whole"),
        ({"handles": "-1"}, r"job\.handles must be seconds of zero or more"),
        ({"takes": 17}, "takes must lie between 1 and 16"),
        ({"takes": "2"}, r"job\.takes is '2' and must be a whole number"),
        ({"takes": True}, r"job\.takes is True"),
        ({"seed": -1}, "the seed must lie between"),
        ({"seed": 1.5}, r"job\.seed is 1\.5"),
        ({"quality": "fine"}, "unknown quality 'fine'"),
        ({"steps": 1000}, "steps must lie"),
        ({"guidance": "high"}, r"job\.guidance is 'high' and must be a number"),
        ({"output": "sounds"}, r"job\.output is 'sounds' and must be an absolute path"),
        ({"promt": "rain"}, r"job has no promt: choose from .*preset"),
        ({"preset": "reign"}, "unknown preset 'reign'"),
        ({"layers": [{"name": "foley"}]}, "unknown layer 'foley'"),
        ({"layers": [{"name": "mix"}, {"name": ""}]}, "layer named twice: mix"),
        ({"layers": [{"prompt": "x" * 2001}]}, "2,001 characters"),
        ({"layers": [{"text": "x"}]}, r"job\.layers\[0\] has no text: choose from name, negative, prompt"),
        ({"layers": ["mix"]}, r"job\.layers\[0\] is 'mix' and must be an object"),
        ({"cues": [{"time": "0", "strength": 0}]}, "strength lies in"),
        ({"cues": [{"time": 0.5}]}, r"job\.cues\[0\]\.time is 0\.5"),
        ({"cues": [{"time": "0"}] * 4097}, "at most 4,096 cues"),
        ({"markers": [{"time": "0", "text": "v2a-silent"}]}, "nothing is to be made"),
        ({"markers": {"time": "0"}}, r"job\.markers is .* and must be a list"),
        ({"pieces": []}, r"job\.pieces is missing"),
        ({"pieces": [{"source": ["-1", "0"], "presented": ["0", "1"]}]}, "before the film's first frame"),
        (
            {"pieces": [{"source": ["0", "1"], "presented": [a, b]} for a, b in (("0", "1"), ("2", "3"))]},
            r"job\.pieces\[1\]\.presented must start where the piece before it ends",
        ),
    ],
)
def test_bad_parameters_are_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        job(**changes)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, r"job\.source must have one of film, images and render"),
        ({**FILM, "images": []}, "must have one of"),
        ({"film": "reel.mp4"}, r"job\.source\.film is 'reel\.mp4' and must be an absolute path"),
        ({"film": "/a\0b"}, "must be an absolute path"),
        ({**FILM, "speed": 2}, r"job\.source has no speed"),
        ({"images": ["/a.png"]}, r"job\.source\.rate is missing"),
        ({"images": [], "rate": "25"}, "must list 1 to"),
        ({"images": ["/a.png", 5], "rate": "25"}, r"job\.source\.images\[1\]"),
        ({"render": {**RENDER, "command": []}}, "a program and its arguments"),
        ({"render": {**RENDER, "n_frames": 24}}, r"n_frames is 24, and what it shows has 25 frames"),
        ({"render": {**RENDER, "n_frames": 0}}, "must be 1 or more"),
        ({"render": {**RENDER, "folder": "/home/me"}}, "must lie in its folder"),
        ({"render": {**RENDER, "folder": "/"}}, "must lie in its folder"),
        ({"render": {**RENDER, "folder": "/tmp"}}, "its name must begin with v2a"),  # noqa: S108
        ({"render": {**RENDER, "extra": 1}}, r"job\.source\.render has no extra"),
        ([], r"job\.source is \[\] and must be an object"),
    ],
)
def test_bad_sources_are_refused_by_name(source: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_job({**job_for(source)})


def test_images_and_renders_are_read() -> None:
    images = read_job(job_for({"images": ["/a/1.png", "/b/x.png"], "rate": "18"}))
    assert images.source == ImagesSource((Path("/a/1.png"), Path("/b/x.png")), F(18))
    found = read_job(job_for({"render": {**RENDER, "n_frames": 50}}, available=["-0.5", "1.5"]))
    assert isinstance(found.source, RenderSource)
    assert found.pieces == (Piece(F(1, 2), F(3, 2), F(0), F(1)),)
    with pytest.raises(UsageError, match="a render has none"):
        read_job({**job_for({"render": RENDER}), "pieces": [{"source": ["0", "1"], "presented": ["0", "1"]}]})


def test_handles_are_whole_frames_as_far_as_timeline_and_film_go() -> None:
    asked = job(
        pieces=[{"source": ["1", "2"], "presented": ["10", "11"]}], range=["10", "11"],
        available=["9.5", "13"], handles="1.01",
    )  # fmt: skip
    shown = shown_with_handles(asked, F(100), FRAME)
    assert (shown.before_s, shown.after_s) == (F(12, 25), F(1))
    assert shown.pieces == (Piece(1 - F(12, 25), F(3), 10 - F(12, 25), F(12)),)
    assert shown_with_handles(asked, F(5, 2), FRAME).after_s == F(12, 25)


def test_handles_of_retimed_reversed_and_held_pieces() -> None:
    def shown(*source: str, duration_s: int = 10) -> tuple[object, ...]:
        asked = job(pieces=[{"source": list(source), "presented": ["0", "1"]}], handles="1", available=["-9", "9"])
        found = shown_with_handles(asked, F(duration_s), FRAME)
        return found.before_s, found.after_s, found.pieces

    assert shown("1", "3") == (F(12, 25), 1, (Piece(F(1, 25), F(5), -F(12, 25), F(2)),))
    assert shown("3", "2") == (1, 1, (Piece(F(4), F(1), F(-1), F(2)),))
    assert shown("9.5", "8.5") == (F(12, 25), 1, (Piece(F(998, 100), F(15, 2), -F(12, 25), F(2)),))
    assert shown("5", "5") == (1, 1, (Piece(F(5), F(5), F(-1), F(2)),))


def test_what_is_shown_beyond_the_films_end_is_its_last_frame() -> None:
    asked = job(pieces=[{"source": ["0", "4"], "presented": ["0", "4"]}], range=["0", "4"], handles="1")
    shown = shown_with_handles(asked, F(3), FRAME)
    assert shown.pieces == (Piece(F(0), F(3), F(0), F(3)), Piece(F(74, 25), F(74, 25), F(3), F(4)))
    assert shown.warnings == ("the film is 1 s shorter than what is shown of it: its last frame is held",)
    # Hosts round a film's length to their own frames.
    assert shown_with_handles(asked, 4 - FRAME / 2, FRAME).warnings == ()
    backwards = job(pieces=[{"source": ["4", "2"], "presented": ["0", "1"]}])
    assert shown_with_handles(backwards, F(3), FRAME).pieces == (
        Piece(F(74, 25), F(74, 25), F(0), F(1, 2)),
        Piece(F(3), F(2), F(1, 2), F(1)),
    )
    assert shown_with_handles(asked, F(3), FRAME).pieces[-1].presented_end_s == 4


def test_pieces_are_cut_to_the_range() -> None:
    pieces = [{"source": ["0", "2"], "presented": ["0", "1"]}, {"source": ["8", "6"], "presented": ["1", "3"]}]
    found = job(pieces=pieces, range=["0.5", "2"])
    assert found.pieces == (Piece(F(1), F(2), F(1, 2), F(1)), Piece(F(8), F(7), F(1), F(2)))
    assert found.available == Range(F(0), F(3))


def test_words_come_from_markers_then_the_job_then_its_preset() -> None:
    rain = find_preset("rain")
    assert job(preset="rain").layers == (Layer("mix", rain.prompt, rain.negative),)
    assert job(preset="rain", layers=[{"name": "effects", "prompt": "a door"}]).layers == (Layer("effects", "a door"),)
    marked = [{"time": "0", "text": "v2a: wind"}, {"time": "0.5", "text": "v2a-cue"}, {"time": "0", "text": "F_01"}]
    assert job(layers=[{"prompt": "a door", "negative": "music"}], markers=marked).layers == (
        Layer("mix", "wind", "music", (Cue(F(1, 2)),)),
    )


def test_cues_are_for_the_layers_that_follow_events() -> None:
    layers = [{"name": "mix"}, {"name": "effects"}, {"name": "music"}]
    found = job(layers=layers, cues=[{"time": "0.75", "strength": 0.5}, {"time": "0.25"}]).layers
    cues = (Cue(F(1, 4)), Cue(F(3, 4), 0.5))
    assert [layer.cues for layer in found] == [cues, cues, ()]
    assert stray_cues(found, Range(F(0), F(1, 2))) == [
        f"{name}: 1 of 2 cues lie outside the sound and are not heard" for name in ("mix", "effects")
    ]


def test_a_changed_copy_has_one_layer_and_settled_words() -> None:
    parameters = job_for(FILM, layers=[{"name": "effects"}, {"name": "music", "prompt": "a waltz"}], preset="door")
    changed = changed_parameters(parameters, {"layer": "effects", "quality": "best"}, 8)
    found = read_job(changed)
    door = find_preset("door")
    assert found.layers == (Layer("effects", door.prompt, door.negative),)
    assert (found.sampling.seed, found.sampling.quality) == (8, "best")
    assert changed_parameters(parameters, {"seed": 3}, 8)["seed"] == 3
    with pytest.raises(UsageError, match="no layer 'mix'"):
        changed_parameters(parameters, {"layer": "mix"}, 8)
