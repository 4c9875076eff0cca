import json
import os
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.otio.local_maker import LocalMaker, watch
from tests.otio.timelines import T, clip, dissolve, gap, save, seconds, span, timeline
from v2a.audio import sample_at
from v2a.delivery import read_bext, wav_info
from v2a.errors import BusyError, GenerationError, StorageError, UnavailableError, UsageError
from v2a_otio.conform import conform, outline, prepare
from v2a_otio.plan import Options
from v2a_otio.tracks import read_tracks

RATES = [
    Fraction(16),
    Fraction(18),
    Fraction(24),
    Fraction(24000, 1001),
    Fraction(25),
    Fraction(30000, 1001),
]


def cut_of(reel: Path, folder: Path) -> Path:
    """Two shots, a gap, and a dissolve to a third, at 18 frames a second."""
    return save(
        timeline(
            [
                clip("door", str(reel), span(0, 27, 18)),
                gap(9, 18),
                clip("street", str(reel), span(9, 36, 18)),
                dissolve(6, 6, 18),
                clip("street", str(reel), span(30, 31, 18)),
            ],
            start=T.RationalTime(3600 * 18, 18),
        ),
        folder / "cut.otio",
    )


def run(path: Path, folder: Path, maker: LocalMaker, **options: Any) -> dict[str, Any]:
    return conform(prepare(path, Options(**options)), folder, maker, watch)


def test_every_clip_gets_sound_at_its_place_and_the_own_tracks_stay(
    tmp_path: Path, reel: Path, maker: LocalMaker
) -> None:
    path = cut_of(reel, tmp_path)
    report = run(path, tmp_path / "out", maker, prompt="wind")
    assert report["totals"]["done"] == 3
    written = otio.adapters.read_from_file(str(tmp_path / "out" / "timeline.otio"))
    before = otio.adapters.read_from_file(str(path))
    assert written.tracks[0].to_json_string() == before.tracks[0].to_json_string()
    assert [(track.name, track.kind) for track in written.tracks][1:] == [("V2A MIX", "Audio")]
    (track,) = read_tracks(written)
    places = [(item.name, item.start_s, item.end_s) for item in track.items]
    assert places == [
        ("door", *seconds(0, Fraction(3, 2))),
        ("street", *seconds(2, 4)),
        ("street", *seconds(4, 4 + Fraction(sample_at(Fraction(31, 18), 48_000), 48_000))),
    ]
    first, gap_item, second, transition, third = written.tracks[1]
    assert isinstance(gap_item, otio.schema.Gap)
    assert (transition.in_offset, transition.out_offset) == (T.RationalTime(16_000, 48_000),) * 2
    assert first.media_reference.target_url == "audio/001_door_mix_t1.wav"
    facts = first.metadata["v2a"]
    assert facts["cues_seen"] is True
    assert facts["cues"][0]["time_s"] == "1/4"
    (heard,) = report["events"][0]["sounds"]
    assert heard["cues"] == [{"num": 1, "den": 4, "text": "01:00:00:04", "strength": 0.5}]
    assert facts["synthetic"] is True
    assert (facts["prompt"], facts["model"], facts["licence"]) == ("wind", "pocket", "Apache-2.0")
    assert facts["request_id"] == report["events"][0]["request_id"]
    for item in (first, second, third):
        wav = tmp_path / "out" / item.media_reference.target_url
        available = item.media_reference.available_range
        bext = read_bext(wav)
        assert bext is not None
        assert bext.time_reference == available.start_time.value
        assert wav_info(wav).n_samples == available.duration.value
        # The sound at the cut is the sound that was made for the picture at the cut.
        placed = item.range_in_parent().start_time.rescaled_to(48_000).value
        assert item.source_range.start_time.value == 3600 * 48_000 + placed


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_wavs_have_exactly_the_samples_between_their_rounded_boundaries(
    tmp_path: Path, make_film: Callable[..., Path], maker: LocalMaker, rate: Fraction
) -> None:
    make_film(tmp_path / "film.mp4", rate=rate, n_frames=60)
    number = rate.numerator / rate.denominator
    frames = [7, 5, 11, 13]
    shots = [clip("shot", "film.mp4", span(20, length, number)) for length in frames]
    path = save(timeline([gap(3, number), *shots]), tmp_path / "cut.otio")
    report = run(path, tmp_path / "out", maker, handles="4f")
    start = 3
    for length, event in zip(frames, report["events"], strict=True):
        (sound,) = event["sounds"]
        first, last = max(start - 4, 0), start + length + 4
        wanted = sample_at(last / rate, 48_000) - sample_at(first / rate, 48_000)
        assert sound["n_samples"] == wav_info(tmp_path / "out" / sound["file"]).n_samples == wanted
        assert event["record"]["start"]["num"] / Fraction(event["record"]["start"]["den"]) == start / rate
        start += length
    (track,) = read_tracks(otio.adapters.read_from_file(str(tmp_path / "out" / "timeline.otio")))
    ends = [sample_at(sum(frames[:count], 3) / rate, 48_000) for count in range(1, 5)]
    assert [item.end_s * 48_000 for item in track.items] == ends


