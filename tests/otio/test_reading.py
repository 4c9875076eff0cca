import time
import zipfile
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.otio import format_texts as text
from tests.otio.timelines import clip, save, seconds, span, timeline
from v2a.errors import MediaError, UsageError
from v2a_otio import reading
from v2a_otio.events import read_cut, read_timeline
from v2a_otio.media import Library
from v2a_otio.reading import read


def written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_a_timeline_of_two_gigabytes_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    path = tmp_path / "huge.otio"
    with path.open("wb") as file:
        file.truncate(2_000_000_000)
    began_s = time.process_time()
    with pytest.raises(MediaError, match=r"2,000 MB, and at most 200 MB"):
        read(path)
    assert time.process_time() - began_s < 1


def test_a_bundle_counts_by_the_timeline_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cut.otioz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("content.otio", timeline([clip("one", "media/a.mov", span(0, 24, 24))]).to_json_string())
        bundle.writestr("media/a.mov", b"0" * 100_000)
    monkeypatch.setattr(reading, "MAX_BYTES", 50_000)
    assert len(read_cut(read(path).timeline).events) == 1
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    with pytest.raises(MediaError, match=r"cut\.otioz has .* MB"):
        read(path)


def test_films_in_bundles_are_found(tmp_path: Path, reel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = timeline([clip("one", "media/reel.mp4", span(0, 18, 18), span(0, 72, 18))])
    folder = tmp_path / "cut.otiod"
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "reel.mp4").write_bytes(reel.read_bytes())
    save(made, folder / "content.otio")
    found = read(folder)
    event = read_cut(found.timeline).events[0]
    assert Library(found.folder, bundle=found.bundle).find(event).info.path == folder / "media" / "reel.mp4"
    path = tmp_path / "cut.otioz"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("content.otio", made.to_json_string())
        bundle.write(reel, "media/reel.mp4")
    found = read(path)
    film = Library(found.folder, bundle=found.bundle).find(event)
    assert film.info.duration_s == 4
    assert film.info.path.is_relative_to(tmp_path / "cache")
    outside = read_cut(timeline([clip("one", "../../etc/passwd", span(0, 18, 18))])).events[0]
    with pytest.raises(MediaError, match="was not found"):
        Library(tmp_path / "none", bundle=path).find(outside)


@pytest.mark.parametrize("depth", [40, 2_000, 200_000])
def test_nests_that_are_too_deep_are_refused_and_end_nothing(tmp_path: Path, depth: int) -> None:
    stack = '{"OTIO_SCHEMA":"Stack.1","children":['
    content = '{"OTIO_SCHEMA":"Timeline.1","tracks":' + stack * depth + "]}" * depth + "}"
    with pytest.raises(MediaError, match="nested more than 32 deep"):
        read(written(tmp_path / "deep.otio", content))


def test_nests_that_hold_themselves_are_refused(tmp_path: Path) -> None:
    content = (
        '{"OTIO_SCHEMA":"Timeline.1","tracks":{"OTIO_SCHEMA":"Stack.1","OTIO_REF_ID":"Stack-1",'
        '"children":[{"OTIO_SCHEMA":"SerializableObjectRef.1","id":"Stack-1"}]}}'
    )
    with pytest.raises(MediaError, match="holds itself"):
        read(written(tmp_path / "round.otio", content))
    rate = "<rate><timebase>24</timebase><ntsc>FALSE</ntsc></rate>"
    inner = f"<sequence id='n'><name>n</name>{rate}<media><video><track>{{}}</track></video></media></sequence>"
    again = text.clipitem(2, (0, 24), (0, 24), file="<sequence id='n'/>")
    outer = text.clipitem(1, (0, 24), (0, 24), file=inner.format(again))
    with pytest.raises(MediaError, match="holds itself"):
        read(written(tmp_path / "round.xml", text.fcp7(outer)))


def test_collections_give_their_only_timeline_or_name_them_all(tmp_path: Path) -> None:
    one, two = timeline([clip("a", "a.mov", span(0, 24, 24))]), otio.schema.Timeline("second")
    path = tmp_path / "many.otio"
    inner = otio.schema.SerializableCollection("event", [one.deepcopy()])
    path.write_text(otio.schema.SerializableCollection("library", [inner]).to_json_string())
    assert read_timeline(path).name == "cut"
    path.write_text(otio.schema.SerializableCollection("library", [one, two]).to_json_string())
    with pytest.raises(MediaError, match="holds 2 timelines \\('cut', 'second'\\)"):
        read(path)


