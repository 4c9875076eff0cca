"""Serves one page on loopback: what may be asked, by whom, and when it closes itself."""

import json
import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

from v2a.errors import NotFoundError, UsageError, V2AError

if TYPE_CHECKING:
    from v2a_plugin.page.pages import Page

_log = logging.getLogger(__name__)

_MAX_BODY_BYTES = 64 << 10
_CHUNK_BYTES = 1 << 16
_LOOK_EVERY_S = 1.0
_STATIC = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_SOUND = re.compile(r"/sound/([^/]+)/([^/]+)/(\d{1,4})", re.ASCII)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


class Serving:
    """A page's server. ended: called once, when its person has decided, or has gone."""

    def __init__(self, page: "Page", ended: Callable[[], None]) -> None:
        self._page, self._ended = page, ended
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(page))
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="page", daemon=True).start()
        threading.Thread(target=self._watch, name="page watch", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._closing.set()

    def _watch(self) -> None:
        while self._page.state == "open" and not self._closing.wait(_LOOK_EVERY_S / 4):
            if self._page.is_forsaken():
                self._page.leave()
        self._closing.wait(_LOOK_EVERY_S)  # the browser hears how it ended
        self._server.shutdown()
        self._server.server_close()
        self._ended()


def _handler(page: "Page") -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        about = page

    return Handler


class _Handler(BaseHTTPRequestHandler):
    about: "Page"
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "V2A", ""
    timeout = 30

    def do_GET(self) -> None:
        """A file of the page, what it is to show, or a sound."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """What its person does."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are no news; addresses with keys are none of a log's business."""

    def _answer(self, work: Callable[[], None]) -> None:
        try:
            self._check_host()
            work()
        except _RefusedError as refusal:
            # Its body may not have been read: it would be taken for the next request.
            self.close_connection = True
            self._send_json({"error": str(refusal)}, refusal.status)
        except V2AError as error:
            status = HTTPStatus.NOT_FOUND if isinstance(error, NotFoundError) else HTTPStatus.BAD_REQUEST
            self._send_json({"error": str(error)}, status)
        except (ConnectionError, TimeoutError):
            _log.debug("the browser went away")
            self.close_connection = True
        except Exception as error:
            _log.exception("a fault of the page")
            self.close_connection = True
            self._send_json({"error": f"internal error: {type(error).__name__}"}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _get(self) -> None:
        address = urlsplit(self.path)
        if address.path in _STATIC:
            name, kind = _STATIC[address.path]
            content = (files("v2a_plugin.page") / "files" / name).read_bytes()
            self._send(content, f"{kind}; charset=utf-8")
        elif address.path == "/look":
            self._check_key(self.headers.get("X-V2A-Key", ""))
            self._send_json(self.about.look())
        elif sound := _SOUND.fullmatch(address.path):
            # Players set no headers: theirs alone is the key in the address.
            self._check_key(parse_qs(address.query).get("key", [""])[0])
            job, layer, take = unquote(sound[1]), unquote(sound[2]), int(sound[3])
            self._send_file(self.about.sound(job, layer, take))
        else:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such thing here")

    def _post(self) -> None:
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{self.headers.get('Host')}":
            raise _RefusedError(HTTPStatus.FORBIDDEN, "another page may not do this")
        body = self._body()
        action = urlsplit(self.path).path
        if action == "/open":
            key = self.about.open(str(body.get("token", "")))
            if key is None:
                raise _RefusedError(
                    HTTPStatus.FORBIDDEN, "this address works no more: run the script in your editor again"
                )
            self._send_json({"key": key})
            return
        self._check_key(self.headers.get("X-V2A-Key", ""))
        actions: dict[str, Callable[[], None]] = {
            "/generate": lambda: self.about.generate(body),
            "/again": lambda: self.about.again(str(body.get("job", ""))),
            "/stop": lambda: self.about.stop(str(body.get("job", ""))),
            "/keep": lambda: self.about.keep(body.get("kept") or []),
            "/cancel": self.about.cancel,
        }
        if action not in actions:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such thing here")
        actions[action]()
        self._send_json(self.about.look())

    def _check_host(self) -> None:
        """A name that leads here from elsewhere is not ours: no page of the network may speak for this one."""
        port = self.connection.getsockname()[1]
        if self.headers.get("Host") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            raise _RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "this is served on 127.0.0.1 alone")

    def _check_key(self, key: str) -> None:
        if not secrets.compare_digest(key.encode(), self.about.key.encode()):
            raise _RefusedError(HTTPStatus.FORBIDDEN, "run the script in your editor again")

    def _body(self) -> Mapping[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "that is too much at once")
        content = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON was expected")
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise UsageError("an object in JSON was expected")
        return body

    def _send_json(self, content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(content).encode(), "application/json", status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._begin(status, kind, len(content))
        self.wfile.write(content)

    def _begin(self, status: HTTPStatus, kind: str, length: int, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in {"Content-Type": kind, "Content-Length": str(length), **_HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_file(self, path: Path) -> None:
        """A sound, or the part of it that a player asks for."""
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                start, end = _span(self.headers.get("Range", ""), size)
                more = {"Accept-Ranges": "bytes"}
                status = HTTPStatus.OK
                if (start, end) != (0, size):
                    status, more["Content-Range"] = HTTPStatus.PARTIAL_CONTENT, f"bytes {start}-{end - 1}/{size}"
                self._begin(status, "audio/wav", end - start, more)
                self._copy(file, start, end - start)
        except FileNotFoundError:
            raise NotFoundError("this sound was moved or deleted") from None

    def _copy(self, file: BinaryIO, start: int, length: int) -> None:
        file.seek(start)
        while length > 0 and (chunk := file.read(min(_CHUNK_BYTES, length))):
            self.wfile.write(chunk)
            length -= len(chunk)


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def _span(wanted: str, size: int) -> tuple[int, int]:
    """Bytes [start, end) of a file that a Range header asks for; the whole where it asks for nothing that is there."""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or not (found[1] or found[2]):
        return 0, size
    if not found[1]:
        return max(0, size - int(found[2])), size
    start, end = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
    return (start, end) if start < end else (0, size)
