from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from v2a_plugin.placement import Sound, differences, plan_tracks


def sound(name: str, start: int, end: int, layer: str = "effects", take: int = 0) -> Sound:
    return Sound(Path(f"{name}.wav"), Fraction(start), Fraction(end), name, layer, take)


def test_each_layer_and_take_gets_a_track_of_its_own() -> None:
    plan = plan_tracks([sound("b", 4, 8), sound("a", 0, 4), sound("a2", 0, 4, take=1), sound("m", 0, 8, layer="music")])
    assert [(track.name, [item.name for item in track.items]) for track in plan] == [
        ("V2A effects", ["a", "b"]),
        ("V2A music", ["m"]),
        ("V2A effects take 2", ["a2"]),
    ]


def test_sounds_that_overlap_go_to_tracks_side_by_side() -> None:
    plan = plan_tracks([sound("a", 0, 5), sound("b", 4, 8), sound("c", 7, 9), sound("d", 8, 9)])
    assert [(track.name, [item.name for item in track.items]) for track in plan] == [
        ("V2A effects", ["a", "c"]),
        ("V2A effects B", ["b", "d"]),
    ]


def test_differences_are_told_in_sentences() -> None:
    plan = plan_tracks([sound("a", 0, 4), sound("b", 4, 8)])
    assert differences(plan, plan) == []
    assert differences(plan, []) == ["track 'V2A effects' is missing"]
    track = plan[0]
    short = replace(track, items=track.items[:1])
    assert differences(plan, [short]) == ["track 'V2A effects' holds 1 items instead of 2"]
    late = replace(track.items[0], start_s=Fraction(1, 25), path=Path("x.wav"))
    assert differences(plan, [replace(track, items=(late, track.items[1]))]) == [
        "'a' on track 'V2A effects' plays x.wav instead of a.wav",
        "'a' on track 'V2A effects' starts at 0.040000 s instead of 0.000000 s",
    ]
