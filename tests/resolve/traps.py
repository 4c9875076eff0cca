"""The known traps of Resolve's interface: what a user does in each, and the part of the scripts that handles it.

`removed` says how to take that part out: the module or class, the name, and what stands in its place. With it out, the
same case must fail.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import v2a_resolve.appending
import v2a_resolve.decisions
import v2a_resolve.doctor
import v2a_resolve.host
import v2a_resolve.inserts
import v2a_resolve.placing
import v2a_resolve.reading
import v2a_resolve.times
from tests.doubles.resolve import Behaviour, TimelineItem
from tests.doubles.resolve.app import snapshot
from tests.hosts.driver import Strip, ours
from tests.resolve.driver import ResolveDouble
from v2a.audio import sample_at
from v2a_resolve import inserts, reading, scripts
from v2a_resolve.host import Host

Film = Callable[..., Path]
Case = Callable[[ResolveDouble, Film], None]
_24 = Fraction(24)


@dataclass(frozen=True)
class Trap:
    number: int
    name: str
    case: Case
    removed: tuple[Any, str, Any]
    fails: str  # as the case does without it
    behaviour: Behaviour = field(default_factory=Behaviour)
    rate: str = "24"
    project_rate: str = ""


def _generated(resolve: ResolveDouble) -> Strip:
    """The sound of the clip under the playhead, placed."""
    resolve.press()
    jobs = resolve.wait()
    assert [job.state for job in jobs] == ["succeeded"] * len(jobs)
    sounds = ours(resolve.strips())
    assert sounds
    return sounds[-1]


def _playhead(resolve: ResolveDouble, frame: int) -> None:
    timeline = resolve.resolve._timeline
    timeline._playhead = timeline._start + frame


def _covers_its_film(resolve: ResolveDouble, film: Film, at: int = 0, **trim: int) -> None:
    resolve.add_film(film([20], rate=resolve.resolve._timeline._rate), at, **trim)
    _playhead(resolve, at)
    sound = _generated(resolve)
    picture = resolve.strips()[0]
    assert (sound.start, sound.end) == (picture.start, picture.end)


def _on_a_rounded_end(resolve: ResolveDouble, film: Film) -> None:
    """A clip of all its film has, whose sound is a fraction of a sample shorter than its frames."""
    rate = resolve.resolve._timeline._rate

    def is_short(at: int) -> bool:
        return (sample_at((at + 96) / rate, 48_000) - sample_at(at / rate, 48_000)) * rate / 48_000 < 96

    resolve.set(handles_s=0)
    _covers_its_film(resolve, film, next(at for at in range(200) if is_short(at)))


def _where_somebody_put_a_clip_meanwhile(resolve: ResolveDouble, film: Film) -> None:
    timeline = resolve.resolve._timeline
    users: list[TimelineItem] = []

    def put() -> None:
        medium = resolve.resolve._film("/their/own.wav", "24", 500)
        users.append(TimelineItem(timeline, medium, timeline._start, 48))
        timeline._tracks["audio"][-1].items.append(users[0])

    resolve.resolve._project._pool._before_append.append(put)
    _covers_its_film(resolve, film)
    assert any(users[0] in track.items for track in timeline._tracks["audio"])


def _after_an_append_that_failed(resolve: ResolveDouble, film: Film) -> None:
    resolve.behaviour.append_errors = 1
    _covers_its_film(resolve, film)
    assert resolve.resolve._manager.SaveProject()
    assert len(ours(resolve.strips())) == 1


def _exported(resolve: ResolveDouble, film: Film) -> None:
    assert "can be written as OTIO" in v2a_resolve.doctor.examine(resolve.host)


def _in_a_bin_of_its_own(resolve: ResolveDouble, film: Film) -> None:
    pool = resolve.resolve._project._pool
    rushes = pool.AddSubFolder(pool.GetRootFolder(), "Rushes")
    _covers_its_film(resolve, film)
    assert rushes is not None
    assert rushes.GetClipList() == []
    assert pool.GetCurrentFolder() is rushes
    assert [folder.GetName() for folder in pool.GetRootFolder().GetSubFolderList()] == ["Rushes", "V2A"]


def _removed_on_the_fairlight_page(resolve: ResolveDouble, film: Film) -> None:
    _covers_its_film(resolve, film)
    resolve.resolve._desk.page = "fairlight"
    _remove_last(resolve)
    assert ours(resolve.strips()) == []
    assert resolve.resolve._desk.page == "fairlight"


def _coloured(resolve: ResolveDouble, film: Film) -> None:
    _covers_its_film(resolve, film)
    assert ours(resolve.strips())[0].colour == "Green"


def _taken_back(resolve: ResolveDouble, film: Film) -> None:
    resolve.add_film(film([20]), 10)
    _playhead(resolve, 12)
    before = snapshot(resolve.resolve)
    _generated(resolve)
    assert snapshot(resolve.resolve) != before
    _remove_last(resolve)
    assert snapshot(resolve.resolve) == before


def _remove_last(resolve: ResolveDouble) -> None:
    said = scripts._remove_last_insert(resolve.host)
    assert "is removed: 1 clip" in said


def _backwards_at_half_speed(resolve: ResolveDouble, film: Film) -> None:
    medium = resolve.resolve._film(str(film([20])), "24", 96)
    resolve.resolve._put(medium, 0, 96, source_start=72, speed=Fraction(-1, 2))
    (job,) = reading.jobs(reading.read(resolve.host), {})
    assert job["pieces"] == [{"source": ["3", "1"], "presented": ["0", "4"]}]


def _short_at_half_speed(resolve: ResolveDouble, film: Film) -> None:
    """The seconds of source start at the medium's timecode, an hour here."""
    medium = resolve.resolve._film(str(film([20])), "24", 96, "01:00:00:00")
    resolve.resolve._put(medium, 0, 40, source_start=24, speed=Fraction(1, 2))
    (job,) = reading.jobs(reading.read(resolve.host), {})
    assert job["pieces"] == [{"source": ["1", "11/6"], "presented": ["0", "5/3"]}]


