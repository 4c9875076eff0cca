"""Uploads: as fast as the bytes can be moved and hashed, and cut anywhere."""

import hashlib
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc

from benchmarks.serving.figures import Figure, at_least, holds, percentile, scaled, told
from benchmarks.serving.stub import stub_server
from tests.server.running import Server
from v2a_api.v1 import media_pb2

SIZE_BYTES, CUTS, RUNS = 256 << 20, 100, 5
_CHUNK = 1 << 20


def figures(scale: float = 1.0, seed: int = 0) -> Iterator[Figure]:
    """In turns: the server's upload, and a bare socket whose other end writes and hashes."""
    chance = random.Random(seed)  # noqa: S311
    size_bytes, n_cuts = max(scaled(SIZE_BYTES, min(1, 4 * scale)), 4 << 20), scaled(CUTS, scale)
    with stub_server() as server:
        server.start()
        ours_s, raw_s = [], []
        for run in range(scaled(RUNS, scale) + 1):
            film = os.urandom(size_bytes)
            took = (_raw_s(film, server.folder / "raw"), _uploaded_s(server, film))
            if run or scale < 0.1:  # the first is to warm up
                raw_s.append(took[0])
                ours_s.append(took[1])
        ours, raw = (size_bytes / percentile(times, 0.5) / 2**20 for times in (ours_s, raw_s))
        yield told("file", f"{size_bytes >> 20} MiB, {len(raw_s)} times each, over Unix sockets")
        yield told("bare socket, written, flushed and hashed", f"{raw:.0f} MiB/s")
        yield told("upload", f"{ours:.0f} MiB/s")
        yield at_least("of the bare socket", 100 * ours / raw, 60, "%")
        whole = sum(_cut_and_resumed(server, chance) for _ in range(n_cuts))
        yield holds(f"of {n_cuts} uploads cut at a random place, those resumed and equal", whole, n_cuts)
        server.stop()


def _raw_s(film: bytes, path: Path) -> float:
    ours, theirs = socket.socketpair()
    took: list[float] = []

    def receive() -> None:
        digest = hashlib.sha256()
        with theirs, path.open("wb", buffering=0) as file:
            while block := theirs.recv(_CHUNK):
                file.write(block)
                digest.update(block)
            os.fsync(file.fileno())
        assert digest.digest() == hashlib.sha256(film).digest()

    began_s = time.perf_counter()
    receiver = threading.Thread(target=receive)
    receiver.start()
    with ours:
        digest = hashlib.sha256(film)  # the client hashes, too, before it sends
        ours.sendall(film)
    receiver.join()
    took.append(time.perf_counter() - began_s)
    path.unlink()
    assert digest
    return took[0]


def _messages(film: bytes, sha256: str, offset: int, stop: int) -> Iterator[media_pb2.UploadMediaRequest]:
    start = media_pb2.UploadMediaRequest.Start(sha256=sha256, size_bytes=len(film), offset_bytes=offset)
    yield media_pb2.UploadMediaRequest(start=start)
    for at in range(offset, stop, _CHUNK):
        yield media_pb2.UploadMediaRequest(data=film[at : min(at + _CHUNK, stop)])


def _uploaded_s(server: Server, film: bytes) -> float:
    began_s = time.perf_counter()
    sha256 = hashlib.sha256(film).hexdigest()
    done = server.media.UploadMedia(_messages(film, sha256, 0, len(film)))
    took_s = time.perf_counter() - began_s
    assert done.complete
    (server.folder / "store" / "uploads" / sha256).unlink()
    return took_s


def _cut_and_resumed(server: Server, chance: random.Random) -> bool:
    """Cut the stream at a random byte, ask what has arrived, and go on from there."""
    film = chance.randbytes(chance.randrange(2 << 20, 5 << 20))
    sha256, cut = hashlib.sha256(film).hexdigest(), chance.randrange(len(film))
    sent = threading.Event()

    def cut_off() -> Iterator[media_pb2.UploadMediaRequest]:
        yield from _messages(film, sha256, 0, cut)
        sent.set()
        time.sleep(chance.random() * 0.02)
        call.cancel()

    call = server.media.UploadMedia.future(cut_off())
    sent.wait(30)
    with suppress(grpc.RpcError, grpc.FutureCancelledError):
        call.result()
    while True:
        arrived = server.media.GetUpload(media_pb2.GetUploadRequest(sha256=sha256)).committed_bytes
        try:
            done = server.media.UploadMedia(_messages(film, sha256, arrived, len(film)))
        except grpc.RpcError as error:
            if not isinstance(error, grpc.Call) or error.code() is not grpc.StatusCode.OUT_OF_RANGE:
                raise
            continue  # the last bytes of the cut stream have just come in: ask again
        stored = (server.folder / "store" / "uploads" / sha256).read_bytes()
        return done.complete and hashlib.sha256(stored).hexdigest() == sha256
