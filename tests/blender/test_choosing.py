"""What the button asks for: strips by path, rendered or left out, ranges, words; as the user meets it."""

import re
from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import pytest

from v2a_blender.choosing import (
    EDIT,
    RANGE,
    SELECTED,
    Edit,
    Layer,
    RefusedError,
    Wishes,
    choose,
    is_word,
    job,
    wishes_of,
)
from v2a_blender.timing import NEAREST_UP, StripFacts

RATE = F(24)


def film(name: str = "shot", start: int = 1, end: int = 49, **said: Any) -> StripFacts:
    facts: dict[str, Any] = {
        "kind": "MOVIE",
        "channel": 1,
        "content_start": F(start),
        "content_end": F(end),
        "path": f"/films/{name}.mp4",
        "film_rate": RATE,
        "n_media": end - start,
    }
    return StripFacts(name=name, start=start, end=end, **{**facts, **said})


def text(said: str, start: int, end: int, **more: Any) -> StripFacts:
    return StripFacts("title", "TEXT", 3, start, end, **{"text": said, "selected": False, **more})


def edit(*strips: StripFacts, markers: tuple[tuple[int, str], ...] = ()) -> Edit:
    return Edit(RATE, NEAREST_UP, strips, markers, (".png",))


def test_selected_films_go_by_path_each_for_itself() -> None:
    asked, refused = choose(edit(film("b", 49, 97), film("a"), film("c", selected=False)), SELECTED)
    assert [(one.name, one.start, one.end, one.is_rendered) for one in asked] == [
        ("a", 1, 49, False),
        ("b", 49, 97, False),
    ]
    assert refused == []


@pytest.mark.parametrize(
    ("strip", "why"),
    [
        (film(kind="SCENE"), "a scene"),
        (film(kind="META"), "a meta strip"),
        (film(kind="CROSS"), "an effect"),
        (film(keys=(F(1), F(9), F(49))), "speed changes"),
        (film(strobe=3.0), "strobed"),
        (film(parent_retimed=True), "meta strip around it"),
        (film(kind="IMAGE", images=("/shot/1.exr", "/shot/2.exr")), r"\.exr"),
    ],
)
def test_what_cannot_be_said_in_pieces_is_rendered_alone(strip: StripFacts, why: str) -> None:
    (one,), _ = choose(edit(strip, film("other", selected=False)), SELECTED)
    assert one.is_rendered
    assert re.search(why, one.why)
    assert (one.show, one.rendered) == (("shot",), (1, 49))


def test_inside_a_meta_strip_the_metas_are_shown_too() -> None:
    (one,), _ = choose(edit(film(kind="SCENE", parents=("act", "scene 3"))), SELECTED)
    assert one.show == ("act", "scene 3", "shot")


def test_an_adjustment_is_of_all_that_lies_below() -> None:
    (one,), _ = choose(edit(film(kind="ADJUSTMENT"), film("below", selected=False)), SELECTED)
    assert one.show == ()


def test_what_an_effect_is_made_of_is_not_asked_for_twice() -> None:
    strips = film("a"), film("b"), film("cross", kind="CROSS", inputs=("a", "b"))
    asked, _ = choose(edit(*strips), SELECTED)
    assert [one.name for one in asked] == ["cross"]


def test_what_is_left_out_is_named_with_what_to_do() -> None:
    asked, refused = choose(
        edit(
            film("good"),
            film("quiet", muted=True),
            film("gone", missing="/films/gone.mp4"),
            film("early", -10, 30, kind="META"),
        ),
        SELECTED,
    )
    assert [one.name for one in asked] == ["good"]
    assert refused == [
        "'quiet' is muted: unmute it or its channel, or select other strips",
        "'gone': /films/gone.mp4 is not there: set its path under Strip › Source",
        "'early' begins before frame 0, which Blender cannot render: move it to the right",
    ]


@pytest.mark.parametrize("strips", [(), (film(selected=False),), (film(kind="SOUND"),)])
def test_nothing_to_look_at(strips: tuple[StripFacts, ...]) -> None:
    with pytest.raises(RefusedError, match="select film, image, scene"):
        choose(edit(*strips), SELECTED)


def test_a_range_inside_one_film_goes_by_path() -> None:
    (one,), _ = choose(edit(film(selected=False)), RANGE, (11, 21))
    assert one.mapping is not None
    assert one.mapping.pieces[0].source == (F(10, 24), F(20, 24))
    assert one.mapping.available == (F(1, 24), F(49, 24))


def test_a_range_over_a_cut_is_rendered_as_it_is_seen_with_its_handles() -> None:
    (one,), _ = choose(edit(film("a"), film("b", 49, 97), film("off", muted=True)), RANGE, (40, 60), F(1, 2))
    assert (one.start, one.end, one.show, one.rendered) == (40, 60, (), (28, 72))
    (one,), _ = choose(edit(film("a"), film("b", 49, 97)), RANGE, (2, 96), F(1, 2))
    assert one.rendered == (1, 97)  # no picture before the first strip, and behind the last


def test_the_whole_edit_is_from_the_first_picture_to_the_last() -> None:
    strips = film("a", 11, 49), film("b", 60, 97), film("mute", 0, 300, muted=True), film("s", 0, 300, kind="SOUND")
    (one,), _ = choose(edit(*strips), EDIT)
    assert (one.start, one.end) == (11, 97)


def test_a_range_that_reaches_into_the_black_ends_with_the_picture() -> None:
    (one,), _ = choose(edit(film()), RANGE, (-10, 251))
    assert (one.start, one.end, one.is_rendered) == (1, 49, False)


