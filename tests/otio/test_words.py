"""Words for events from timelines: table, markers, metadata and command line together."""

from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.otio.timelines import clip, save, span, timeline
from v2a.errors import UsageError
from v2a_otio.conform import outline, prepare
from v2a_otio.plan import Options


def shots(reel: Path, count: int = 4) -> otio.schema.Timeline:
    """Shots of half a second."""
    return timeline([clip(f"shot {number}", str(reel), span(9 * number, 9, 18)) for number in range(1, count + 1)])


def planned(made: otio.schema.Timeline, folder: Path, **options: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = outline(prepare(save(made, folder / "cut.otio"), Options(**options)))["events"]
    return events


def prompts(events: list[dict[str, Any]]) -> list[str]:
    return [event["layers"][0]["prompt"] if event["layers"] else event["error"] for event in events]


def test_table_then_markers_then_metadata_then_command_line(tmp_path: Path, reel: Path) -> None:
    made = shots(reel, 5)
    made.metadata["v2a"] = {"negative": "speech", "seed": 11}
    for number in (1, 2):
        made.tracks[0][number - 1].markers.append(
            otio.schema.Marker("v2a: marker", marked_range=span(9 * number, 1, 18))
        )
    for number in (1, 2, 3):
        made.tracks[0][number - 1].metadata["v2a"] = {"prompt": "metadata", "seed": number}
    made.tracks[0][3].metadata["v2a"] = {"silent": True, "prompt": "never heard"}
    table = tmp_path / "words.csv"
    table.write_text("event,prompt\n1,table\n4,table\n")
    events = planned(made, tmp_path, prompts=table, prompt="line", preset="rain")
    assert prompts(events) == ["table", "marker", "metadata", "marked silent", "line"]
    assert [event["status"] for event in events] == ["pending"] * 3 + ["skipped", "pending"]
    assert [event["seed"] for event in events] == [1, 2, 3, 11, 11]
    assert [event["layers"][0]["negative"] for event in events if event["layers"]] == ["speech"] * 4


def test_a_preset_alone_gives_words_to_all(tmp_path: Path, reel: Path) -> None:
    events = planned(shots(reel), tmp_path, preset="room tone")
    assert prompts(events) == ["room tone, quiet room"] * 4
    assert events[0]["layers"][0]["negative"] == "music, speech, footsteps"
    with pytest.raises(UsageError, match="unknown preset 'nothing'"):
        Options(preset="nothing")


def test_ranges_are_timecode_of_the_timeline(tmp_path: Path, reel: Path) -> None:
    made = shots(reel)
    made.global_start_time = otio.opentime.RationalTime(3600 * 18, 18)
    table = tmp_path / "words.csv"
    table.write_text("from,to,prompt\n01:00:00:00,01:00:00:09,first\n01:00:00:09,01:00:01:09,then\n")
    assert prompts(planned(made, tmp_path, prompts=table, prompt="line")) == ["first", "then", "then", "line"]


def test_metadata_that_makes_no_sense_fails_its_event_alone(tmp_path: Path, reel: Path) -> None:
    made = shots(reel)
    made.tracks[0][1].metadata["v2a"] = {"prompt": ["rain"]}
    made.tracks[0][2].markers.append(otio.schema.Marker("v2a: " + "x" * 3000, marked_range=span(27, 1, 18)))
    events = planned(made, tmp_path)
    assert [event["status"] for event in events] == ["pending", "failed", "failed", "pending"]
    assert "its metadata says prompt: ['rain']" in events[1]["error"]
    assert "3,000 characters" in events[2]["error"]


def test_metadata_gives_layers(tmp_path: Path, reel: Path) -> None:
    made = shots(reel, 1)
    made.tracks[0][0].metadata["v2a"] = {
        "layers": {"effects": {"prompt": "a door", "cues": ["3f"]}, "ambience": "hall"}
    }
    (event,) = planned(made, tmp_path)
    assert [(layer["layer"], layer["prompt"]) for layer in event["layers"]] == [
        ("effects", "a door"),
        ("ambience", "hall"),
    ]
    assert [cue["num"] / cue["den"] for cue in event["layers"][0]["cues"]] == [3 / 18]
