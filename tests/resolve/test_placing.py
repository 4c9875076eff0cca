"""Sounds go where they were asked for, whatever happened meanwhile; and away again, and nothing else is changed."""

from pathlib import Path
from typing import Any

import pytest

from tests.doubles.resolve import Behaviour, TimelineItem
from tests.doubles.resolve.app import snapshot
from tests.hosts.contract import FlashFilm, flash_film
from tests.hosts.driver import ours
from tests.resolve.driver import ResolveDouble
from v2a_host.bridge_client import BridgeError
from v2a_resolve import inserts, placing, scripts
from v2a_resolve.host import Refusal

__all__ = ["flash_film"]


@pytest.fixture
def resolve(double: ResolveDouble, tmp_path: Path) -> ResolveDouble:
    """An empty timeline at 24, in a project of the same rate."""
    return _at(double, tmp_path)


def _at(double: ResolveDouble, folder: Path, rate: str = "24", project_rate: str = "") -> ResolveDouble:
    double.use(Behaviour(), rate, project_rate)
    double.set(model="clicks", output=folder / "sounds", handles_s=0)
    return double


def _film(resolve: ResolveDouble, film: Path, at: int = 0) -> None:
    resolve.add_film(film, at)
    resolve.resolve._timeline._playhead = resolve.resolve._timeline._start + at


def _remove(resolve: ResolveDouble) -> str:
    return scripts._remove_last_insert(resolve.host)


def test_inserts_are_removed_one_by_one_and_each_restores_what_was(
    resolve: ResolveDouble, flash_film: FlashFilm
) -> None:
    resolve.resolve._desk.page = "color"
    resolve.resolve._timeline.SetMarkInOut(4, 8, "audio")
    states = []
    for at in (0, 200, 20):
        _film(resolve, flash_film([5]), at)
        resolve.resolve._timeline._playhead = resolve.resolve._timeline._start + at
        states.append(snapshot(resolve.resolve))
        resolve.press()
        resolve.wait()
    assert len(ours(resolve.strips())) == 3
    for state in reversed(states):
        assert "is removed: 1 clip" in _remove(resolve)
        found = snapshot(resolve.resolve)
        # The films that were added since are the user's.
        assert _audio(found) == _audio(state)
        assert (found["page"], found["bins"].get("V2A")) == (state["page"], state["bins"].get("V2A"))
    assert snapshot(resolve.resolve)["timelines"]["Timeline 1"]["marks"] == {"audio": {"in": 4, "out": 8}}
    assert "placed nothing in this timeline" in _remove(resolve)


def _audio(state: dict[str, Any]) -> list[Any]:
    return [track for track in state["timelines"]["Timeline 1"]["tracks"] if track[0] == "audio"]


@pytest.mark.parametrize(
    ("marks", "after"),
    [
        ({"video": {"in": 4}}, {"video": {"in": 4, "out": 95}}),
        ({"audio": {"out": 8}}, {"audio": {"in": 0, "out": 8}}),
        ({"video": {"in": 4, "out": 8}, "audio": {}}, {"video": {"in": 4, "out": 8}}),
    ],
)
def test_a_lone_mark_of_the_user_is_not_lost(
    resolve: ResolveDouble,
    flash_film: FlashFilm,
    capsys: pytest.CaptureFixture[str],
    marks: dict[str, dict[str, int]],
    after: dict[str, dict[str, int]],
) -> None:
    _film(resolve, flash_film([5]))
    resolve.press()
    resolve.resolve._timeline._marks = dict(marks)
    resolve.wait()
    assert resolve.resolve._timeline._marks == after
    lone = any(len(span) == 1 for span in marks.values())
    assert ("as a script sets both, there is an" in capsys.readouterr().out) == lone


