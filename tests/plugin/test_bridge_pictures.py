"""Pictures that no film shows: rendered by a command, or listed as images."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.images import write_images
from tests.plugin.hosting import Host, is_alive, job_for, renderer, tones
from tests.server.running import Server, eventually
from v2a_host.bridge_client import BridgeError

NewHost = Callable[..., Host]


@pytest.fixture(scope="module")
def server(new_server: Callable[..., Server]) -> Server:
    return new_server(read_anything=True).start()


@pytest.fixture
def host(new_host: NewHost, server: Server) -> Host:
    host = new_host()
    host.start(server=server.address)
    return host


def submit(host: Host, source: dict[str, Any], **job: Any) -> str:
    found: str = host.ask("submit", job=job_for(source, model="tones", layers=tones(), **job))["job"]
    return found


def runs(folder: Path) -> list[int]:
    """The processes that rendered there."""
    notes = folder.parent / "runs"
    return [int(line) for line in notes.read_text().split()] if notes.exists() else []


def test_a_render_is_told_of_kept_and_used_again(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "v2a-render"
    job = submit(host, renderer(folder, 35, pause_s=0.03), available=["-0.2", "1.2"], handles="1")
    ended = host.finish(job)
    assert ended["state"] == "succeeded", ended["error"]
    rendering = [status for status in host.told_of(job) if status["state"] == "rendering"]
    assert rendering[-1]["text"] == f"rendering, {rendering[-1]['step']} of 35"
    assert len({status["step"] for status in rendering}) > 3
    assert (ended["handles"], ended["takes"][0]["n_samples"]) == (["1/5", "1/5"], 35 * 1920)
    assert not folder.exists()
    again = host.finish(host.ask("again", job=job)["job"])
    assert again["state"] == "succeeded"
    assert len(runs(folder)) == 1
    host.ask("forget", job=job)
    assert host.finish(host.ask("again", job=again["job"])["job"])["state"] == "succeeded"


def test_renders_take_turns(host: Host, tmp_path: Path) -> None:
    jobs = [submit(host, renderer(tmp_path / f"v2a{n}", pause_s=0.02)) for n in range(3)]
    host.until(lambda: any(status["text"] == "waiting to be rendered" for status in host.told_of(jobs[2])))
    for job in jobs:
        assert host.finish(job)["state"] == "succeeded"
    steps = [
        (jobs.index(status["job"]), status["step"])
        for _, status in host.told
        if status.get("stage") == "rendering" and status["step"]
    ]
    assert steps == sorted(steps)


def test_a_render_that_is_killed_fails_with_its_last_words(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "v2a-render"
    job = submit(host, renderer(folder, pause_s=0.1))
    host.until(lambda: any(status["step"] for status in host.told_of(job)))
    os.kill(runs(folder)[0], signal.SIGKILL)
    ended = host.finish(job)
    assert (ended["state"], ended["error"]["kind"]) == ("failed", "GenerationError")
    assert "exit status 137" in ended["error"]["message"]
    assert "Blender says hello" in ended["error"]["message"]
    assert not folder.exists()
    with pytest.raises(BridgeError, match="ask for it anew"):
        host.ask("again", job=job)


def test_a_render_under_way_lends_its_folder_to_no_other_job(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "v2a-render"
    job = submit(host, renderer(folder, pause_s=1))
    host.until(lambda: any(status["step"] for status in host.told_of(job)))
    with pytest.raises(BridgeError, match="has not ended: wait for it, or cancel it first") as refused:
        host.ask("again", job=job)
    assert refused.value.kind == "ConflictError"
    host.ask("cancel", job=job)
    with pytest.raises(BridgeError, match="ask for it anew") as refused:  # whether the folder is there yet or not
        host.ask("again", job=job)
    assert refused.value.kind == "NotFoundError"
    (job,) = (status["job"] for status in host.ask("jobs")["jobs"])
    assert host.finish(job)["state"] == "cancelled"


def test_a_cancelled_render_ends_at_once(host: Host, tmp_path: Path) -> None:
    folders = [tmp_path / "v2a-one", tmp_path / "v2a-two"]
    jobs = [submit(host, renderer(folder, pause_s=1)) for folder in folders]
    host.until(lambda: any(status["step"] for status in host.told_of(jobs[0])))
    for job in reversed(jobs):
        host.ask("cancel", job=job)
        assert host.finish(job)["state"] == "cancelled"
    assert eventually(lambda: not is_alive(runs(folders[0])[0]))
    assert eventually(lambda: not any(folder.exists() for folder in folders))
    assert len(runs(folders[0])) == 1


def test_a_render_ends_with_its_bridge_and_is_done_anew_by_the_next(
    new_host: NewHost, server: Server, tmp_path: Path
) -> None:
    host = new_host()
    host.start(server=server.address)
    folder = tmp_path / "v2a-render"
    job = submit(host, renderer(folder, pause_s=0.1))
    host.until(lambda: any(status["step"] for status in host.told_of(job)))
    host.kill()
    assert eventually(lambda: not is_alive(runs(folder)[0]))
    host.start(server=server.address)
    assert host.finish(job)["state"] == "succeeded"
    assert len(runs(folder)) == 2


def test_a_render_whose_folder_went_meanwhile_is_said(new_host: NewHost, server: Server, tmp_path: Path) -> None:
    host = new_host()
    host.start(server=server.address)
    folder = tmp_path / "v2a-render"
    job = submit(host, renderer(folder, pause_s=0.1))
    host.until(lambda: any(status["step"] for status in host.told_of(job)))
    host.kill()
    assert eventually(lambda: not is_alive(runs(folder)[0]))
    shutil.rmtree(folder)  # as systems do with what is temporary
    host.start(server=server.address)
    ended = host.finish(job)
    assert ended["error"]["kind"] == "NotFoundError"
    assert "ask for the job anew" in ended["error"]["message"]


@pytest.mark.parametrize("way", ["killed", "closed"])
def test_a_render_that_says_nothing_ends_with_its_bridge_too(
    new_host: NewHost, server: Server, tmp_path: Path, way: str
) -> None:
    host = new_host()
    host.start(server=server.address)
    folder = tmp_path / "v2a-render"
    job = submit(host, renderer(folder, pause_s=1_000))  # a pipe that nobody reads would end it otherwise
    host.until(lambda: any(status["step"] for status in host.told_of(job)))
    if way == "killed":
        host.kill()
    else:
        host.client.close()
    assert eventually(lambda: not is_alive(runs(folder)[0]))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('no scene'); raise SystemExit(3)", "exit status 3.*\n  no scene"),
        ("print('all done')", "no film was rendered.*\n  all done"),
    ],
)
def test_a_render_without_a_film_fails(host: Host, tmp_path: Path, program: str, message: str) -> None:
    folder = tmp_path / "v2a"
    folder.mkdir()
    render = {"command": [sys.executable, "-c", program], "film": str(folder / "f.mp4"), "folder": str(folder)}
    ended = host.finish(submit(host, {"render": {**render, "n_frames": 25}}))
    assert ended["state"] == "failed"
    with pytest.raises(AssertionError, match="(?s)" + message):
        raise AssertionError(ended["error"]["message"])


def test_a_render_of_another_length_or_without_its_program_fails(host: Host, tmp_path: Path) -> None:
    ended = host.finish(submit(host, renderer(tmp_path / "v2a-short", 25, frames=20)))
    assert "20 frames were rendered instead of 25" in ended["error"]["message"]
    source = renderer(tmp_path / "v2a-none")
    source["render"]["command"] = ["/nowhere/blender"]
    ended = host.finish(submit(host, source))
    assert "/nowhere/blender cannot be started" in ended["error"]["message"]


def test_images_of_any_names_and_folders_are_shown_in_the_order_of_the_list(host: Host, tmp_path: Path) -> None:
    write_images(tmp_path / "a", ".png", range(30, 45), prefix="left.")
    write_images(tmp_path / "b", ".png", range(10), prefix="x")
    images = [str(path) for folder in ("b", "a") for path in sorted((tmp_path / folder).iterdir())]
    job = submit(host, {"images": images, "rate": "25"}, handles="1", available=["-1", "5"])
    ended = host.finish(job)
    assert ended["state"] == "succeeded", ended["error"]
    assert (ended["handles"], ended["warnings"]) == (["0", "0"], [])
    Path(images[3]).unlink()
    Path(images[20]).write_bytes(b"torn")
    ended = host.finish(host.ask("again", job=job)["job"])
    assert ended["state"] == "succeeded"
    assert any("1 of 25 images are missing (3)" in warning for warning in ended["warnings"])
    assert any("cannot be read (20)" in warning for warning in ended["warnings"])
    assert list((host.home / "bridge" / "edit").glob("*/*.mp4")) == []


def test_images_that_cannot_be_used_are_said_at_once(host: Host, tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match="moved or renamed"):
        submit(host, {"images": [str(tmp_path / "gone.png")], "rate": "25"})
    with pytest.raises(BridgeError, match="images are read as dpx"):
        submit(host, {"images": [str(tmp_path / "scene.exr")], "rate": "25"})


def test_one_picture_is_held(host: Host, tmp_path: Path) -> None:
    write_images(tmp_path / "a", ".jpg", [7])
    still = {"images": [str(next((tmp_path / "a").iterdir()))], "rate": "25"}
    job = submit(host, still, pieces=[{"source": ["0", "0"], "presented": ["0", "1"]}])
    assert host.finish(job)["state"] == "succeeded"
