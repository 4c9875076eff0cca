"""The plug-in as other programs meet it: through `otioconvert`, and where OpenTimelineIO reads and writes."""

import subprocess
import sys
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.otio.local_maker import LocalMaker, watch
from tests.otio.timelines import clip, gap, save, span, timeline
from v2a_otio.conform import conform, outline, prepare
from v2a_otio.plan import Options
from v2a_otio.tracks import read_tracks

OTIOCONVERT = Path(sys.executable).with_name("otioconvert")


def otioconvert(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(OTIOCONVERT), *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
    )


def prompts(path: Path) -> list[str]:
    """What would be heard, by the timeline alone."""
    events = outline(prepare(path, Options()))["events"]
    return [event["layers"][0]["prompt"] if event["layers"] else event["error"] for event in events]


def test_it_is_found_without_being_named() -> None:
    manifest = otio.plugins.ActiveManifest()
    assert "v2a" in [linker.name for linker in manifest.media_linkers]
    assert {"v2a_words", "v2a_sounds"} <= {script.name for script in manifest.hook_scripts}
    assert "v2a_words" in manifest.hooks["post_adapter_read"]
    assert "v2a_sounds" in manifest.hooks["pre_adapter_write"]


def test_words_of_a_table_become_metadata(tmp_path: Path, reel: Path) -> None:
    shots = [clip(name, str(reel), span(9 * number, 9, 18)) for number, name in enumerate(("door", "hall", "sky"))]
    cut = save(timeline(shots), tmp_path / "cut.otio")
    (tmp_path / "words.csv").write_text(
        "clip,from,layer,prompt,negative,cues,seed\n"
        "door,,effects,a slam,music,3f@0.5,7\n"
        ",0.5,,wind,,,\n"
        "sky,,silent,,,,\n",
    )
    done = otioconvert("-i", cut, "-o", tmp_path / "said.otio", "-H", f"v2a_prompts={tmp_path / 'words.csv'}")
    assert done.returncode == 0, done.stderr
    assert prompts(tmp_path / "said.otio") == ["a slam", "wind", "wind"]
    first = otio.adapters.read_from_file(str(tmp_path / "said.otio")).tracks[0][0]
    assert first.metadata["v2a"]["layers"]["effects"]["negative"] == "music"
    (event, *_) = outline(prepare(tmp_path / "said.otio", Options()))["events"]
    (cue,) = event["layers"][0]["cues"]
    assert (event["seed"], cue["num"], cue["den"]) == (7, 1, 6)
    assert prompts(cut) == ["", "", ""], "the timeline that was read is as it was"


def test_finished_sounds_come_with_the_timeline_that_is_written(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    shots = [clip("door", str(reel), span(0, 9, 18)), gap(9, 18), clip("hall", str(reel), span(9, 18, 18))]
    cut = save(timeline(shots), tmp_path / "cut.otio")
    out = tmp_path / "out"
    conform(prepare(cut, Options(handles="0", preview=False)), out, maker, watch)
    done = otioconvert("-i", cut, "-o", tmp_path / "with.otio", "-H", f"v2a_report={out}")
    assert done.returncode == 0, done.stderr
    made, master = (otio.adapters.read_from_file(str(path)) for path in (tmp_path / "with.otio", out / "timeline.otio"))
    assert made.tracks[0].to_json_string() == otio.adapters.read_from_file(str(cut)).tracks[0].to_json_string()
    (track,) = read_tracks(made)
    (wanted,) = read_tracks(master)
    assert [(item.name, item.start_s, item.end_s) for item in track.items] == [
        (item.name, item.start_s, item.end_s) for item in wanted.items
    ]
    assert [item.path for item in track.items] == [out / item.path for item in wanted.items]
    assert all(item.path.is_file() for item in track.items)

    other = save(timeline([clip("door", str(reel), span(0, 10, 18))]), tmp_path / "other.otio")
    refused = otioconvert("-i", other, "-o", tmp_path / "no.otio", "-H", f"v2a_report={out}")
    assert refused.returncode != 0
    assert "another length or start" in refused.stderr
    assert not (tmp_path / "no.otio").exists()


def test_clips_are_linked_by_two_keys_or_say_why_not(tmp_path: Path, reel: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    (films / "reel.mp4").write_bytes(reel.read_bytes())
    (films / "short.mp4").write_bytes(reel.read_bytes())
    right = clip("right", "/gone/reel.mp4", span(0, 9, 18), available=span(0, 72, 18))
    wrong = clip("wrong", "/gone/short.mp4", span(0, 9, 18), available=span(0, 20, 18))
    made = timeline([right, wrong])
    sound = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    sound.append(clip("sound", "/gone/reel.wav", span(0, 9, 18)))
    made.tracks.append(sound)
    cut = save(made, tmp_path / "cut.otio")
    linked = tmp_path / "linked.otio"
    done = otioconvert("-i", cut, "-o", linked, "--media-linker", "v2a", "-M", f"media_root={films}")
    assert done.returncode == 0, done.stderr
    made = otio.adapters.read_from_file(str(linked))
    references = [item.media_reference for item in made.find_clips()]
    assert references[0].target_url == str(films / "reel.mp4")
    assert references[0].available_range == span(0, 72, 18)
    assert references[1].target_url == "/gone/short.mp4"
    assert "short.mp4" in references[1].metadata["v2a"]["error"]
    assert references[2].to_json_string() == sound[0].media_reference.to_json_string()
    strict = otioconvert(
        *("-i", cut, "-o", tmp_path / "no.otio", "--media-linker", "v2a"),
        *("-M", f"media_root={films}", "-M", "strict=1"),
    )
    assert strict.returncode != 0
    assert "short.mp4" in strict.stderr


CHECK = """
import sys, time
import opentimelineio as otio
otio.adapters.suffixes_with_defined_adapters(read=True)
made = otio.schema.Timeline()
path = sys.argv[1]
otio.adapters.write_to_file(made, path)
otio.adapters.read_from_file(path)
heavy = {"torch", "numpy", "av", "grpc", "v2a", "v2a_plugin"}
print(sorted(heavy & {name.split(".")[0] for name in sys.modules}))
print(sorted(name for name in sys.modules if name.split(".")[0] == "v2a_otio"))
"""


def test_who_does_not_ask_for_it_loads_nothing_of_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(tmp_path / "x.otio")], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.splitlines() == ["[]", "['v2a_otio', 'v2a_otio.otio_plugin']"]


def test_words_and_links_load_no_torch(tmp_path: Path, reel: Path) -> None:
    cut = save(timeline([clip("door", str(reel), span(0, 9, 18))]), tmp_path / "cut.otio")
    (tmp_path / "words.csv").write_text("clip,prompt\ndoor,a slam\n")
    code = (
        "import sys, opentimelineio as otio\n"
        "otio.adapters.read_from_file(sys.argv[1], media_linker_name='v2a', "
        "hook_function_argument_map={'v2a_prompts': sys.argv[2]})\n"
        "assert 'v2a_otio.media' in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(cut), str(tmp_path / "words.csv")], timeout=300, check=True)


@pytest.mark.parametrize("value", [None, {}, {"v2a_prompts": ""}])
def test_hooks_without_their_argument_give_back_what_they_got(value: dict[str, str] | None) -> None:
    made = otio.schema.Timeline("x")
    for script in otio.plugins.ActiveManifest().hook_scripts:
        if script.name.startswith("v2a"):
            assert script.run(made, value) is made