def _trimmed(resolve: ResolveDouble, film: Film) -> None:
    resolve.resolve._put(resolve.resolve._film(str(film([20])), "24", 96), 0, 48, source_start=24)
    (job,) = reading.jobs(reading.read(resolve.host), {})
    assert job["pieces"] == [{"source": ["1", "3"], "presented": ["0", "2"]}]


def _on_a_free_edition(resolve: ResolveDouble, film: Film) -> None:
    assert resolve.host.windows() is None
    _covers_its_film(resolve, film)


def _under_a_dissolve(resolve: ResolveDouble, film: Film) -> None:
    resolve.resolve._put(None, 0, 12)
    _covers_its_film(resolve, film)


def _on_a_track_of_its_type(resolve: ResolveDouble, film: Film) -> None:
    _covers_its_film(resolve, film)
    assert [track.subtype for track in resolve.resolve._timeline._tracks["audio"]] == ["stereo", "mono"]


def _told_of_the_reel(resolve: ResolveDouble, film: Film) -> None:
    console = io.StringIO()
    with contextlib.redirect_stdout(console):
        _covers_its_film(resolve, film)
    assert "Resolve did not keep the reel name V2A" in console.getvalue()


@contextlib.contextmanager
def _any_page(host: Host, name: str) -> Any:
    yield


@contextlib.contextmanager
def _any_bin(placing: Any) -> Any:
    yield placing._host.pool


_appending, _placing, _reading = v2a_resolve.appending, v2a_resolve.placing, v2a_resolve.reading
_decisions, _host = v2a_resolve.decisions, v2a_resolve.host

