"""Exports: written, read back, and honest about what they lack."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import aaf2
import opentimelineio as otio
import pytest

from tests.otio.masters import master
from tests.otio.timelines import T, clip, gap, span, timeline
from v2a.errors import StorageError, UsageError
from v2a.request import LAYERS
from v2a_otio.exports import Export, chosen, write_exports
from v2a_otio.exports.formats import FORMATS
from v2a_otio.exports.turnover import Turnover

RATES = [Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001)]
FRAMES = [name for name, made in FORMATS.items() if not made.samples and not made.exact_source]


def cut(rate: Fraction, start_s: int = 3600) -> otio.schema.Timeline:
    """Three shots with a gap, whose edges lie on frames that floating point likes least."""
    number = float(rate)
    return timeline(
        [
            clip("door", "/films/door 1.mov", span(86400, 29, number), span(86400, 500, number)),
            gap(28, number),
            clip("street", "/films/street.mov", span(10, 56, number), span(0, 500, number)),
            clip("street", "/films/street.mov", span(201, 115, number), span(0, 500, number)),
        ],
        start=T.RationalTime(round(start_s * number), number),
    )


def between_frames() -> otio.schema.Timeline:
    """At 18 frames a second no timecode exists: 24 is written. Frame 7 of 18 lies at 9 1/3 of 24."""
    return timeline([gap(7, 18), clip("one", "/films/a.mov", span(0, 36, 18), span(0, 360, 18))])


def features(export: Export) -> set[str]:
    return {loss.feature for loss in export.losses}


def adapted(folder: Path, name: str) -> otio.schema.Timeline:
    """An export as the published adapter reads it."""
    adapter = FORMATS[name].adapter or "otio_json"

    return otio.adapters.read_from_file(str(folder / FORMATS[name].file), adapter)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_each_format_reads_back_as_planned_at_each_rate(tmp_path: Path, name: str, rate: Fraction) -> None:
    made = master(cut(rate), tmp_path, takes=2)
    (export,) = write_exports([name], made)
    assert (tmp_path / export.file).is_file()
    assert not [loss for loss in export.losses if loss.samples], "all edges lie on frames: nothing is rounded"
    said = (tmp_path / export.losses_file).read_text()
    assert "event 001: takes: take 2 of effects is not there: 001_effects_t2.wav" in said
    assert "whole: provenance:" in said


@pytest.mark.parametrize("name", FRAMES)
def test_what_is_rounded_to_frames_is_named_with_its_samples(tmp_path: Path, name: str) -> None:
    made = master(between_frames(), tmp_path, layers=["effects"], handle_frames=0)
    (export,) = write_exports([name], made)
    named = {loss.feature: loss.samples for loss in export.losses if loss.track == "V2A SFX"}
    third_of_a_frame = 667
    assert named == {"start": third_of_a_frame, "end": third_of_a_frame, "place in the file": third_of_a_frame}
    assert "frame rate" in features(export)
    # With handles, the edges move alone: what is heard stays where it belongs, to the nearest frame of the file.
    made = master(between_frames(), tmp_path, layers=["effects"], handle_frames=4)
    (export,) = write_exports([name], made)
    named = {loss.feature: loss.samples for loss in export.losses if loss.track == "V2A SFX"}
    assert named == {"start": third_of_a_frame, "end": third_of_a_frame}


def test_the_finest_formats_round_nothing_of_the_sound(tmp_path: Path) -> None:
    made = master(between_frames(), tmp_path, layers=["effects"], handle_frames=5)
    aaf, fcpx = write_exports(["aaf", "fcpx_xml"], made)
    assert not [loss for loss in aaf.losses if loss.samples]
    assert {loss.feature for loss in fcpx.losses if loss.samples} == {"start", "end"}, "its edges, not its sync"


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_is_said_to_keep_is_there(tmp_path: Path, name: str) -> None:
    write_exports([name], master(cut(Fraction(25)), tmp_path))
    if name == "mlt":
        root = ET.fromstring((tmp_path / "timeline.mlt").read_bytes())  # noqa: S314
        names = [node.text for node in root.iter("property") if node.attrib["name"] == "v2a:track"]
        assert names == ["V2A SFX", "V2A AMB"]
        return
    if name == "fcpx_xml":
        root = ET.fromstring((tmp_path / "timeline.fcpxml").read_bytes())  # noqa: S314
        assert {node.get("audioRole") for node in root.iter("asset-clip")} == {None, "SFX", "AMB"}
        assert root.find("project/sequence").attrib["tcStart"] == "3600s"  # type: ignore[union-attr]
        return
    if name == "edl":
        assert "01:00:00:00 01:00:01:04" in (tmp_path / "timeline.edl").read_text()
        return
    read = adapted(tmp_path, name)
    assert read.global_start_time == T.RationalTime(3600 * 25, 25)
    if name == "aaf":  # whose reader names every track "Sequence"
        with aaf2.open(str(tmp_path / "timeline.aaf")) as file:
            (whole,) = file.content.toplevel()
            assert sorted(slot.name for slot in whole.slots) == ["TC", "V2A AMB", "V2A SFX"]
    elif name == "fcp_xml":
        assert [track.name for track in read.audio_tracks()] == ["V2A SFX", "V2A AMB"]


def test_our_fcpx_xml_means_the_same_to_the_published_reader(tmp_path: Path) -> None:
    write_exports(["fcpx_xml"], master(cut(Fraction(24), start_s=0), tmp_path))
    text = (tmp_path / "timeline.fcpxml").read_text()
    read = otio.adapters.read_from_string(text, "fcpx_xml")
    by_name = {track.name: track for track in read.tracks}
    assert set(by_name) == {"0", "-1", "-2"}
    for track in by_name.values():
        clips = list(track.find_clips())
        starts = [shot.range_in_parent().start_time.value for shot in clips]
        assert starts == [0, 57, 113]
        assert [shot.duration().value for shot in clips] == [29, 56, 115]
    (first, *_) = by_name["-1"].find_clips()
    assert first.media_reference.target_url == (tmp_path / "audio" / "001_effects_t1.wav").as_uri()
    assert first.source_range.start_time.value - first.media_reference.available_range.start_time.value == 0


def test_the_shape_for_resolve(tmp_path: Path) -> None:
    slow = clip("slow", "/films/door 1.mov", span(86400, 48, 24), span(86400, 500, 24))
    slow.effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
    made = master(timeline([slow], start=T.RationalTime(86400, 24)), tmp_path, takes=2)
    (export,) = write_exports(["otio_resolve"], made)
    assert {"takes", "provenance", "track names"} <= features(export)
    assert "picture speed" not in features(export)
    document = json.loads((tmp_path / export.file).read_text())
    assert document["global_start_time"] == {"OTIO_SCHEMA": "RationalTime.1", "rate": 24.0, "value": 86400.0}
    tracks = document["tracks"]["children"]
    assert [track["name"] for track in tracks] == ["Video 1", "Audio 1", "Audio 2"]
    for track in tracks:
        (item,) = track["children"]
        assert item["OTIO_SCHEMA"] == "Clip.2"
        assert item["active_media_reference_key"] == "DEFAULT_MEDIA"
        assert list(item["media_references"]) == ["DEFAULT_MEDIA"]
        reference = item["media_references"]["DEFAULT_MEDIA"]
        assert reference["target_url"].startswith("/")
        times = [*item["source_range"].values(), *reference["available_range"].values()]
        assert all(time["value"].is_integer() for time in times if isinstance(time, dict))
        assert reference["available_range"]["start_time"]["value"] == 86400 - (24 if track["kind"] == "Audio" else 0)
    assert tracks[0]["children"][0]["effects"][0]["time_scalar"] == 0.5


def test_an_edit_list_has_four_tracks_of_sound_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    shots = [clip("one", "/films/a long name of a reel.mov", span(0, 48, 24), span(0, 500, 24))]
    (export,) = write_exports(["edl"], master(timeline(shots), tmp_path, layers=LAYERS))
    (left_out,) = [loss for loss in export.losses if loss.feature == "sound tracks"]
    assert (left_out.event, left_out.track) == (1, "V2A MIX")
    text = (tmp_path / "timeline.edl").read_text().splitlines()
    assert text[1] == "FCM: NON-DROP FRAME"
    events = [line.split()[:3] for line in text if line[:3].isdigit()]
    assert events == [
        ["001", "alongnam", "V"],
        ["002", "001DX", "A"],
        ["003", "001SFX", "A2"],
        ["004", "001AMB", "A3"],
        ["005", "001MX", "A4"],
    ]
    assert [loss.text for loss in export.losses if loss.feature == "reel names"] == [
        "a long name of a reel is reel alongnam"
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_what_the_cut_cannot_be_flattened_without_is_named(tmp_path: Path, name: str) -> None:
    """Everything that adapters crash on or drop in silence, in one timeline."""
    slow = clip("slow ﬁlm\n", "file:///films/a%20b.mov", span(10, 24, 24), span(0, 500, 24))
    slow.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    slow.effects.append(otio.schema.Effect(effect_name="Blur"))
    slow.markers.append(otio.schema.Marker("v2a: rain", marked_range=span(10, 1, 24)))
    images = otio.schema.ImageSequenceReference(
        "/scans/", "reel_", ".dpx", rate=24, frame_zero_padding=7, available_range=span(0, 100, 24)
    )
    scan = otio.schema.Clip("scan", media_reference=images, source_range=span(0, 24, 24))
    lost = otio.schema.Clip("lost", media_reference=otio.schema.MissingReference(), source_range=span(0, 24, 24))
    drive = clip("drive", "C:\\films\\c.mov", span(0, 24, 24))
    black = otio.schema.Clip("black", media_reference=otio.schema.GeneratorReference(generator_kind="black"))
    black.source_range = span(0, 24, 24)
    shots = timeline([slow, scan, lost, drive, black])
    shots.metadata["studio"] = {"show": "x"}
    own = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    own.append(clip("music", "/sound/m.wav", span(0, 48, 24)))
    shots.tracks.append(own)
    (export,) = write_exports([name], master(shots, tmp_path, layers=["effects"]))
    always = {"markers", "own sound", "own metadata", "names", "provenance"}
    assert always <= features(export)
    of_pictures = {"picture speed", "picture effects", "generated pictures", "image sequences", "missing media"}
    if not FORMATS[name].picture:
        assert features(export).isdisjoint(of_pictures)
    else:
        assert of_pictures - FORMATS[name].keeps <= features(export)


@pytest.mark.parametrize("name", FORMATS)
def test_clips_that_are_alike_stay_apart(tmp_path: Path, name: str) -> None:
    """The FCP7 adapter writes the second as a reference to the first, and reads it at the first one's place."""
    again = [clip("one", "/films/a.mov", span(5, 24, 24), span(0, 500, 24)) for _ in range(2)]
    other_start = clip("one", "/films/a.mov", span(86400, 24, 24), span(86400, 500, 24))
    made = master(timeline([again[0], gap(10, 24), again[1], other_start]), tmp_path, layers=["effects"])
    (export,) = write_exports([name], made)
    assert (tmp_path / export.file).is_file()


