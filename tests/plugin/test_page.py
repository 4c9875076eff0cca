"""The page that a bridge serves: who may ask for what, and how it ends."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.plugin.hosting import DEADLINE_S
from v2a.audio import Audio
from v2a.delivery import write_wav
from v2a.errors import NotFoundError, UsageError
from v2a_plugin.page import Form, Page, Pages

FORM = Form(("mix", "effects"), ("standard", "best"), ({"name": "rain", "use": "on roofs"},), 8, 100)


@dataclass
class Desk:
    """Jobs that are done at once. sound: the file of every take."""

    sound: Path
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: bool = False

    def submit(self, parameters: Any) -> str:
        if self.refuses and self.jobs:
            raise UsageError("the prompt is too long: shorten it")
        job = f"job {len(self.jobs) + 1}"
        takes = [
            {"layer": "mix", "take": n + 1, "seed": 7, "path": str(self.sound), "n_samples": 480, "rate_hz": 48_000}
            for n in range(parameters.get("takes", 1))
        ]
        self.jobs[job] = {"job": job, "name": parameters["name"], "state": "succeeded", "text": "done", "progress": 1.0}
        self.jobs[job] |= {"queue": 0, "warnings": [], "error": None, "takes": takes, "model": None}
        self.jobs[job]["parameters"] = parameters
        return job

    def again(self, job: str, changes: Mapping[str, Any]) -> str:
        return self.submit(self.jobs[job]["parameters"])

    def cancel(self, job: str) -> None:
        self.jobs[job]["state"] = "cancelled"

    def statuses(self) -> list[dict[str, Any]]:
        return list(self.jobs.values())


@dataclass
class Visitor:
    """Somebody with a connection to the page's server."""

    host: str
    key: str = ""

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection(self.host, timeout=DEADLINE_S)
        sent = {"X-V2A-Key": self.key, "Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request("GET" if body is None else "POST", path, data, sent)
        with connection.getresponse() as answer:
            content = answer.read()
        connection.close()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(content) if is_json else content, answer.headers


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    path = tmp_path / "take.wav"
    write_wav(path, Audio(np.zeros((1, 480), np.float32), 48_000))
    return Desk(path)


@pytest.fixture
def ended() -> list[Mapping[str, Any]]:
    return []


@pytest.fixture
def pages(ended: list[Mapping[str, Any]]) -> Iterator[Pages]:
    pages = Pages(ended.append)
    yield pages
    for name in list(pages._open):
        pages.close(name)
    deadline = time.monotonic() + DEADLINE_S
    while len(ended) < len(pages._open) and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.fixture
def opened(pages: Pages, desk: Desk) -> tuple[str, Visitor]:
    """A page with two clips to be made, and its person."""
    page = Page(
        "Sound for two clips", desk, FORM, [{"name": "one"}, {"name": "two"}], [], {"seed": 3}, ["'three' is no film"]
    )
    answer = pages.open(page)
    address = urlsplit(answer["url"])
    visitor = Visitor(address.netloc)
    status, found, _ = visitor.ask("/open", {"token": address.fragment})
    assert status == 200
    visitor.key = found["key"]
    return answer["page"], visitor


def test_the_address_works_once(pages: Pages, desk: Desk, ended: list[Mapping[str, Any]]) -> None:
    address = urlsplit(pages.open(Page("t", desk, FORM, [{"name": "one"}], [], {}))["url"])
    assert address.hostname == "127.0.0.1"
    visitor = Visitor(address.netloc)
    assert visitor.ask("/open", {"token": "wrong"})[0] == 403
    assert visitor.ask("/look")[0] == 403
    assert visitor.ask("/open", {"token": address.fragment})[0] == 200
    assert ended == []


def test_an_address_that_is_used_again_ends_the_page(
    pages: Pages, opened: tuple[str, Visitor], ended: list[Mapping[str, Any]]
) -> None:
    """Somebody who read it may have been first: the person who comes second is not to be left beside them."""
    name, visitor = opened
    token = pages._open[name][0].token
    status, found, _ = Visitor(visitor.host).ask("/open", {"token": token})
    assert (status, "run the script in your editor again" in found["error"]) == (403, True)
    assert _awaited(ended)["state"] == "gone"


def test_the_page_itself_holds_no_secret_and_runs_nothing_of_others(opened: tuple[str, Visitor]) -> None:
    _, visitor = opened
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
        status, content, headers = Visitor(visitor.host).ask(path)
        assert (status, headers.get_content_type()) == (200, kind)
        assert visitor.key.encode() not in content
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")
        assert "Set-Cookie" not in headers
    assert visitor.ask("/../serving.py")[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/look", None, {"Host": "evil.example"}, 421),
        ("/look", None, {"X_V2A_Key": "guessed"}, 403),
        ("/keep", {"kept": []}, {"Origin": "http://evil.example"}, 403),
        ("/keep", {"kept": []}, {"Content_Type": "text/plain"}, 415),
        ("/keep", b"[" * 1000, {}, 400),
        ("/keep", b"[]", {}, 400),
        ("/keep", {"kept": ["job 1"]}, {}, 400),
        ("/keep", {"kept": [{"job": ["job 1"], "takes": [[]]}]}, {}, 400),
        ("/generate", {"takes": "many"}, {}, 500),
        ("/keep", b"x" * 70_000, {}, 413),
        ("/nothing", {}, {}, 404),
        ("/sound/job%201/mix/1?key=guessed", None, {}, 403),
    ],
)
def test_others_are_refused(
    opened: tuple[str, Visitor], path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    _, visitor = opened
    assert visitor.ask(path, body, **headers)[0] == status


def test_the_body_of_a_refused_request_is_not_taken_for_another_request(opened: tuple[str, Visitor]) -> None:
    _, visitor = opened
    host, port = visitor.host.split(":")
    smuggled = f"GET /look HTTP/1.1\r\nHost: {visitor.host}\r\nX-V2A-Key: {visitor.key}\r\n\r\n"
    head = f"POST /keep HTTP/1.1\r\nHost: evil.example\r\nContent-Length: {len(smuggled)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as connection:
        connection.sendall(f"{head}{smuggled}".encode())
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # as a socket is closed on what nobody has read
            while part := connection.recv(65536):
                answer += part
    assert answer.startswith(b"HTTP/1.1 421 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in answer


def test_asked_heard_and_kept(
    pages: Pages, opened: tuple[str, Visitor], desk: Desk, ended: list[Mapping[str, Any]]
) -> None:
    name, visitor = opened
    _, shown, _ = visitor.ask("/look")
    assert (shown["title"], shown["names"], shown["notes"], shown["form"]["settings"]) == (
        "Sound for two clips",
        ["one", "two"],
        ["'three' is no film"],
        {"seed": 3},
    )
    words = {
        "layers": [{"name": "mix", "prompt": "rain", "negative": ""}],
        "takes": 2,
        "seed": 9,
        "output": "/elsewhere",
    }
    _, shown, _ = visitor.ask("/generate", words)
    assert [(job["name"], len(job["takes"])) for job in shown["jobs"]] == [("one", 2), ("two", 2)]
    assert "output" not in desk.jobs["job 1"]["parameters"], "a page chooses words, not places"
    assert str(desk.sound) not in json.dumps(shown)
    _, shown, _ = visitor.ask("/again", {"job": "job 2"})
    assert [job["clip"] for job in shown["jobs"]] == ["wanted 0", "wanted 1", "wanted 1"]

    assert visitor.ask("/keep", {"kept": [{"job": "job 1", "takes": [5]}]})[0] == 400
    kept = [{"job": "job 1", "takes": [2]}, {"job": "job 3", "takes": [1, 2]}]
    assert visitor.ask("/keep", {"kept": kept})[1]["state"] == "kept"
    assert pages.result(name)["kept"] == kept
    assert _awaited(ended) == {"page": name, **pages.result(name)}
    with pytest.raises(OSError, match=r"refused|reset"):
        visitor.ask("/look")


def test_cancelled(pages: Pages, opened: tuple[str, Visitor], desk: Desk) -> None:
    name, visitor = opened
    visitor.ask("/generate", {})
    desk.jobs["job 1"]["state"] = "running"
    assert visitor.ask("/cancel", {})[1]["state"] == "cancelled"
    assert [job["state"] for job in desk.jobs.values()] == ["cancelled", "succeeded"]
    assert pages.result(name)["kept"] == []


def test_one_job_is_stopped_and_others_go_on(opened: tuple[str, Visitor], desk: Desk) -> None:
    _, visitor = opened
    visitor.ask("/generate", {})
    assert visitor.ask("/stop", {"job": "another"})[0] == 404
    visitor.ask("/stop", {"job": "job 2"})
    assert [job["state"] for job in desk.jobs.values()] == ["succeeded", "cancelled"]


def test_jobs_that_were_asked_for_elsewhere_outlive_their_page(pages: Pages, desk: Desk) -> None:
    job = desk.submit({"name": "one"})
    desk.jobs[job]["state"] = "running"
    address = urlsplit(pages.open(Page("Sounds to keep", desk, FORM, [], [job], {}))["url"])
    visitor = Visitor(address.netloc)
    visitor.key = visitor.ask("/open", {"token": address.fragment})[1]["key"]
    assert visitor.ask("/look")[1]["form"] is None
    visitor.ask("/cancel", {})
    assert desk.jobs[job]["state"] == "running"


def test_where_one_job_is_refused_none_is_left(opened: tuple[str, Visitor], desk: Desk) -> None:
    desk.refuses = True
    status, found, _ = opened[1].ask("/generate", {})
    assert (status, found["error"]) == (400, "the prompt is too long: shorten it")
    assert [job["state"] for job in desk.jobs.values()] == ["cancelled"]
    assert opened[1].ask("/look")[1]["jobs"] == []


def test_a_player_asks_for_a_part_of_a_sound(opened: tuple[str, Visitor], desk: Desk) -> None:
    _, visitor = opened
    visitor.ask("/generate", {})
    path, whole = f"/sound/job%201/mix/1?key={visitor.key}", desk.sound.read_bytes()
    assert visitor.ask(path)[1] == whole
    status, content, headers = visitor.ask(path, Range="bytes=10-19")
    assert (status, content, headers["Content-Range"]) == (206, whole[10:20], f"bytes 10-19/{len(whole)}")
    assert visitor.ask(path, Range="bytes=-5")[1] == whole[-5:]
    assert visitor.ask(path, Range="bytes=99999999-")[0] == 200
    assert visitor.ask(path.replace("/1?", "/2?"))[0] == 404
    desk.sound.unlink()
    assert visitor.ask(path)[0] == 404


def test_a_page_that_nobody_looks_at_ends(
    pages: Pages, desk: Desk, ended: list[Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("v2a_plugin.page.pages._OPENED_WITHIN_S", 0.1)
    page = pages.open(Page("t", desk, FORM, [{"name": "one"}], [], {}))["page"]
    assert _awaited(ended)["state"] == "gone"
    assert pages.close(page)["state"] == "gone"
    with pytest.raises(NotFoundError, match="no such page"):
        pages.result("another")


def _awaited(ended: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    deadline = time.monotonic() + DEADLINE_S
    while not ended and time.monotonic() < deadline:
        time.sleep(0.05)
    return ended[0]
