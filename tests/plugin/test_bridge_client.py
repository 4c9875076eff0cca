"""The host's side of the bridge: found, started, never waited for, gone and back."""

import ast
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from tests.plugin.hosting import BRIDGE, DEADLINE_S, Host
from v2a_host import finding
from v2a_host.bridge_client import BridgeClient, BridgeError
from v2a_plugin.local_server import home

HOST_FILES = sorted(Path(finding.__file__).parent.glob("*.py"))
ECHO = (
    "import json, sys, time\n"
    "for line in sys.stdin:\n"
    "    request = json.loads(line)\n"
    "    if request['method'] == 'die': sys.exit('no more memory')\n"
    "    if request['method'] == 'hang': time.sleep(1_000)\n"
    "    print('careless words', flush=True)\n"
    "    print(json.dumps({'jsonrpc': '2.0', 'id': request['id'], 'result': request['params']}), flush=True)\n"
)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Makes an executable file."""

    def make(name: str, text: str = "#!/bin/sh\n") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def echo() -> Iterator[BridgeClient]:
    client = BridgeClient([sys.executable, "-c", ECHO])
    client.start()
    yield client
    client.close()


def test_the_path_that_the_user_set_comes_first(program: Callable[[str], Path], tmp_path: Path) -> None:
    own, other = program("own/v2a"), program("other/v2a")
    record(tmp_path, [str(other), "bridge"])
    environment = {"V2A_BRIDGE": str(other), "V2A_HOME": str(tmp_path)}
    assert finding.bridge_command(f" {own} ", environment) == [str(own), "bridge"]
    assert finding.bridge_command("", environment) == [str(other), "bridge"]
    python = program("venv/bin/python3")
    assert finding.bridge_command(str(python), {}) == [str(python), "-m", "v2a_plugin", "bridge"]
    assert finding.bridge_command(str(tmp_path / "own"), {}) == [str(own), "bridge"]
    inside = program("venv/bin/v2a")
    assert finding.bridge_command(str(tmp_path / "venv"), {}) == [str(inside), "bridge"]


def test_without_a_path_the_record_of_the_installation_and_then_the_path_are_looked_at(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    environment = {"V2A_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}
    with pytest.raises(finding.NotFoundError, match=r"bridge\.json is missing.*pip install.*v2a install"):
        finding.bridge_command("", environment)
    on_path = program("bin/v2a")
    assert finding.bridge_command("", environment) == [str(on_path), "bridge"]
    recorded = program("python")
    record(tmp_path / "home", [str(recorded), "-m", "v2a_plugin", "bridge"])
    assert finding.bridge_command("", environment) == [str(recorded), "-m", "v2a_plugin", "bridge"]
    recorded.unlink()
    with pytest.raises(finding.NotFoundError, match="is there no more: run `v2a install` again"):
        finding.bridge_command("", environment)


@pytest.mark.parametrize("text", ["{", "[]", '{"command": "v2a"}', '{"command": []}', '{"command": [1]}'])
def test_a_damaged_record_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "bridge.json").write_text(text)
    with pytest.raises(finding.NotFoundError, match="run `v2a install` again"):
        finding.bridge_command("", {"V2A_HOME": str(tmp_path)})


@pytest.mark.parametrize("kind", ["missing", "no program", "folder without one"])
def test_a_path_that_is_no_program_is_said_with_who_said_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "v2a"
    if kind == "no program":
        path.touch()
    elif kind == "folder without one":
        path.mkdir()
    with pytest.raises(finding.NotFoundError, match=r"set in the preferences.*is no program"):
        finding.bridge_command(str(path), {})
    with pytest.raises(finding.NotFoundError, match=r"V2A_BRIDGE in the environment.*is no program"):
        finding.bridge_command("", {"V2A_BRIDGE": str(path)})


def record(folder: Path, command: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "bridge.json").write_text(json.dumps({"command": command}))


@pytest.mark.parametrize("base", [None, "", "relative", "/elsewhere"])
def test_the_state_folder_is_where_platformdirs_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base: str | None
) -> None:
    monkeypatch.delenv("V2A_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    if base is None:
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_STATE_HOME", base)
    assert str(finding.state_folder(platform="linux")) == Unix("v2a-studio").user_state_dir
    if base != "/elsewhere":
        assert str(finding.state_folder(platform="darwin")) == MacOS("v2a-studio").user_state_dir
    assert finding.state_folder() == home()
    monkeypatch.setenv("V2A_HOME", "~/mine")
    assert finding.state_folder() == home() == tmp_path / "mine"


def test_the_state_folder_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    local = "C:\\Users\\me\\AppData\\Local"
    monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda name: local)
    expected = Windows("v2a-studio").user_state_dir.replace("/", "\\")
    found = finding.state_folder({"LOCALAPPDATA": local}, "win32")
    assert str(found).replace("/", "\\") == expected


def test_what_a_host_sets_for_itself_does_not_reach_the_bridge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spoilt = {"PYTHONHOME": "/blender/python", "PYTHONPATH": str(tmp_path), "LD_LIBRARY_PATH": str(tmp_path)}
    for name, value in spoilt.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANTED", "yes")
    client = BridgeClient([sys.executable, "-c", "import os, sys; sys.exit(str(sorted(os.environ)))"])
    client.start()
    until(client, lambda: not client.running)
    told = ast.literal_eval(client.message.splitlines()[-1].strip())
    assert "WANTED" in told
    assert not set(spoilt) & set(told)


def until(client: BridgeClient, true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        client.pump()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_answers_come_in_pump_and_nowhere_else(echo: BridgeClient) -> None:
    heard: list[Any] = []
    for number in range(3):
        echo.call("echo", {"n": number}, lambda result, error: heard.append((result, error)))
    time.sleep(0.3)
    assert heard == []
    until(echo, lambda: len(heard) == 3)
    assert heard == [({"n": number}, None) for number in range(3)]


def test_pump_stops_when_its_time_is_over(echo: BridgeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0
    heard: list[Any] = []

    def slow(result: Any, error: Any) -> None:
        nonlocal now_s
        now_s += 1
        heard.append(result)

    for number in range(50):
        echo.call("echo", {"n": number}, slow)
    assert echo._run is not None
    while echo._run.incoming.qsize() < 50:
        assert echo._run.process.poll() is None
        time.sleep(0.005)
    with monkeypatch.context() as patch:
        patch.setattr("v2a_host.bridge_client.time", SimpleNamespace(monotonic=lambda: now_s))
        assert echo.pump(within_s=3) == 3
        assert echo.pump(within_s=0) == 1, "some of it each time"
    until(echo, lambda: len(heard) == 50)


def test_a_call_does_not_wait_though_nobody_reads(echo: BridgeClient) -> None:
    answers: list[Any] = []
    echo.call("hang", done=lambda result, error: answers.append(result))
    for _ in range(20):
        echo.call("echo", {"text": "x" * 1_000_000})
    echo.pump()
    assert answers == [], "it still hangs: nobody has read what was said since"
    assert echo._run is not None
    process = echo._run.process
    echo.close()
    assert not echo.running
    assert process.wait(DEADLINE_S) < 0, "it was made to end"


def test_its_death_is_told_with_its_last_words_and_it_starts_again(
    echo: BridgeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[str] = []
    failed: list[Any] = []
    echo._on_end = ends.append
    assert echo._run is not None
    close, may_close, closed = echo._run.close, threading.Event(), threading.Event()

    def slow_close() -> None:
        may_close.wait(DEADLINE_S)
        close()
        closed.set()

    monkeypatch.setattr(echo._run, "close", slow_close)
    echo.call("die", done=lambda result, error: failed.append(error))
    until(echo, lambda: ends)
    assert not closed.is_set(), "pump does not wait until all of it is gone"
    may_close.set()
    assert closed.wait(DEADLINE_S)
    assert "exit status 1" in ends[0]
    assert "no more memory" in ends[0]
    assert (failed[0].kind, str(failed[0])) == ("BridgeEndedError", ends[0])
    assert (echo.running, echo.message, echo.pid) == (False, ends[0], None)
    echo.call("echo", done=lambda result, error: failed.append(error))
    echo.pump()
    assert str(failed[1]) == ends[0]
    echo.start()
    assert echo.message == ""
    assert echo.ask("echo", {"x": 1}) == {"x": 1}


def test_what_is_not_answered_fails_when_it_is_started_again(echo: BridgeClient) -> None:
    answers: list[Any] = []
    echo.call("hang", {}, lambda result, error: answers.append(error))
    echo.start()
    assert answers == [], "all callbacks run in pump"
    assert echo.unanswered == 1
    assert echo.ask("echo", {"a": 1}) == {"a": 1}
    (error,) = answers
    assert (error.kind, str(error)) == (
        "BridgeEndedError",
        "the bridge was started again before it answered: ask again",
    )
    assert echo.unanswered == 0


def test_a_program_that_cannot_be_started_is_said(tmp_path: Path) -> None:
    client = BridgeClient([str(tmp_path / "nothing")])
    with pytest.raises(BridgeError, match="cannot be started: No such file"):
        client.start()
    assert "cannot be started" in client.message
    missing = BridgeClient(environment={"V2A_HOME": str(tmp_path), "PATH": ""})
    with pytest.raises(finding.NotFoundError, match="V2A Studio is not known"):
        missing.start()
    assert "V2A Studio is not known" in missing.message


def test_before_it_starts_calls_fail_with_what_to_do() -> None:
    with pytest.raises(BridgeError, match="start it first"):
        BridgeClient(BRIDGE).ask("jobs")


def test_closing_ends_the_true_bridge(new_host: Callable[..., Host]) -> None:
    for starting in (True, False):
        host = new_host()
        host.client.start()
        assert host.client._run is not None
        process = host.client._run.process
        if not starting:
            host.hello("edit")
        host.client.close()
        process.wait(DEADLINE_S)


@pytest.mark.parametrize("file", HOST_FILES, ids=lambda file: str(file.name))
def test_hosts_with_old_pythons_can_read_it_and_need_nothing_else(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("version", ["3.8", "3.10", "3.13"])
def test_a_host_of_another_python_speaks_with_the_bridge(version: str, short_home: Path) -> None:
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    python = str(pyenv[-1]) if pyenv else shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"no Python {version} here")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from v2a_host.bridge_client import BridgeClient\n"
        "client = BridgeClient(sys.argv[2:]); client.start()\n"
        "print(client.ask('hello', {'protocol': 1, 'host': 'old', 'document': 'edit'})['software']); client.close()\n"
    )
    command = [python, "-I", "-c", program, str(HOST_FILES[0].parents[1]), *BRIDGE]
    environment = {**os.environ, "V2A_HOME": str(short_home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("0.1.0", "")