@pytest.mark.parametrize(
    ("strip", "scope", "said"),
    [
        (film(muted=True), EDIT, "shows no picture: add a strip"),
        (film(muted=True), RANGE, "shows no picture: add a strip"),
        (film(), RANGE, "frames 60 to 70 show no picture: choose a range"),
    ],
)
def test_an_edit_without_a_picture(strip: StripFacts, scope: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        choose(edit(strip), scope, (60, 70))


def test_a_range_before_frame_0_is_refused_where_it_has_to_be_rendered() -> None:
    strips = film("a", -20, 20), film("b", 20, 60)
    with pytest.raises(RefusedError, match="before frame 0"):
        choose(edit(*strips), RANGE, (-5, 30))


def test_markers_inside_and_text_strips_over_a_shot_say_its_words() -> None:
    marks = (0, "v2a: too early"), (12, "v2a-cue"), (20, "scene 4"), (48, "v2a-not: music"), (49, "v2a: too late")
    strips = film(), text("v2a: rain\non a roof", -9, 40), text("Chapter One", 1, 49), text("v2a: later", 60, 90)
    (one,), _ = choose(edit(*strips, markers=marks), SELECTED)
    assert one.words == ((1, "v2a: rain on a roof"), (12, "v2a-cue"), (48, "v2a-not: music"))


def test_a_selected_text_strip_says_all_of_its_text_and_makes_a_sound_alone() -> None:
    title = text("a door slams", 20, 30, selected=True)
    (one,), _ = choose(edit(film(), title), SELECTED)
    assert (one.name, one.words) == ("shot", ((20, "v2a: a door slams"),))
    (one,), _ = choose(edit(film(selected=False), title), SELECTED)
    assert (one.name, one.start, one.end, one.words) == ("title", 20, 30, ((20, "v2a: a door slams"),))
    assert one.mapping is not None
    assert one.mapping.pieces[0].source == (F(19, 24), F(29, 24))


def test_the_whole_edit_is_cut_where_words_begin_and_end() -> None:
    strips = film("a"), film("b", 49, 97), text("v2a: rain", 30, 60, muted=True)
    asked, _ = choose(edit(*strips), EDIT)
    assert [(one.start, one.end, one.words) for one in asked] == [
        (1, 30, ()),
        (30, 60, ((30, "v2a: rain"),)),
        (60, 97, ()),
    ]


@pytest.mark.parametrize("said", ["v2a: rain", "V2A-cue", " v2a-effects-not: music", "v2a-silent"])
def test_what_speaks_to_us(said: str) -> None:
    assert is_word(said)
    assert not is_word(f"see {said}")
    assert not is_word("v2a studio makes sound")


def test_a_job_says_everything_as_exact_text() -> None:
    shot = replace(film(start=100, end=148), film_rate=F(24000, 1001))
    of = Edit(F(24000, 1001), NEAREST_UP, (shot,), ((112, "v2a-cue"),))
    (one,), _ = choose(of, SELECTED)
    wishes = Wishes("door", "music", "rain", (Layer("effects", "slam"), Layer("ambience")), 2, 7, "best", "m", F(3, 2))
    body = job(one, of, wishes, {"scene": "x"})
    assert body == {
        "name": "shot",
        "source": {"film": "/films/shot.mp4"},
        "pieces": [{"source": ["0", "1001/500"], "presented": ["1001/240", "37037/6000"]}],
        "range": ["1001/240", "37037/6000"],
        "available": ["1001/240", "37037/6000"],
        "handles": "3/2",
        "rate": "24000/1001",
        "layers": [
            {"name": "effects", "prompt": "slam", "negative": "music"},
            {"name": "ambience", "prompt": "door", "negative": "music"},
        ],
        "preset": "rain",
        "markers": [{"time": "7007/1500", "text": "v2a-cue"}],
        "takes": 2,
        "seed": 7,
        "quality": "best",
        "model": "m",
        "output": "",
        "tag": {"scene": "x"},
    }


def test_a_rendered_job_names_its_command_and_how_many_frames_it_makes() -> None:
    of = edit(film(kind="SCENE"))
    (one,), _ = choose(of, SELECTED)
    body = job(one, of, Wishes(), None, {"command": ["blender"], "film": "/r/v2a/p.mp4", "folder": "/r/v2a"})
    assert body["source"]["render"] == {
        "command": ["blender"],
        "film": "/r/v2a/p.mp4",
        "folder": "/r/v2a",
        "n_frames": 48,
    }
    assert (body["pieces"], body["available"]) == ([], ["1/24", "49/24"])


def test_images_are_listed_a_frame_each() -> None:
    of = edit(film(kind="IMAGE", end=3, images=("/s/1.png", "/s/2.png"), content_end=F(3)))
    (one,), _ = choose(of, SELECTED)
    assert job(one, of, Wishes(), None)["source"] == {"images": ["/s/1.png", "/s/2.png"], "rate": "24"}


def test_a_strip_says_what_its_sound_was_asked_for_with() -> None:
    made = {"layer": "effects", "prompt": "a door", "negative": "music", "seed": 7, "handles": ["13/25", "0"]}
    assert wishes_of(made) == Wishes(
        negative="music", layers=(Layer("effects", "a door"),), seed=7, quality="standard", handles_s=F(13, 25)
    )


@pytest.mark.parametrize(
    "damaged",
    [
        {"seed": "seven"},
        {"seed": None},
        {"seed": float("inf")},
        {"seed": -4},
        {"handles": 5},
        {"handles": ["1/0"]},
        {"handles": ["soon"]},
        {"handles": ["1e999999999"]},
        {"handles": [{}]},
    ],
    ids=str,
)
def test_a_strip_whose_words_are_damaged_is_refused(damaged: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=r"is damaged: select its film, and press Generate Sound"):
        wishes_of({"layer": "mix", **damaged})
