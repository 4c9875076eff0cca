"""What can go wrong around Blender: each says what to do, and loses nothing.

In the oldest and the newest Blender; those between share their code.
"""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.blender import Blender
from tests.hosts.contract import RATE, FlashFilm, clicks, flash_film, pressed
from tests.hosts.driver import RefusedError, ours
from tests.hosts.environments import WHEELS, Program, Wheel
from tests.server.running import Server, eventually

pytestmark = pytest.mark.hosts

__all__ = ["flash_film"]

FAKE = Path(__file__).parents[1] / "plugin" / "fake_server.py"
_seeds = itertools.count(1)
SLOW = '{"steps": 20, "step_s": 0.1}'

StartBlender = Callable[..., Blender]


@pytest.fixture(params=[Program(), WHEELS[-1]], ids=lambda which: which.name)
def start_blender(
    request: pytest.FixtureRequest, tmp_path: Path, addons: Callable[[Wheel | Program], Path], clicking: Server
) -> Iterator[StartBlender]:
    """Starts Blenders that share preferences, add-ons and the bridge's state, with an empty edit."""
    which = request.param
    if missing := which.missing():
        pytest.skip(missing)
    started: list[Blender] = []

    def start(**preferences: Any) -> Blender:
        blender = Blender(which, tmp_path, **{"server": clicking.address, **preferences}).start(addons(which))
        started.append(blender)
        blender.new_edit(RATE)
        blender.set(model="clicks", handles_s=0, output=tmp_path / "sounds")
        return blender

    yield start
    for blender in started:
        blender.close()


def with_film(blender: Blender, film: Path) -> None:
    """A film on the timeline, selected; the sound that is asked for is none that the server has already."""
    blender.set(seed=next(_seeds))
    blender.select(blender.add_film(film, 11))


def assert_sound_at_the_flash(blender: Blender) -> None:
    (sound,) = ours(blender.strips())
    assert clicks(sound, RATE) == [16]


def test_a_wrong_path_of_the_bridge(start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path) -> None:
    blender = start_blender(bridge=str(tmp_path / "nowhere" / "v2a"))
    with_film(blender, flash_film([5]))
    with pytest.raises(RefusedError, match=r"nowhere/v2a, is no program: name the file `v2a` of your V2A Studio"):
        blender.press()
    blender.do("prefer", bridge=sys.executable)
    pressed(blender)
    assert_sound_at_the_flash(blender)