def test_layers_takes_words_and_seeds_come_from_the_table(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    table = tmp_path / "prompts.csv"
    table.write_text(
        "clip,event,layer,prompt,negative,cues,seed\n"
        "door,,effects,a door falls shut,music,0.5; 18f,7\n"
        "door,,ambience,a hall,,,\n"
        ",2,silent,,,,\n"
        "garden,,mix,birds,,,\n"
    )
    report = run(cut_of(reel, tmp_path), tmp_path / "out", maker, prompts=table, takes=2, seed=3, prompt="wind")
    door, silent, street = report["events"]
    assert [layer["layer"] for layer in door["layers"]] == ["effects", "ambience"]
    assert [cue["num"] / cue["den"] for cue in door["layers"][0]["cues"]] == [0.5, 1.0]
    assert [cue["num"] / cue["den"] for cue in door["sounds"][0]["cues"]] == [0.5, 1.0]
    assert not door["sounds"][0]["cues_seen"]
    assert (door["seed"], street["seed"]) == (7, 3)
    assert (silent["status"], silent["error"]) == ("skipped", "marked silent")
    assert street["layers"][0]["prompt"] == "wind"
    assert "garden" in report["warnings"][0]
    names = sorted(file.name for file in (tmp_path / "out" / "audio").iterdir())
    assert names == [
        "001_door_ambience_t1.wav",
        "001_door_ambience_t2.wav",
        "001_door_effects_t1.wav",
        "001_door_effects_t2.wav",
        "003_street_mix_t1.wav",
        "003_street_mix_t2.wav",
    ]
    written = otio.adapters.read_from_file(str(tmp_path / "out" / "timeline.otio"))
    assert [track.name for track in written.tracks][1:] == ["V2A SFX", "V2A AMB", "V2A MIX"]
    falls = written.tracks[1][0]
    assert falls.active_media_reference_key == "take1"
    takes = falls.media_references()
    assert {key: take.target_url for key, take in takes.items()} == {
        "take1": "audio/001_door_effects_t1.wav",
        "take2": "audio/001_door_effects_t2.wav",
    }
    assert {key: take.metadata["v2a"]["sha256"] for key, take in takes.items()} == {
        f"take{sound['take']}": sound["sha256"] for sound in door["sounds"] if sound["layer"] == "effects"
    }
    assert falls.metadata["v2a"]["prompt"] == "a door falls shut"
    assert "sha256" not in falls.metadata["v2a"], "what only one take has stands with that take"
    (item,) = read_tracks(written)[0].items
    assert item.takes == (Path("audio/001_door_effects_t2.wav"),)


def test_markers_say_what_is_heard_where_the_table_says_nothing(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    made = timeline([clip("door", str(reel), span(0, 27, 18)), clip("hall", str(reel), span(0, 27, 18))])
    made.tracks[0][0].markers.append(otio.schema.Marker("v2a: a slam", marked_range=span(0, 1, 18)))
    made.tracks[0][0].markers.append(otio.schema.Marker("v2a-cue", marked_range=span(9, 1, 18)))
    made.tracks[0][1].markers.append(otio.schema.Marker("v2a-silent", marked_range=span(9, 1, 18)))
    report = run(save(made, tmp_path / "cut.otio"), tmp_path / "out", maker, negative="music")
    door, hall = report["events"]
    assert door["layers"][0]["prompt"] == "a slam"
    assert door["layers"][0]["negative"] == "music"
    assert door["layers"][0]["cues"][0]["num"] / door["layers"][0]["cues"][0]["den"] == 0.5
    assert hall["status"] == "skipped"


def test_missing_and_broken_media_fail_their_events_and_the_others_are_done(
    tmp_path: Path, reel: Path, maker: LocalMaker
) -> None:
    (tmp_path / "broken.mp4").write_bytes(reel.read_bytes()[:500])
    made = timeline(
        [
            clip("gone", "nowhere.mp4", span(0, 18, 18)),
            clip("good", str(reel), span(0, 18, 18)),
            clip("broken", "broken.mp4", span(0, 18, 18)),
        ]
    )
    report = run(save(made, tmp_path / "cut.otio"), tmp_path / "out", maker)
    gone, good, broken = report["events"]
    assert [event["status"] for event in (gone, good, broken)] == ["failed", "done", "failed"]
    assert "nowhere.mp4" in gone["error"]
    assert "--media-root" in gone["error"]
    assert "broken.mp4" in broken["error"]
    assert report["totals"]["failed"] == 2
    assert (tmp_path / "out" / "report.html").is_file()
    (track,) = read_tracks(otio.adapters.read_from_file(str(tmp_path / "out" / "timeline.otio")))
    assert [(item.name, item.start_s) for item in track.items] == [("good", *seconds(1))]


def test_what_the_server_cannot_make_fails_its_event(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    maker.error = lambda spec: (
        GenerationError("the model met a cliff") if spec.clip.pieces[0].presented_start.num else None
    )
    report = run(cut_of(reel, tmp_path), tmp_path / "out", maker)
    assert [event["status"] for event in report["events"]] == ["done", "failed", "failed"]
    assert report["events"][1]["error"] == "the model met a cliff"


def test_a_second_run_makes_nothing(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    path = cut_of(reel, tmp_path)
    first = run(path, tmp_path / "out", maker)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*.wav")}
    film = (tmp_path / "out" / "preview.mp4").stat().st_mtime_ns
    text = (tmp_path / "out" / "timeline.otio").read_bytes()
    maker.fetched = 0
    second = run(path, tmp_path / "out", maker)
    assert (len(maker.made), maker.fetched) == (3, 0)
    assert second["totals"]["reused"] == 3
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*.wav")} == before
    assert (tmp_path / "out" / "preview.mp4").stat().st_mtime_ns == film
    assert (tmp_path / "out" / "timeline.otio").read_bytes() == text
    assert [event["sounds"] for event in second["events"]] == [event["sounds"] for event in first["events"]]


def test_only_what_changed_or_was_lost_is_asked_for_again(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    path = cut_of(reel, tmp_path)
    run(path, tmp_path / "out", maker)
    damaged = tmp_path / "out" / "audio" / "001_door_mix_t1.wav"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-3000])
    maker.fetched = 0
    report = run(path, tmp_path / "out", maker)
    assert [event["reused"] for event in report["events"]] == [False, True, True]
    assert (len(maker.made), maker.fetched) == (3, 1)  # the server had it still
    assert damaged.read_bytes() == whole
    table = tmp_path / "prompts.csv"
    table.write_text("event,prompt\n3,rain\n")
    report = run(path, tmp_path / "out", maker, prompts=table)
    assert [event["reused"] for event in report["events"]] == [True, True, False]
    assert len(maker.made) == 4


def test_a_server_that_dies_loses_nothing_and_nothing_is_made_twice(
    tmp_path: Path, reel: Path, maker: LocalMaker
) -> None:
    path = cut_of(reel, tmp_path)
    maker.dies_after = 2
    with pytest.raises(UnavailableError, match=r"went away.*2 of 3 events are finished"):
        run(path, tmp_path / "out", maker)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [event["status"] for event in report["events"]] == ["done", "done", "pending"]
    assert not (tmp_path / "out" / "timeline.otio").exists()
    maker.dies_after = None
    report = run(path, tmp_path / "out", maker)
    assert [event["reused"] for event in report["events"]] == [True, True, False]
    assert len(maker.made) == len(set(maker.made)) == 3
    assert (tmp_path / "out" / "timeline.otio").is_file()


def test_an_interrupted_run_keeps_what_earlier_runs_made(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    path = cut_of(reel, tmp_path)
    run(path, tmp_path / "out", maker)
    (tmp_path / "out" / "audio" / "001_door_mix_t1.wav").unlink()
    maker.made.clear()
    maker.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        run(path, tmp_path / "out", maker)
    maker.interrupted = False
    report = run(path, tmp_path / "out", maker)
    assert [event["reused"] for event in report["events"]] == [False, True, True]
    assert len(maker.made) == 1


def test_what_was_made_is_remembered_while_its_film_is_away(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(reel.read_bytes())
    path = save(timeline([clip("one", "film.mp4", span(0, 18, 18))]), tmp_path / "cut.otio")
    run(path, tmp_path / "out", maker)
    film.rename(tmp_path / "elsewhere.mp4")
    assert run(path, tmp_path / "out", maker)["totals"]["failed"] == 1
    (tmp_path / "elsewhere.mp4").rename(film)
    maker.fetched = 0
    assert run(path, tmp_path / "out", maker)["totals"]["reused"] == 1
    assert (len(maker.made), maker.fetched) == (1, 0)


def test_a_damaged_report_means_that_files_are_fetched_again(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    path = cut_of(reel, tmp_path)
    run(path, tmp_path / "out", maker)
    for damage in ('{"format": 1, "events": [{"status": "done"}, 3]}', "[]", "nonsense"):
        (tmp_path / "out" / "report.json").write_text(damage)
        assert run(path, tmp_path / "out", maker)["totals"]["reused"] == 0
    assert len(maker.made) == 3


def test_an_outline_says_what_would_be_made_and_writes_nothing(tmp_path: Path, reel: Path) -> None:
    path = cut_of(reel, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    report = outline(prepare(path, Options(prompt="wind", takes=2, handles="0.25")))
    assert sorted(tmp_path.rglob("*")) == before
    assert [event["status"] for event in report["events"]] == ["pending"] * 3
    assert [event["files"] for event in report["events"]] == [2, 2, 2]
    assert [event["seconds"]["text"] for event in report["events"][:2]] == ["1.778", "2.889"]
    assert report["events"][1]["record"]["start"]["text"] == "01:00:02:00"


def test_bad_words_and_numbers_are_refused_before_any_work(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    path = cut_of(reel, tmp_path)
    with pytest.raises(UsageError, match="60,000"):
        Options(prompt="x" * 60_000)
    with pytest.raises(UsageError, match="takes"):
        Options(takes=0)
    table = tmp_path / "prompts.csv"
    table.write_text("event,layer,prompt\n2,dialogue,hello\n")
    with pytest.raises(UsageError, match=r"event 2 \(street\) asks for dialogue"):
        run(path, tmp_path / "out", maker, prompts=table)
    with pytest.raises(UsageError, match="is no time"):
        prepare(path, Options(handles="a while"))
    assert not (tmp_path / "out").exists()
    assert maker.made == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said_before_any_work(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    path = cut_of(reel, tmp_path)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(StorageError, match="no permission"):
        run(path, locked / "out", maker)
    assert maker.made == []


def test_a_file_in_the_folders_place_is_said_before_any_work(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(StorageError, match="out"):
        run(cut_of(reel, tmp_path), tmp_path / "out", maker)
    assert maker.made == []


def test_names_in_any_script_make_unique_ascii_files(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    names = ["Straße/../é", "東京", "東京", "x" * 200]
    made = timeline([clip(name, str(reel), span(0, 18, 18)) for name in names])
    run(save(made, tmp_path / "cut.otio"), tmp_path / "out", maker)
    files = sorted(file.name for file in (tmp_path / "out" / "audio").iterdir())
    assert files == [
        "001_Strae_e_mix_t1.wav",
        "002_clip_mix_t1.wav",
        "003_clip_mix_t1.wav",
        f"004_{'x' * 40}_mix_t1.wav",
    ]


def test_no_output_takes_the_place_of_an_input(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    path = cut_of(reel, tmp_path).rename(tmp_path / "timeline.otio")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="would replace the input"):
        run(path, tmp_path, maker)
    picture = tmp_path / "preview.mp4"
    picture.write_bytes(reel.read_bytes())
    with pytest.raises(UsageError, match="would replace the input"):
        run(path.rename(tmp_path / "cut.otio"), tmp_path, maker, picture=picture)
    assert (tmp_path / "cut.otio").read_bytes() == before
    assert maker.made == []


def test_a_full_server_is_asked_again(
    tmp_path: Path, reel: Path, maker: LocalMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [BusyError("the server's queue is full"), BusyError("the server's queue is full")]
    maker.error = lambda spec: refusals.pop() if refusals else None
    pauses, clock = list[float](), time.monotonic
    monkeypatch.setattr("time.sleep", pauses.append)
    monkeypatch.setattr("time.monotonic", lambda: clock() + sum(pauses))
    assert run(cut_of(reel, tmp_path), tmp_path / "out", maker)["totals"]["done"] == 3
    assert len(pauses) == 2
    maker.error = lambda spec: BusyError("the server's queue is full")
    with pytest.raises(BusyError, match=r"queue is full \(0 of 3 events"):
        run(cut_of(reel, tmp_path), tmp_path / "other", maker, prompt="rain")
    assert 3_580 <= sum(pauses[2:]) <= 3_600


def test_cues_outside_their_event_are_said(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    table = tmp_path / "prompts.csv"
    table.write_text("event,prompt,cues\n1,a slam,0.5; 12.5\n")
    report = run(cut_of(reel, tmp_path), tmp_path / "out", maker, prompts=table)
    assert report["events"][0]["warnings"] == [
        "mix: a cue 12.5 s after its start lies outside the event and is not heard"
    ]


def test_warnings_of_the_plan_are_not_remembered_and_those_of_the_sounds_are(
    tmp_path: Path, reel: Path, maker: LocalMaker
) -> None:
    def cut(length: int) -> Path:
        shot = clip("one", str(reel), span(0, 18, 18), available=span(0, length, 18))
        return save(timeline([shot]), tmp_path / "cut.otio")

    maker.warning = "it hums"
    (doubt, hum) = run(cut(90), tmp_path / "out", maker)["events"][0]["warnings"]
    assert "may be another film" in doubt
    assert hum == "it hums"
    again = run(cut(72), tmp_path / "out", maker)["events"][0]
    assert (again["reused"], again["warnings"]) == (True, ["it hums"])


def test_a_media_root_that_is_not_there_is_said(tmp_path: Path, reel: Path) -> None:
    with pytest.raises(UsageError, match=r"--media-root .*typo is no folder"):
        prepare(cut_of(reel, tmp_path), Options(media_roots=(tmp_path / "typo",)))


def test_a_folder_whose_name_is_no_text_does_not_spoil_the_report(
    tmp_path: Path, reel: Path, maker: LocalMaker
) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    root.mkdir()
    (root / "film.mp4").write_bytes(reel.read_bytes())
    maker.use_source = lambda clip, path: None  # type: ignore[method-assign]
    path = save(timeline([clip("one", "film.mp4", span(0, 18, 18), span(0, 72, 18))]), tmp_path / "cut.otio")
    report = run(path, tmp_path / "out", maker, media_roots=(root,))
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report


def test_relative_addresses_still_mean_the_same_films_in_the_new_folder(
    tmp_path: Path, reel: Path, maker: LocalMaker
) -> None:
    (tmp_path / "cuts").mkdir()
    made = timeline([clip("near", f"../{reel.name}", span(0, 18, 18)), clip("there", str(reel), span(18, 18, 18))])
    path = save(made, tmp_path / "cuts" / "cut.otio")
    (tmp_path / reel.name).write_bytes(reel.read_bytes())
    run(path, tmp_path / "out" / "sound", maker)
    near, there = otio.adapters.read_from_file(str(tmp_path / "out" / "sound" / "timeline.otio")).tracks[0]
    assert near.media_reference.target_url == f"../../{reel.name}"
    assert (tmp_path / "out" / "sound" / near.media_reference.target_url).resolve() == (tmp_path / reel.name).resolve()
    assert there.media_reference.target_url == str(reel), "absolute addresses stay"
