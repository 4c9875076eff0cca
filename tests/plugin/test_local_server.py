import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from v2a.errors import StorageError, UnavailableError, UsageError
from v2a.version import __version__
from v2a_api.v1 import generation_pb2 as pb
from v2a_plugin.channel import open_channel
from v2a_plugin.client import Client, ServerChoice, connect
from v2a_plugin.local_server import LocalServer, home

FAKE = Path(__file__).with_name("fake_server.py")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Path]:
    """The file in which fake servers note their process ids; they are ended with the test."""
    file = tmp_path / "started"
    yield file
    for line in file.read_text().split() if file.exists() else []:
        subprocess.run(["kill", "-9", line], stderr=subprocess.DEVNULL, check=False)


def fake(started: Path, *options: str) -> list[str]:
    return [sys.executable, str(FAKE), "--started", str(started), *options]


def test_the_first_call_starts_a_server_and_the_next_finds_it(tmp_path: Path, started: Path) -> None:
    server = LocalServer(tmp_path / "home", fake(started))
    for _ in range(2):
        with connect(ServerChoice(server.ensure())) as client:
            assert client.info().pid == int(started.read_text())
    assert (tmp_path / "home" / "run").stat().st_mode & 0o777 == 0o700


def test_two_clients_at_once_start_one_server(tmp_path: Path, started: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from v2a_plugin.local_server import LocalServer;"
        "print(LocalServer(Path(sys.argv[1]), sys.argv[2:]).ensure())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "home"), *fake(started)]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    addresses = {client.communicate()[0] for client in clients}
    assert [client.returncode for client in clients] == [0] * 4
    assert len(addresses) == 1
    assert len(started.read_text().split()) == 1


def test_the_socket_of_a_killed_server_does_not_stand_in_the_way(tmp_path: Path, started: Path) -> None:
    server = LocalServer(tmp_path / "home", fake(started))
    server.ensure()
    subprocess.run(["kill", "-9", started.read_text().strip()], check=True)
    with socket.socket(socket.AF_UNIX) as probe:
        while probe.connect_ex(str(server.socket)) == 0:
            time.sleep(0.02)
    assert server.socket.exists()
    with connect(ServerChoice(server.ensure())) as client:
        assert client.info().pid == int(started.read_text().split()[1])


def test_a_server_that_fails_to_start_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    complaint = "print('loading'); raise SystemExit('no such device: cuda')"
    server = LocalServer(tmp_path / "home", [sys.executable, "-c", complaint])
    with pytest.raises(UnavailableError, match=r"exit status 1.*server\.log:\n  loading\n  no such device: cuda"):
        server.ensure()


def test_only_this_starts_log_is_shown(tmp_path: Path) -> None:
    for word in ("first", "second"):
        server = LocalServer(tmp_path / "home", [sys.executable, "-c", f"raise SystemExit('{word} failure')"])
        with pytest.raises(UnavailableError) as caught:
            server.ensure()
    assert "second failure" in str(caught.value)
    assert "first failure" not in str(caught.value)


def test_a_long_home_gets_a_short_socket(tmp_path: Path, started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server = LocalServer(tmp_path / ("long" * 40), fake(started))
    with connect(ServerChoice(server.ensure())) as client:
        assert client.models()
    assert server.socket.parent.parent == tmp_path
    assert server.socket.parent.stat().st_mode & 0o777 == 0o700
    assert LocalServer(tmp_path / ("long" * 41)).socket != server.socket


def test_a_socket_folder_that_is_a_link_is_not_trusted(tmp_path: Path, started: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home" / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="V2A_HOME"):
        LocalServer(tmp_path / "home", fake(started)).ensure()


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        LocalServer(tmp_path / "file" / "home", ["true"]).ensure()


def test_a_running_server_of_another_contract_is_not_used(fake_server: Callable[..., Any], v2a_home: Path) -> None:
    server = LocalServer(home())
    server.socket.parent.mkdir(parents=True)
    running = fake_server("contract", server.socket)
    with pytest.raises(UnavailableError, match=f"kill {running.process.pid}"):
        connect()


def test_without_unix_sockets_the_other_way_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(UsageError, match=r"v2a serve --listen 127\.0\.0\.1.*--token-file"):
        LocalServer(tmp_path / "home").ensure()


def local_client(server: LocalServer) -> Client:
    return Client(open_channel(server.ensure()), local=server)


def test_a_server_of_another_version_is_ended_when_it_is_idle(tmp_path: Path, started: Path) -> None:
    server = LocalServer(tmp_path / "home", fake(started, "--version", "0.0.1"))
    with local_client(server) as client, pytest.raises(UnavailableError, match=r"0\.0\.1.*was ended"):
        client.check()
    server.ensure()
    assert len(started.read_text().split()) == 2


def test_a_server_of_another_version_that_works_is_left_alone_and_named(tmp_path: Path, started: Path) -> None:
    server = LocalServer(tmp_path / "home", fake(started, "--version", "0.0.1", "--script", "working"))
    with local_client(server) as client:
        with pytest.raises(UnavailableError, match=rf"software 0\.0\.1.*kill {started.read_text().strip()}"):
            client.check()
        assert client.info()


def test_a_server_of_this_version_stays(tmp_path: Path, started: Path) -> None:
    with local_client(LocalServer(tmp_path / "home", fake(started, "--version", __version__))) as client:
        client.check()
        assert client.info()


def test_a_server_that_ended_when_it_was_idle_is_started_again_for_the_next_job(
    tmp_path: Path, started: Path, film: Path
) -> None:
    server = LocalServer(tmp_path / "home", fake(started))
    with local_client(server) as client:
        server.end(client.info().pid)
        clip = pb.Clip()
        client.use_source(clip, film)
    assert clip.path == str(film)
    assert len(started.read_text().split()) == 2