def test_what_the_user_put_on_its_track_or_uses_elsewhere_stays(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    _film(resolve, flash_film([5]))
    resolve.press()
    resolve.wait()
    project, timeline = resolve.resolve._project, resolve.resolve._timeline
    track = timeline._tracks["audio"][1]
    (placed,) = track.items
    other = project._new_timeline("Timeline 2", "24")
    assert other is not None
    copy = TimelineItem(other, placed._medium, other._start, 96)
    other._tracks["audio"][0].items.append(copy)
    theirs = TimelineItem(timeline, resolve.resolve._film("/their.wav", "24", 100), timeline._start + 500, 24)
    track.items.append(theirs)
    project._current = timeline
    assert "is removed: 1 clip" in _remove(resolve)
    assert (track.items, other._tracks["audio"][0].items) == ([theirs], [copy])
    assert track in timeline._tracks["audio"]
    assert [clip._path for clip in project._pool._root._folders[0]._clips] == [copy._medium._path]  # type: ignore[union-attr]


def test_another_try_mutes_the_former_and_gives_it_back(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    _film(resolve, flash_film([5]))
    resolve.press()
    (job,) = resolve.wait()
    before = snapshot(resolve.resolve)
    resolve.again(job.id)
    resolve.wait()
    assert [(strip.made["seed"], strip.muted) for strip in ours(resolve.strips())] == [(0, True), (1, False)]
    _remove(resolve)
    assert snapshot(resolve.resolve) == before
    assert [(strip.made["seed"], strip.muted) for strip in ours(resolve.strips())] == [(0, False)]


def test_an_old_try_that_is_placed_after_all_leaves_the_newer_one_alone(
    resolve: ResolveDouble, flash_film: FlashFilm
) -> None:
    _film(resolve, flash_film([5]))
    resolve.press()
    resolve.until("succeeded")
    resolve.again(resolve.jobs()[0].id)
    while not all(status["state"] == "succeeded" for status in resolve._statuses()):
        resolve._session.pump()
    old, new = resolve._statuses()
    assert placing.place(resolve.host, resolve._session.ask, new, [1]) == []
    (note,) = placing.place(resolve.host, resolve._session.ask, old, [1])
    assert note == "A newer try of it is heard, too: switch one of the two off (D)"
    assert {strip.made["seed"]: strip.muted for strip in ours(resolve.strips())} == {0: False, 1: False}


def test_a_locked_track_is_told_of_and_nothing_is_removed(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    _film(resolve, flash_film([5]))
    resolve.press()
    resolve.wait()
    track = resolve.resolve._timeline._tracks["audio"][1]
    track.locked = True
    before = snapshot(resolve.resolve)
    with pytest.raises(Refusal, match=r"'V2A MIX' is locked: unlock it, and run this again\. Nothing was removed"):
        _remove(resolve)
    assert snapshot(resolve.resolve) == before
    track.locked = False
    assert "is removed: 1 clip" in _remove(resolve)


def test_what_was_removed_by_hand_leaves_no_empty_track(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    _film(resolve, flash_film([5]))
    resolve.press()
    resolve.wait()
    resolve.resolve._timeline._tracks["audio"][1].items.clear()
    assert "was removed by hand already; its empty tracks are gone, too" in _remove(resolve)
    assert [track.name for track in resolve.resolve._timeline._tracks["audio"]] == ["Audio 1"]


def test_it_goes_to_the_timeline_it_was_asked_for(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    _film(resolve, flash_film([5]))
    first = resolve.resolve._timeline
    resolve.press()
    second = resolve.resolve._project._new_timeline("Timeline 2", "24")
    resolve.wait()
    assert resolve.resolve._project._current is second
    assert [len(track.items) for track in first._tracks["audio"]] == [0, 1]
    assert second is not None
    assert [len(track.items) for track in second._tracks["audio"]] == [0]
    assert "placed nothing in this timeline" in _remove(resolve)


def test_a_timeline_that_is_gone_is_told_of(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    _film(resolve, flash_film([5]))
    resolve.press()
    resolve.resolve._project._new_timeline("Timeline 2", "24")
    del resolve.resolve._project._timelines[0]
    with pytest.raises(Refusal, match="The timeline of this sound is not in this project"):
        resolve.wait()


def test_a_project_without_a_name_is_not_saved(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    resolve.resolve._project._name = "Untitled Project"
    _film(resolve, flash_film([5]))
    resolve.press()
    (job,) = resolve.wait()
    assert job.messages == ("This project has no name yet: save it, so that the sound is kept",)
    assert not resolve.resolve._manager._hung


@pytest.mark.parametrize(
    ("rate", "project_rate", "late"),
    [("24", "25", 0), ("25", "24", 1), ("59.94", "24", 2), ("24", "59.94", 0), ("30", "29.97", 1), ("48", "24", 0)],
)
def test_a_project_of_another_rate_than_its_timeline(
    double: ResolveDouble, flash_film: FlashFilm, tmp_path: Path, rate: str, project_rate: str, late: int
) -> None:
    """It starts at its frame; where no frame of the project ends with the picture, it says how much later it ends."""
    resolve = _at(double, tmp_path, rate, project_rate)
    _film(resolve, flash_film([5], rate=resolve.resolve._timeline._rate), 7)
    resolve.set(handles_s=2)
    resolve.press()
    (job,) = resolve.wait()
    (sound,) = ours(resolve.strips())
    assert (sound.start, sound.head) == (7, 0)
    assert 0 <= sound.end - (7 + 96) <= late
    assert bool(job.messages) == (sound.end != 7 + 96)
    assert all("after the picture: the project has another frame rate" in message for message in job.messages)


_FAILING: dict[str, tuple[Any, str]] = {
    "AddSubFolder": (None, "opened no bin"),
    "SetCurrentFolder": (False, "opened no bin"),
    "ImportMedia": ([], "did not import"),
    "AddTrack": (False, "made no new audio track"),
    "AppendToTimeline": (None, "did not keep it on its track"),
    "GetItemListInTrack": (None, "does not tell what lies on its tracks"),
    "GetClipProperty": (None, "no frame rate that is known"),
}


@pytest.mark.parametrize("name", _FAILING)
def test_where_resolve_does_nothing_all_is_as_before(resolve: ResolveDouble, flash_film: FlashFilm, name: str) -> None:
    """Calls that fail give back None or False, and no reason."""
    answer, message = _FAILING[name]
    _film(resolve, flash_film([5]))
    before = snapshot(resolve.resolve)
    resolve.press()
    resolve.until("succeeded")
    (status,) = resolve._statuses()
    resolve.resolve._desk.failing[name] = answer
    with pytest.raises(Refusal, match=message):
        placing.place(resolve.host, resolve._session.ask, status, [1])
    resolve.resolve._desk.failing.clear()
    after = snapshot(resolve.resolve)
    if name == "GetItemListInTrack":  # the track that was made could not be seen empty: it can be removed now
        _remove(resolve)
        after = snapshot(resolve.resolve)
    assert after == before
    assert placing.place(resolve.host, resolve._session.ask, status, [1]) == []


def test_a_plan_with_takes_and_layers_keeps_to_its_tracks(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    resolve.set(layers=["effects", "ambience"], takes=2)
    _film(resolve, flash_film([5]))
    resolve.press()
    resolve.wait()
    tracks = [(track.name, len(track.items)) for track in resolve.resolve._timeline._tracks["audio"]]
    assert tracks[0] == ("Audio 1", 0)
    assert {name for name, _ in tracks[1:]} == {"V2A SFX", "V2A SFX 2", "V2A AMB", "V2A AMB 2"}
    assert [(strip.made["take"], strip.muted, strip.colour) for strip in ours(resolve.strips())] == [
        (take, take == 2, colour)
        for name, _ in tracks[1:]
        for take, colour in [(2 if name.endswith("2") else 1, "Orange" if "SFX" in name else "Teal")]
    ]
    assert len(inserts.kept(resolve.resolve._project._id)[-1].clips) == 4


def test_of_several_sounds_those_that_can_be_are_placed(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    for at in (0, 200):
        _film(resolve, flash_film([5]), at)
        resolve.press()
        resolve.until("succeeded")
    while not all(status["state"] == "succeeded" for status in resolve._statuses()):
        resolve._session.pump()
    first, second = resolve._statuses()
    failed = {**first, "state": "failed", "error": {"message": "the picture is broken: mend it"}}
    said = placing.place_all(resolve.host, resolve._session.ask, [(failed, [1]), (second, [1])])
    assert said.splitlines()[0] == "1 sound is in the timeline. V2A Remove last insert takes it away"
    assert "the picture is broken: mend it" in said
    with pytest.raises(Refusal, match="the picture is broken: mend it"):
        placing.place_all(resolve.host, resolve._session.ask, [(failed, [1])])


def test_a_bridge_that_fails_meanwhile_hides_nothing_that_was_placed(
    resolve: ResolveDouble, flash_film: FlashFilm
) -> None:
    for at in (0, 200):
        _film(resolve, flash_film([5]), at)
        resolve.press()
    while not all(status["state"] == "succeeded" for status in resolve._statuses()):
        resolve._session.pump()
    first, second = resolve._statuses()

    def bridge(method: str, params: dict[str, Any]) -> Any:
        if params.get("job") == second["job"]:
            raise BridgeError("the bridge ended: run this again", "BridgeEndedError")
        return resolve._session.ask(method, params)

    said = placing.place_all(resolve.host, bridge, [(first, [1]), (second, [1])])
    assert said.startswith("1 sound is in the timeline")
    assert "the bridge ended: run this again" in said
    assert len(ours(resolve.strips())) == 1
    with pytest.raises(Refusal, match="the bridge ended"):
        placing.place_all(resolve.host, bridge, [(second, [1])])


def test_a_project_that_resolve_does_not_save_is_told_of(resolve: ResolveDouble, flash_film: FlashFilm) -> None:
    _film(resolve, flash_film([5]))
    resolve.press()
    resolve.resolve._desk.failing["SaveProject"] = False
    (job,) = resolve.wait()
    assert job.messages == ("Resolve did not save the project: save it, so that the sound is kept",)
    assert len(ours(resolve.strips())) == 1


def test_inserts_of_another_project_push_none_out(
    double: ResolveDouble, flash_film: FlashFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserts, "_MAX_KEPT", 1)
    projects = []
    for name in ("a", "b"):
        resolve = _at(double, tmp_path / name)
        for at in (0, 200):
            _film(resolve, flash_film([5]), at)
            resolve.press()
            resolve.wait()
        projects.append(resolve.resolve._project._id)
    assert [len(inserts.kept(project)) for project in projects] == [2, 2]


def test_only_the_latest_inserts_are_remembered(
    resolve: ResolveDouble, flash_film: FlashFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserts, "_MAX_KEPT", 2)
    for at in (0, 200, 400, 600):
        _film(resolve, flash_film([5]), at)
        resolve.press()
        resolve.wait()
    assert len(inserts.kept(resolve.resolve._project._id)) == 3
    statuses = resolve._statuses()
    assert inserts.jobs_placed(resolve.host, statuses) == {status["job"] for status in statuses}
    for _ in range(3):
        assert "is removed: 1 clip" in _remove(resolve)
    assert "placed nothing in this timeline" in _remove(resolve)
    assert len(ours(resolve.strips())) == 1