def test_no_bridge_installed(
    start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    blender = start_blender(known_bridge="")
    with_film(blender, flash_film([5]))
    with pytest.raises(RefusedError, match=r"V2A Studio is not known to this program.*`v2a install`"):
        blender.press()


def test_a_bridge_that_is_another_program(start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path) -> None:
    other = tmp_path / "v2a"
    other.write_text("#!/bin/sh\necho I am somebody else >&2\nexit 3\n")
    other.chmod(0o755)
    blender = start_blender(bridge=str(other))
    with_film(blender, flash_film([5]))
    with suppress(RefusedError):
        blender.press()
    blender.wait()
    assert "the bridge ended (exit status 3)" in blender.do("message")
    assert "I am somebody else" in blender.do("message")


def test_the_server_is_down(start_blender: StartBlender, flash_film: FlashFilm, new_clicking: Any) -> None:
    server = new_clicking()
    blender = start_blender(server=server.listen)
    with_film(blender, flash_film([5]))
    (asked,) = blender.press()
    (job,) = blender.wait()
    assert (job.id, job.state) == (asked, "failed")
    assert "the server cannot be reached" in job.messages[0]
    assert blender.do("offered", job=asked) == ["v2a.again", "v2a.forget"]
    server.start()
    blender.again(asked)
    assert [job.state for job in blender.wait()][-1] == "succeeded"
    assert_sound_at_the_flash(blender)


def test_the_server_dies_in_a_job(start_blender: StartBlender, flash_film: FlashFilm, new_clicking: Any) -> None:
    server = new_clicking().start()
    blender = start_blender(server=server.listen)
    with_film(blender, flash_film([5]))
    blender.set(prompt=SLOW)
    (asked,) = blender.press()
    blender.until("running")
    server.kill()
    server.start()
    *_, job = blender.wait()
    if job.state == "failed":
        assert "start it, then try this job again" in job.messages[0]
        blender.again(asked)
        blender.wait()
    assert_sound_at_the_flash(blender)


def test_a_server_of_another_version(start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path) -> None:
    listen = f"unix:{tmp_path}/s"
    fake = subprocess.Popen(
        [sys.executable, str(FAKE), "--started", str(tmp_path / "started"), "--listen", listen, "--script", "contract"]
    )
    try:
        assert eventually((tmp_path / "started").exists)
        blender = start_blender(server=listen)
        with_film(blender, flash_film([5]))
        blender.press()
        (job,) = blender.wait()
    finally:
        fake.kill()
        fake.wait()
    assert job.state == "failed"
    assert "speaks contract version 99, and this program 1: update the older of the two" in job.messages[0]


def test_the_token_is_refused(
    start_blender: StartBlender, flash_film: FlashFilm, new_clicking: Any, tmp_path: Path
) -> None:
    server = new_clicking(token="the right one")  # noqa: S106
    server.listen = "127.0.0.1:0"
    server.start()
    (tmp_path / "token").write_text("a wrong one\n")
    blender = start_blender(server=server.address, token_file=str(tmp_path / "token"))
    with_film(blender, flash_film([5]))
    (asked,) = blender.press()
    (job,) = blender.wait()
    assert job.state == "failed"
    assert "the server wants its token" in job.messages[0]
    (tmp_path / "token").write_text("the right one\n")
    blender.do("restart")
    blender.again(asked)
    blender.wait()
    assert_sound_at_the_flash(blender)


def test_a_model_that_is_not_there(start_blender: StartBlender, flash_film: FlashFilm) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.set(model="organ")
    blender.press()
    (job,) = blender.wait()
    assert job.state == "failed"
    assert "organ" in job.messages[0]
    assert "clicks" in job.messages[0], "it says which there are"
    assert ours(blender.strips()) == []


def test_a_folder_for_sounds_that_cannot_be_written(
    start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.set(output=tmp_path / "file" / "sounds")
    with pytest.raises(RefusedError, match="file/sounds"):
        blender.press()
    blender.set(output=tmp_path / "sounds")
    pressed(blender)
    assert_sound_at_the_flash(blender)


def test_the_film_was_moved(start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(flash_film([5]).read_bytes())
    blender = start_blender()
    with_film(blender, film)
    film.rename(tmp_path / "moved.mp4")
    with pytest.raises(RefusedError, match=r"film\.mp4 is not there: set its path"):
        blender.press()
    blender.do(
        "set_path",
        name=blender.strips()[0].name,
        path=tmp_path / "moved.mp4",
    )
    pressed(blender)
    assert_sound_at_the_flash(blender)


def test_blender_is_killed_during_a_job(start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.set(prompt=SLOW)
    blender.save(tmp_path / "edit.blend")
    (asked,) = blender.press()
    blender.save(tmp_path / "edit.blend")
    blender.until("running")
    blender.kill()
    blender = start_blender()
    blender.load(tmp_path / "edit.blend")
    (job,) = blender.wait()
    assert (job.id, job.state, job.placed) == (asked, "succeeded", True)
    assert_sound_at_the_flash(blender)


def test_two_blenders_on_one_server(start_blender: StartBlender, flash_film: FlashFilm) -> None:
    one, other = start_blender(), start_blender()
    for blender, flash in ((one, 5), (other, 9)):
        with_film(blender, flash_film([flash]))
        blender.set(prompt=SLOW)
    (first,), (second,) = one.press(), other.press()
    other.cancel(second)
    assert [(job.id, job.state) for job in other.wait()] == [(second, "cancelled")]
    assert [(job.id, job.state) for job in one.wait()] == [(first, "succeeded")]
    assert_sound_at_the_flash(one)
    assert ours(other.strips()) == []


def test_the_same_file_in_two_blenders(start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path) -> None:
    one = start_blender()
    with_film(one, flash_film([5]))
    one.set(prompt=SLOW)
    one.save(tmp_path / "edit.blend")
    (asked,) = one.press()
    one.save(tmp_path / "edit.blend")
    other = start_blender()
    other.load(tmp_path / "edit.blend")
    assert [job.state for job in one.wait()] == ["succeeded"]
    (job,) = other.wait()
    assert (job.id, job.state) == (asked, "succeeded")
    assert_sound_at_the_flash(one)


def test_the_bridge_is_killed_in_a_job(start_blender: StartBlender, flash_film: FlashFilm) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.set(prompt=SLOW)
    (asked,) = blender.press()
    blender.until("running")
    os.kill(blender.do("bridge_pid"), signal.SIGKILL)
    deadline = time.monotonic() + 120
    while not blender.do("message"):
        assert time.monotonic() < deadline
        blender.do("tick", for_s=0.1)
    assert "start it again, running jobs are taken up" in blender.do("message")
    blender.do("restart")
    (job,) = blender.wait()
    assert (job.id, job.state, job.placed) == (asked, "succeeded", True)
    assert blender.do("message") == ""
    assert_sound_at_the_flash(blender)


def test_the_bridge_is_started_again_while_a_sound_is_placed(
    start_blender: StartBlender, flash_film: FlashFilm
) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    (asked,) = blender.press()
    blender.do("tick_until_placing")
    blender.do("restart")
    (job,) = blender.wait()
    assert (job.id, job.state, job.placed) == (asked, "succeeded", True)
    assert blender.do("message") == ""
    assert_sound_at_the_flash(blender)


@pytest.mark.parametrize("trouble", ["", "no room", "no file"])
def test_a_sound_makes_way_for_itself_where_it_can_be_placed(
    start_blender: StartBlender, flash_film: FlashFilm, trouble: str
) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    (asked,) = blender.press()
    blender.wait()
    (planned,) = ours(blender.strips())
    assert planned.path is not None
    blender.do("trim", name=planned.name, at=31, head=20, tail=30)
    (trimmed,) = ours(blender.strips())
    if trouble == "no room":
        for track in range(1, 129):
            blender.lock_track(track)
    elif trouble == "no file":
        planned.path.rename(planned.path.with_name("moved.wav"))
    blender.do("place", job=asked)
    (job,) = blender.wait()
    assert ours(blender.strips()) == [trimmed if trouble else planned]
    said = {"": "", "no room": "there is no room", "no file": "is not there any more: make the sound again"}
    assert said[trouble] in " ".join(job.messages)
    assert bool(job.messages) == bool(trouble)


def test_undo_during_a_job(start_blender: StartBlender, flash_film: FlashFilm) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.add_marker(300, "a step to undo")
    blender.set(prompt=SLOW)
    (asked,) = blender.press()
    blender.until("running")
    blender.undo()
    blender.undo()
    blender.redo()
    (job,) = blender.wait()
    assert (job.id, job.state, job.placed) == (asked, "succeeded", True)
    assert_sound_at_the_flash(blender)


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "never saved"])
def test_what_was_undone_leaves_the_file_its_memory(
    start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path, saved: bool
) -> None:
    """The sound is trimmed and another deleted: so they stay when the file is opened again."""
    blender = start_blender()
    blender.set(takes=2)
    with_film(blender, flash_film([5]))
    if saved:
        blender.save(tmp_path / "edit.blend")
    (asked,) = blender.press()
    blender.add_marker(300, "a step to undo")
    blender.undo()
    blender.wait()
    heard, other = ours(blender.strips())
    blender.do("trim", name=heard.name, at=31, head=20, tail=30)
    blender.do("delete", name=other.name)
    trimmed = ours(blender.strips())
    blender.save(tmp_path / "edit.blend")
    blender.load(tmp_path / "edit.blend")
    assert [job.id for job in blender.wait()] == [asked]
    assert ours(blender.strips()) == trimmed


def test_the_file_is_loaded_again_during_a_job(
    start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path
) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.save(tmp_path / "edit.blend")
    blender.set(prompt=SLOW)
    (asked,) = blender.press()
    blender.until("running")
    blender.load(tmp_path / "edit.blend")
    (job,) = blender.wait()
    assert (job.id, job.state, job.placed) == (asked, "succeeded", True)
    assert_sound_at_the_flash(blender)


def test_a_file_that_was_replaced_does_not_get_the_sounds_of_the_former(
    start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path
) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.save(tmp_path / "edit.blend")
    pressed(blender)
    blender.new_edit(RATE)
    blender.save(tmp_path / "edit.blend")
    blender.load(tmp_path / "edit.blend")
    assert blender.wait() == []
    blender.do("tick", for_s=0.5)
    assert blender.strips() == []


def test_a_sound_asked_for_in_a_copy_comes_into_the_original_on_demand_only(
    start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path
) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.save(tmp_path / "one.blend")
    (first,) = pressed(blender)
    blender.save(tmp_path / "one.blend")
    blender.save(tmp_path / "two.blend")
    blender.again(first.id)
    *_, second = blender.wait()
    assert second.placed
    blender.save(tmp_path / "two.blend")
    blender.load(tmp_path / "one.blend")
    _, second = blender.wait()
    assert "two.blend, not in this file: press Place" in second.messages[0]
    assert {strip.made["job"] for strip in ours(blender.strips())} == {first.id}
    blender.do("place", job=second.id)
    assert [job.messages for job in blender.wait()] == [(), ()]
    assert {strip.made["job"] for strip in ours(blender.strips())} == {first.id, second.id}


def test_a_file_opened_while_a_sound_is_placed_stays_as_it_is(
    start_blender: StartBlender, flash_film: FlashFilm
) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.press()
    blender.do("tick_until_placing")
    blender.new_edit(RATE)
    blender.do("tick", for_s=1.0)
    assert blender.strips() == []


@pytest.mark.parametrize("was_saved", [True, False], ids=["saved", "never saved"])
def test_a_file_renamed_during_a_job(
    start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path, was_saved: bool
) -> None:
    """What is taken up again is the same edit under another name, and its own older self stays without."""
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.set(prompt=SLOW)
    if was_saved:
        blender.save(tmp_path / "edit.blend")
    blender.press()
    blender.save(tmp_path / "other.blend")
    assert [job.state for job in blender.wait()] == ["succeeded"]
    assert_sound_at_the_flash(blender)


@pytest.mark.parametrize("file", ["trusted", "not trusted", "excluded"])
def test_scripts_of_a_file_run_in_the_background_where_they_run_here(
    start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path, file: str
) -> None:
    blender = start_blender()
    (tmp_path / "downloads").mkdir()
    blender.do("allow_scripts", but_in=tmp_path / "downloads" if file == "excluded" else "")
    blender.do("add_script", path=tmp_path / "ran")
    film = blender.do("add_scene", path=flash_film([5], n_frames=12), at=11, n_frames=12)
    blender.save(tmp_path / "downloads" / "edit.blend")
    if file != "excluded":  # there nothing was kept from running yet: the folder alone says it
        blender.do("load", path=tmp_path / "downloads" / "edit.blend", use_scripts=file == "trusted")
        assert (tmp_path / "ran").exists() == (file == "trusted")
        (tmp_path / "ran").unlink(missing_ok=True)
    blender.set(model="clicks", seed=next(_seeds))
    blender.select(film)
    pressed(blender)
    assert_sound_at_the_flash(blender)
    assert (tmp_path / "ran").exists() == (file == "trusted")


def test_rendering_the_picture_leaves_the_files_of_the_users_compositor(
    start_blender: StartBlender, tmp_path: Path
) -> None:
    blender = start_blender()
    (tmp_path / "composited").mkdir()
    blender.set(seed=next(_seeds))
    blender.select(blender.do("add_composited_scene", folder=tmp_path / "composited", at=1, n_frames=6))
    pressed(blender)
    assert [*(tmp_path / "composited").iterdir()] == []


@pytest.mark.parametrize(
    "noted",
    [
        '{"document": "edit", "placed": 5}',
        '{"document": "edit", "placed": [[], {}]}',
        '{"document": "../x", "scene": "y"}',
        '{"document": ["a"], "scene": {}}',
        "[" * 100_000,
    ],
    ids=["a number", "lists", "a path", "a list", "deep"],
)
def test_a_file_with_a_damaged_memory_is_a_file_like_others(
    start_blender: StartBlender, flash_film: FlashFilm, tmp_path: Path, noted: str
) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.do("save_spoilt", path=tmp_path / "damaged.blend", noted=noted)
    blender.new_edit(RATE)
    blender.set(model="clicks")
    with_film(blender, flash_film([5]))
    pressed(blender)
    blender.load(tmp_path / "damaged.blend")
    assert blender.wait() == [], "the sounds of the file before are not this one's"
    blender.set(model="clicks", output=tmp_path / "sounds")
    pressed(blender)
    assert_sound_at_the_flash(blender)


def test_a_strip_with_damaged_words_is_a_strip_like_others(start_blender: StartBlender, flash_film: FlashFilm) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5]))
    pressed(blender)
    (sound,) = ours(blender.strips())
    blender.do("spoil_strip", name=sound.name, said='{"job": "a", "layer": "mix", "take": 1, "seed": "seven"}')
    with pytest.raises(RefusedError, match="what this strip says of its sound is damaged"):
        blender.do("again_from_strip", name=sound.name)
    blender.do("spoil_strip", name=sound.name, said='{"job": "a", "layer": ["mix"], "take": 1}')
    assert blender.do("draw_list") == 0
    pressed(blender)


