from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from v2a_plugin.placement import Sound, differences, plan_tracks


def sound(name: str, start: int, end: int, layer: str = "effects", takes: tuple[str, ...] = ()) -> Sound:
    others = tuple(Path(f"{take}.wav") for take in takes)
    return Sound(Path(f"{name}.wav"), Fraction(start), Fraction(end), name, layer, others)


def test_each_layer_gets_a_track_named_and_grouped_for_the_sound_department() -> None:
    plan = plan_tracks(
        [
            sound("m", 0, 8, layer="music"),
            sound("x", 0, 8, layer="something new"),
            sound("wind", 0, 8, layer="ambience"),
            sound("b", 4, 8),
            sound("a", 0, 4, takes=("a2",)),
        ]
    )
    assert [(track.name, [item.name for item in track.items]) for track in plan] == [
        ("V2A SFX", ["a", "b"]),
        ("V2A AMB", ["wind"]),
        ("V2A MX", ["m"]),
        ("V2A something new", ["x"]),
    ]
    assert [item.takes for item in plan[0].items] == [(Path("a2.wav"),), ()]


def test_sounds_that_overlap_go_to_tracks_side_by_side() -> None:
    plan = plan_tracks([sound("a", 0, 5), sound("b", 4, 8), sound("c", 7, 9), sound("d", 8, 9)])
    assert [(track.name, [item.name for item in track.items]) for track in plan] == [
        ("V2A SFX", ["a", "c"]),
        ("V2A SFX B", ["b", "d"]),
    ]


def test_differences_are_told_in_sentences() -> None:
    plan = plan_tracks([sound("a", 0, 4), sound("b", 4, 8)])
    assert differences(plan, plan) == []
    assert differences(plan, []) == ["track 'V2A SFX' is missing"]
    track = plan[0]
    short = replace(track, items=track.items[:1])
    assert differences(plan, [short]) == ["track 'V2A SFX' holds 1 items instead of 2"]
    late = replace(track.items[0], start_s=Fraction(1, 25), path=Path("x.wav"))
    assert differences(plan, [replace(track, items=(late, track.items[1]))]) == [
        "'a' on track 'V2A SFX' plays x.wav instead of a.wav",
        "'a' on track 'V2A SFX' starts at 0.040000 s instead of 0.000000 s",
    ]
    other = replace(track.items[0], takes=(Path("a2.wav"),))
    assert differences(plan, [replace(track, items=(other, track.items[1]))]) == [
        "'a' on track 'V2A SFX' has as further takes a2.wav instead of none"
    ]