def test_newer_markers_are_read_and_newer_schemas_named(tmp_path: Path) -> None:
    made = timeline([clip("a", "a.mov", span(0, 24, 24))])
    made.tracks[0][0].markers.append(otio.schema.Marker("m", marked_range=span(3, 0, 24), color="RED"))
    newer = made.to_json_string().replace('"color": "RED"', '"color": {"OTIO_SCHEMA": "Color.1", "name": "RED"}')
    path = written(tmp_path / "new.otio", newer.replace("Marker.2", "Marker.3"))
    assert read_timeline(path).tracks[0][0].markers[0].color == "RED"
    with pytest.raises(MediaError, match="a newer OpenTimelineIO wrote it"):
        read(written(path, made.to_json_string().replace("Clip.2", "Clip.9")))


def test_an_edit_list_says_which_rate_it_was_read_at(tmp_path: Path) -> None:
    path = written(tmp_path / "cut.edl", text.edl(text.edit(1, (24, 48), (0, 24))))
    assert "read at 24 frames a second" in read(path).warnings[0]
    assert read(path, Fraction(24)).warnings == ()
    assert read_cut(read(path, Fraction(25)).timeline).rate == 25
    dropping = text.edl("001  R1  V  C  00:01:00;02 00:01:01;02 01:00:00;00 01:00:01;00")
    found = read(written(path, dropping))
    assert found.drop_frame
    assert "29.97 frames a second (its timecode drops numbers)" in found.warnings[0]
    with pytest.raises(UsageError, match="--edl-rate is for edit lists"):
        read(save(otio.schema.Timeline("x"), tmp_path / "x.otio"), Fraction(25))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("001  R1  V  C  01:00:00:00 01:00:01:24 00:00:00:00 00:00:01:24", r"line 3: .*frames at 23 here.*--edl-rate"),
        ("001  R1  V  C  01:00:00:00 01:00:01:00 00:00:00:00 00:00:02:00", "don't match"),
        ("001  R1  V  C  01:00:00:00", "incorrect number of fields"),
    ],
)
def test_edit_lists_that_cannot_be_right_are_refused_with_the_reason(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        read(written(tmp_path / "cut.edl", text.edl(line)))


def test_a_speed_that_the_reader_of_edit_lists_passes_over_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "cut.edl", text.edl(text.edit(7, (24, 48), (0, 24)), "M2   R1   048.0   00:00:01:00"))
    assert "edit 007 asks for 048.0 frames a second" in read(path, Fraction(24)).warnings[0]


def test_an_edit_list_at_16_frames_keeps_speeds_and_locators(tmp_path: Path) -> None:
    listed = text.edl(
        text.edit(1, (16, 48), (160, 176), rate=16),
        "M2   R1       032.0                00:00:01:00",
        "* LOC: 00:00:10:04 RED     v2a-cue",
    )
    cut = read_cut(read(written(tmp_path / "cut.edl", listed), Fraction(16)).timeline)
    (event,) = cut.events
    assert seconds(16, 10, 2, 1) == (cut.rate, cut.origin_s, event.speed, event.shown_s)
    assert event.record.duration_s == 1
    assert [(marker.name, marker.time_s) for marker in event.markers] == [("v2a-cue", Fraction(4, 16))]


def test_a_timeline_that_came_from_an_edit_list_through_the_adapter_is_put_right(tmp_path: Path) -> None:
    made = otio.adapters.read_from_string(text.edl(text.edit(1, (24, 48), (86400, 86424))), adapter_name="cmx_3600")
    cut = read_cut(read(save(made, tmp_path / "cut.otio")).timeline)
    (event,) = cut.events
    assert (cut.origin_s, event.record.start_s) == seconds(3600, 0)


@pytest.mark.parametrize("change", ["mc-clip", "sync-clip", "audition"])
def test_pictures_that_the_reader_of_fcpx_passes_over_are_said(tmp_path: Path, change: str) -> None:
    item = text.asset_clip(1, "0s", "1s", "1s") + f'<{change} offset="1s" duration="1s"/>'
    assert "passed over" in read(written(tmp_path / "cut.fcpxml", text.fcpx(item))).warnings[0]


def test_fcpx_text_in_an_xml_file_and_in_a_bundle_is_read(tmp_path: Path) -> None:
    content = text.fcpx(text.asset_clip(1, "0s", "1s", "1s"))
    assert len(read_cut(read(written(tmp_path / "cut.xml", content)).timeline).events) == 1
    (tmp_path / "cut.fcpxmld").mkdir()
    written(tmp_path / "cut.fcpxmld" / "Info.fcpxml", content)
    assert len(read_cut(read(tmp_path / "cut.fcpxmld").timeline).events) == 1