def shifted(write: Callable[[Turnover, Path], None]) -> Callable[[Turnover, Path], None]:
    """A writer that puts the second sound a frame late, and says nothing."""

    def late(wanted: Turnover, path: Path) -> None:
        lanes = []
        for lane in wanted.lanes:
            items = tuple(
                replace(item, start=item.start + 1, source=item.source + 1)
                if lane.kind == "sound" and number == 1
                else item
                for number, item in enumerate(lane.items)
            )
            lanes.append(replace(lane, items=items))
        write(replace(wanted, lanes=tuple(lanes)), path)

    return late


@pytest.mark.parametrize("name", ["fcp_xml", "edl"])
def test_an_export_that_reads_back_otherwise_is_not_kept(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = master(cut(Fraction(24)), tmp_path, layers=["effects"])
    write_exports([name], made)
    monkeypatch.setitem(FORMATS, name, replace(FORMATS[name], write=shifted(FORMATS[name].write)))
    with pytest.raises(StorageError, match=r"reads back wrong: the start of event 2 \('street'\) .* 2000 samples off"):
        write_exports([name], made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio"], "neither it, nor an older one, nor a part"


def test_an_adapter_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(wanted: Turnover, path: Path) -> None:
        raise UnboundLocalError("local variable 'url_path' referenced before assignment")

    monkeypatch.setitem(FORMATS, "fcp_xml", replace(FORMATS["fcp_xml"], write=fails))
    with pytest.raises(StorageError, match=r"its adapter cannot write .*url_path.* leave it out of --write"):
        write_exports(["fcp_xml"], master(cut(Fraction(24)), tmp_path))


def test_without_sound_there_is_nothing_to_hand_to_a_mix(tmp_path: Path) -> None:
    made = replace(master(cut(Fraction(24)), tmp_path), files=())
    aaf, xml = write_exports(["aaf", "fcp_xml"], made)
    assert (aaf.file, xml.file) == ("", "timeline.fcp.xml")
    assert not (tmp_path / "timeline.aaf").exists()


def test_formats_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen("otio, FCP_XML,edl,fcp_xml") == ("fcp_xml", "edl")
    assert chosen("") == ()
    with pytest.raises(UsageError, match="'omf' is not written: choose from otio, fcp_xml"):
        chosen("omf")
    monkeypatch.setattr(otio.adapters, "available_adapter_names", lambda: ["otio_json"])
    assert chosen("fcpx_xml,otio_resolve") == ("fcpx_xml", "otio_resolve"), "written by us"
    with pytest.raises(UsageError, match="v2a-studio\\[adapters\\]"):
        chosen("aaf")
