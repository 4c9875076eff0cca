"""Servers as a host meets them: its own, another's, one that refuses."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.hosting import Host, tones
from tests.server.running import Server
from v2a_host.bridge_client import BridgeError
from v2a_plugin.local_server import LocalServer

NewHost = Callable[..., Host]


def test_the_users_own_server_is_started_survives_its_death_and_is_stopped(new_host: NewHost, film: Path) -> None:
    """The true server and the shipped model."""
    host = new_host()
    host.start()
    job = host.submit(film, takes=2, steps=60)
    host.until_sampling(job)
    running = host.ask("server.status")
    assert (running["state"], running["local"]) == ("running", True)
    with pytest.raises(BridgeError, match="cancel them first") as refused:
        host.ask("server.stop")
    assert refused.value.kind == "ConflictError"
    os.kill(running["pid"], signal.SIGKILL)
    ended = host.finish(job)
    assert ended["state"] == "succeeded", ended["error"]
    texts = [status["text"] for status in host.told_of(job)]
    assert "the server went away, and is started again" in texts
    again = host.ask("server.status")
    assert again["pid"] != running["pid"]
    assert again["device"] == "cpu"
    assert host.ask("server.stop")["state"] == "stopped"
    host.until(lambda: host.server_state == "stopped")
    # As when it ended since nobody asked for anything: the next job starts it.
    assert host.finish(host.ask("again", job=job, takes=1, quality="preview")["job"])["state"] == "succeeded"
    (model,) = host.ask("models")["models"]
    assert (model["name"], model["licence"], model["commercial_use"]) == ("pocket", "Apache-2.0", True)
    host.until(lambda: host.server_state == "running")
    assert host.ask("server.start")["state"] == "running"


def test_jobs_go_on_in_the_next_server_where_theirs_was_asked_to_end(new_host: NewHost, film: Path) -> None:
    host = new_host()
    host.start()
    jobs = [host.submit(film, takes=2, steps=60)]
    host.until_sampling(jobs[0])
    before = host.ask("server.status")["pid"]
    os.kill(before, signal.SIGTERM)
    jobs.append(host.submit(film, quality="preview", seed=1))
    for job in jobs:
        ended = host.finish(job)
        assert ended["state"] == "succeeded", ended["error"]
    assert host.ask("server.status")["pid"] != before


def test_a_server_that_does_not_start_fails_the_job_with_its_log(
    new_host: NewHost, film: Path, short_home: Path
) -> None:
    (short_home / "store").parent.mkdir(parents=True)
    (short_home / "store").write_text("in its way")
    host = new_host()
    host.start()
    ended = host.finish(host.submit(film))
    assert (ended["state"], ended["error"]["kind"]) == ("failed", "UnavailableError")
    assert "did not start" in ended["error"]["message"]
    assert "server.log" in ended["error"]["message"]


def test_a_token_that_is_refused_or_missing_is_said(
    new_host: NewHost, new_server: Callable[..., Server], film: Path, tmp_path: Path
) -> None:
    server = new_server(token="secret", read_anything=True).start()  # noqa: S106
    host = new_host()
    host.start(server=server.address)
    ended = host.finish(host.submit(film, model="tones", layers=tones()))
    assert ended["error"]["kind"] == "UsageError"
    assert "the server wants its token" in ended["error"]["message"]
    status = host.ask("server.status")
    assert (status["state"], status["local"]) == ("unreachable", False)
    assert "token" in status["message"]
    host.hello("edit", server=server.address, token_file=str(tmp_path / "token"))
    with pytest.raises(BridgeError, match=r"token file .* cannot be read"):
        host.ask("models")
    (tmp_path / "token").write_text("secret\n")
    assert host.finish(host.ask("again", job=ended["job"])["job"])["state"] == "succeeded"


def test_a_server_of_another_contract_is_named(new_host: NewHost, fake_server: Callable[..., Any], film: Path) -> None:
    server = fake_server("contract")
    host = new_host()
    host.start(server=server.address)
    ended = host.finish(host.submit(film))
    assert ended["error"]["kind"] == "UnavailableError"
    assert f"kill {server.process.pid}" in ended["error"]["message"]
    status = host.ask("server.status")
    assert status["state"] == "unreachable"
    assert "update the older of the two" in status["message"]
    with pytest.raises(BridgeError, match="was not started from here"):
        host.ask("server.stop")


def test_the_users_server_of_another_version_that_works_is_named_and_left_alone(
    new_host: NewHost, fake_server: Callable[..., Any], short_home: Path, film: Path
) -> None:
    socket = LocalServer(short_home).socket
    socket.parent.mkdir(parents=True, mode=0o700)
    server = fake_server("working", socket)
    host = new_host()
    host.start()
    ended = host.finish(host.submit(film))
    assert ended["error"]["kind"] == "UnavailableError"
    assert "runs software 9.9" in ended["error"]["message"]
    assert f"kill {server.process.pid}" in ended["error"]["message"]
    with pytest.raises(BridgeError, match=r"runs software 9\.9"):
        host.ask("models")
    assert server.process.poll() is None


def test_a_full_queue_is_waited_for(new_host: NewHost, new_server: Callable[..., Server], film: Path) -> None:
    server = new_server(max_queued=1, read_anything=True).start()
    host = new_host()
    host.start(server=server.address)
    jobs = [host.submit(film, model="tones", layers=tones(steps=20, step_s=0.05), seed=seed) for seed in range(4)]
    for job in jobs:
        assert host.finish(job)["state"] == "succeeded"
    assert any("waiting for room at the server" in status["text"] for job in jobs for status in host.told_of(job))


def test_a_film_is_uploaded_to_a_server_that_reads_no_paths(
    new_host: NewHost, fake_server: Callable[..., Any], film: Path
) -> None:
    server = fake_server("uploads")
    host = new_host()
    host.start(server=server.address)
    assert host.finish(host.submit(film))["state"] == "succeeded"
    assert [call["source"] for call in server.calls("create")] == ["upload_sha256"]


def test_damaged_sounds_are_never_placed(new_host: NewHost, fake_server: Callable[..., Any], film: Path) -> None:
    server = fake_server("corrupt")
    host = new_host()
    host.start(server=server.address)
    ended = host.finish(host.submit(film))
    assert ended["error"]["kind"] == "StorageError"
    assert list((host.home / "sounds").iterdir()) == []


def test_nobody_is_there(new_host: NewHost, film: Path, tmp_path: Path) -> None:
    host = new_host()
    host.start(server=f"unix:{tmp_path}/nobody")
    ended = host.finish(host.submit(film))
    assert ended["error"]["kind"] == "UnavailableError"
    assert "cannot be reached" in ended["error"]["message"]


def test_the_local_servers_state_is_told_as_it_comes_and_goes(
    new_host: NewHost, fake_server: Callable[..., Any], short_home: Path
) -> None:
    host = new_host()
    host.start()
    host.until(lambda: host.server_state == "stopped")
    socket = LocalServer(short_home).socket
    socket.parent.mkdir(parents=True, mode=0o700)
    server = fake_server("success", socket)
    host.until(lambda: host.server_state == "running")
    assert "it is replaced as soon as it is idle" in host.told[-1][1]["message"]
    server.process.kill()
    host.until(lambda: host.server_state == "stopped")