TRAPS = (
    Trap(
        1,
        "record frames are absolute",
        _covers_its_film,
        (_appending, "record_frame", lambda timeline, frame: frame),
        "starts at frame -86400 instead of 0",
    ),
    Trap(
        2,
        "the end frame is played",
        _covers_its_film,
        (_appending, "_TRIES", 1),
        "made it 97 frames long instead of 96",
        Behaviour(end_frame="inclusive"),
    ),
    Trap(
        3,
        "what is no whole frame is not shown",
        _on_a_rounded_end,
        (_decisions, "tail_frames", lambda *_: 0),
        "made it 95 frames long instead of 96",
        rate="29.97",
    ),
    Trap(
        4,
        "a WAV takes the project's rate",
        _covers_its_film,
        (_appending, "item_rate", lambda medium: _24),
        "made it 92 frames long instead of 96",
        project_rate="25",
    ),
    Trap(
        5,
        "overlaps are dropped",
        _where_somebody_put_a_clip_meanwhile,
        (_appending, "appended", lambda timeline, track, before, medium, returned: returned),
        "did not take away a clip",
    ),
    Trap(
        6,
        "an append that failed",
        _after_an_append_that_failed,
        (_appending, "failed", lambda returned: False),
        "is missing on channel 2",
    ),
    Trap(
        7,
        "hasattr is always true",
        _covers_its_film,
        (_host, "can", hasattr),
        "'NoneType' object is not callable",
        Behaviour(version=(18, 6)),
    ),
    Trap(
        8,
        "settings are constants",
        _exported,
        (v2a_resolve.doctor, "constant", lambda resolve, name: name),
        "can be written as OTIO",
    ),
    Trap(9, "media go to the open bin", _in_a_bin_of_its_own, (_placing._Placing, "_bin", _any_bin), "MediaPoolItem"),
    Trap(
        10,
        "no deleting on Fairlight's page",
        _removed_on_the_fairlight_page,
        (Host, "page", _any_page),
        "did not remove the sounds",
    ),
    Trap(11, "clips have colours of their own", _coloured, (_decisions, "COLOURS", {"mix": "Cyan"}), "== 'Green'"),
    Trap(
        12, "there is no undo", _taken_back, (inserts.Insert, "write", lambda insert: None), "nothing in this timeline"
    ),
    Trap(
        13,
        "speeds are hidden",
        _backwards_at_half_speed,
        (_decisions, "speed", lambda *_: (Fraction(1), True)),
        "'presented': ",
    ),
    Trap(
        14,
        "source seconds start at the timecode",
        _short_at_half_speed,
        (_reading, "source_seconds", lambda item: item.GetSourceEndTime()),
        "'presented': ",
    ),
    Trap(
        15,
        "source frames are one off",
        _trimmed,
        (_reading, "source_start_s", lambda left, begin, speed, media_rate, rate: begin / media_rate),
        "'25/24'",
        Behaviour(source_start_off_by=1),
    ),
    Trap(
        16,
        "rates are text",
        _covers_its_film,
        (v2a_resolve.times, "rate_of", lambda said: Fraction(float(said)).limit_denominator(1001)),
        "could not convert string to float: '29.97 DF'",
        rate="29.97 DF",
    ),
    Trap(
        17,
        "a call for Studio blocks all others",
        _on_a_free_edition,
        (Host, "windows_allowed", lambda host: True),
        "Resolve answers nothing about its project",
    ),
    Trap(
        18,
        "transitions are listed as clips",
        _under_a_dissolve,
        (_reading, "is_clip", lambda item: True),
        "'Cross Dissolve' is no film",
    ),
    Trap(
        19,
        "clips keep their channels",
        _on_a_track_of_its_type,
        (_decisions, "track_type", lambda channels: "stereo"),
        "'stereo', 'stereo'",
    ),
    Trap(
        20,
        "properties do not stick",
        _told_of_the_reel,
        (_placing, "set_property", lambda *_: True),
        "did not keep the reel name",
    ),
)
