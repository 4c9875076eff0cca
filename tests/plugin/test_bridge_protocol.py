"""Lines in, lines out: whatever comes is answered, and nothing that comes ends the bridge."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.hosting import BRIDGE, DEADLINE_S, Host
from v2a.errors import ConflictError, UsageError
from v2a.request import LAYERS
from v2a_host.bridge_client import BridgeError
from v2a_plugin import bridge
from v2a_plugin.bridge.rpc import Connection
from v2a_plugin.commands.bridge import sounds_folder


def test_the_package_tells_of_every_file() -> None:
    files = {path.name for path in Path(str(bridge.__file__)).parent.glob("*.py")} - {"__init__.py"}
    assert files == set(re.findall(r"^(\w+\.py) ", str(bridge.__doc__), re.MULTILINE))


def refuse(error: Exception) -> Any:
    raise error


METHODS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "echo": lambda params: {"heard": params},
    "usage": lambda params: refuse(UsageError("job.name is missing")),
    "conflict": lambda params: refuse(ConflictError("cancel it first")),
    "fault": lambda params: refuse(ZeroDivisionError("oh")),
}


def answers(*lines: bytes) -> list[dict[str, Any]]:
    sink = io.BytesIO()
    Connection(io.BytesIO(b"".join(line + b"\n" for line in lines)), sink).serve(METHODS, frozenset(), "bridge.log")
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def request(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def test_an_answer_has_the_requests_id() -> None:
    (answer,) = answers(b'{"jsonrpc": "2.0", "id": "a", "method": "echo", "params": {"x": [1]}}')
    assert answer == {"jsonrpc": "2.0", "id": "a", "result": {"heard": {"x": [1]}}}


def test_names_that_are_no_text_come_back_as_they_were() -> None:
    name = b"reel\xff.mp4".decode("utf-8", "surrogateescape")
    (answer,) = answers(request("echo", path=name))
    assert answer["result"]["heard"]["path"] == name


@pytest.mark.parametrize(
    ("line", "code", "call_id"),
    [
        (b"{", -32700, None),
        (b"\xff\xfe", -32700, None),
        (b"[" * 200_000, -32700, None),
        (b'{"id": 1, "method": "echo", "params": {"x": NaN}}', -32700, None),
        (b'{"id": 1, "method": "echo", "params": {"x": ' + b"9" * 5000 + b"}}", -32700, None),
        (b"[]", -32600, None),
        (b"5", -32600, None),
        (b'{"method": "echo"}', -32600, None),
        (b'{"id": true, "method": "echo"}', -32600, None),
        (b'{"id": 3, "method": 5}', -32600, 3),
        (b'{"id": 3}', -32600, 3),
        (b'{"id": 3, "method": "dance"}', -32601, 3),
        (b'{"id": 3, "method": "echo", "params": [1]}', -32602, 3),
    ],
)
def test_what_is_no_request_is_answered_and_the_next_one_too(line: bytes, code: int, call_id: int | None) -> None:
    refused, answer = answers(line, request("echo"))
    assert (refused["error"]["code"], refused["id"]) == (code, call_id)
    assert refused["error"]["data"] == {"kind": "ProtocolError"}
    assert answer["result"] == {"heard": {}}


@pytest.mark.parametrize(
    ("method", "code", "kind", "message"),
    [
        ("usage", -32602, "UsageError", "job.name is missing"),
        ("conflict", -32000, "ConflictError", "cancel it first"),
        ("fault", -32603, "ProtocolError", "internal error: ZeroDivisionError: oh. The details are in bridge.log"),
    ],
)
def test_errors_say_of_which_kind_they_are(method: str, code: int, kind: str, message: str) -> None:
    (answer,) = answers(request(method))
    assert (answer["error"]["code"], answer["error"]["data"]["kind"]) == (code, kind)
    assert answer["error"]["message"].startswith(message)


def test_an_empty_line_and_one_without_an_end_are_nothing_special() -> None:
    sink = io.BytesIO()
    Connection(io.BytesIO(b"\n  \n" + request("echo")), sink).serve(METHODS, frozenset(), "")
    assert len(sink.getvalue().splitlines()) == 1


@contextmanager
def bare_bridge(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    monkeypatch.setenv("V2A_HOME", str(home))
    with subprocess.Popen(BRIDGE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bridge:
        yield bridge


def test_a_line_of_100_mb_is_refused_and_the_bridge_goes_on(short_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bare_bridge(short_home, monkeypatch) as bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        for _ in range(100):
            bridge.stdin.write(b"x" * 1_000_000)
        bridge.stdin.write(b"\n" + request("jobs") + b"\n")
        bridge.stdin.flush()
        refused, answer = (json.loads(bridge.stdout.readline()) for _ in range(2))
        assert refused["error"]["message"] == "a line has at most 67,108,864 bytes"
        assert answer["error"]["message"] == "say hello first"
        memory = Path(f"/proc/{bridge.pid}/status")
        if memory.exists():
            (peak,) = (line.split()[1] for line in memory.read_text().splitlines() if line.startswith("VmHWM"))
            assert int(peak) < 300_000  # kB, most of it libraries
        bridge.stdin.close()
        assert bridge.wait(DEADLINE_S) == 0


def test_stdout_is_for_the_protocol_alone() -> None:
    program = (
        "import os; from v2a_plugin.commands.bridge import _reserved_stdout\n"
        "protocol = _reserved_stdout(); print('careless', flush=True); os.write(1, b'C library')\n"
        "os.system('echo child'); protocol.write(b'answer'); protocol.flush()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"answer"
    assert b"careless" in done.stderr
    assert b"C library" in done.stderr


def test_sounds_go_where_the_user_finds_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("V2A_HOME", "XDG_CONFIG_HOME", "XDG_MUSIC_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert sounds_folder() == tmp_path / "Music" / "V2A Studio"
    monkeypatch.setenv("V2A_HOME", str(tmp_path / "home"))
    assert sounds_folder() == tmp_path / "home" / "sounds"


def test_hello_tells_what_a_host_needs(new_host: Callable[..., Host]) -> None:
    host = new_host()
    hello = host.start()
    assert (hello["protocol"], tuple(hello["layers"]), hello["limits"]["takes"]) == (1, LAYERS, 16)
    assert {"name", "prompt", "negative", "use"} == set(hello["presets"][0])
    assert ".png" in hello["images"]
    assert Path(hello["log"]).is_file()
    assert host.ask("jobs") == {"jobs": []}
    status = host.ask("server.status")
    assert (status["state"], status["local"]) == ("stopped", True)
    assert host.ask("server.stop")["state"] == "stopped"


@pytest.mark.parametrize(
    ("hello", "message"),
    [
        ({"protocol": 2, "news": 1}, r"protocol 2, and this bridge 1: update V2A Studio"),
        ({"protocol": 0}, "update the add-on for test"),
        ({"protocol": "1"}, r"hello\.protocol is '1' and must be a whole number"),
        ({"document": "../../etc"}, "document must be a name"),
        ({"document": ""}, "document must be a name"),
        ({"server": "example.org:50051"}, "no address that can be used"),
        ({"token_file": "relative"}, "must be an absolute path"),
        ({"songs": 1}, "hello has no songs"),
    ],
)
def test_a_hello_that_cannot_be_understood_is_refused(
    new_host: Callable[..., Host], hello: dict[str, Any], message: str
) -> None:
    host = new_host()
    host.client.start()
    with pytest.raises(BridgeError, match=message):
        host.ask("hello", **{"protocol": 1, "host": "test", "document": "edit", **hello})
    with pytest.raises(BridgeError, match="say hello first"):
        host.ask("jobs")
    assert host.hello("edit")["protocol"] == 1


def test_a_state_folder_that_cannot_be_written_is_said(new_host: Callable[..., Host], short_home: Path) -> None:
    short_home.touch()
    host = new_host()
    host.client.start()
    host.until(lambda: host.ends)
    assert "cannot be written" in host.ends[0]
    assert host.client.message == host.ends[0]
