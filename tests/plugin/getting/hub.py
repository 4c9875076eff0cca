"""A hub on the loopback, which serves a folder of files as huggingface.co does its repositories'."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Hub:
    """asked: method, file and range of each request. stalls_after: bytes of a file after which no more come."""

    folder: Path
    address: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    stalls_after: int | None = None

    def path_of(self, request: str) -> Path | None:
        found = re.fullmatch(r"/somebody/tiny/resolve/0{40}/weights/([^/?]+)", request)
        path = self.folder / found[1] if found else None
        return path if path is not None and path.is_file() else None


@contextmanager
def serving(folder: Path) -> Iterator[Hub]:
    """Serve until the block ends."""
    hub, ended = Hub(folder), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            data = self.answer()
            stalls_after = hub.stalls_after
            self.wfile.write(data[:stalls_after])
            if stalls_after is not None:
                ended.wait()

        def answer(self) -> bytes:
            path, wanted = hub.path_of(self.path), self.headers.get("Range") or ""
            hub.asked.append((self.command, path.name if path else self.path, wanted))
            if path is None:
                self.send_error(404)
                return b""
            data = path.read_bytes()
            start = int(wanted.removeprefix("bytes=").removesuffix("-") or 0)
            self.send_response(206 if wanted else 200)
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("Content-Length", str(len(data) - start))
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            return data[start:]

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