@pytest.mark.parametrize(("words", "seen"), [("V2A: a door", False), ("The End", True)])
def test_words_inside_a_meta_strip_are_no_part_of_the_picture(
    start_blender: StartBlender, flash_film: FlashFilm, words: str, seen: bool
) -> None:
    blender = start_blender()
    with_film(blender, flash_film([5], n_frames=48))
    text = blender.add_text(words, 31, 35, track=2)
    blender.do("whiten", name=text)
    blender.select(blender.nest(*(strip.name for strip in blender.strips())))
    pressed(blender)
    (sound,) = ours(blender.strips())
    assert clicks(sound, RATE) == ([16, 31] if seen else [16])


def test_rolled_twice_from_one_sound(start_blender: StartBlender, flash_film: FlashFilm) -> None:
    """Two more takes, neither made twice, and one of the three is heard."""
    blender = start_blender()
    with_film(blender, flash_film([5]))
    blender.set(seed=70)
    (asked,) = blender.press()
    blender.wait()
    (sound,) = ours(blender.strips())
    blender.again(asked)
    blender.do("again_from_strip", name=sound.name)
    blender.wait()
    made = {strip.made["seed"]: strip.muted for strip in ours(blender.strips())}
    assert sorted(made) == [70, 71, 72]
    assert list(made.values()).count(False) == 1
    assert made[70]


def test_a_server_on_another_computer(start_blender: StartBlender, flash_film: FlashFilm) -> None:
    blender = start_blender(server="192.0.2.1:50061")
    with_film(blender, flash_film([5]))
    blender.press()
    assert "ssh -L PORT:127.0.0.1:PORT MACHINE, and set 127.0.0.1:PORT" in blender.do("message")
