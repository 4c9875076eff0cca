"""How films get to the server: paths under a root, and uploads."""

import hashlib
import random
from collections.abc import Callable, Iterator

import grpc
import pytest

from tests.server.running import DEADLINE_S, Server, eventually, refusal
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import media_pb2

FILM = random.Random(0).randbytes(3_500_000)  # noqa: S311
SHA256 = hashlib.sha256(FILM).hexdigest()


def parts(
    film: bytes, offset: int, sha256: str = SHA256, size: int | None = None
) -> Iterator[media_pb2.UploadMediaRequest]:
    start = media_pb2.UploadMediaRequest.Start(
        sha256=sha256, size_bytes=len(FILM) if size is None else size, offset_bytes=offset
    )
    yield media_pb2.UploadMediaRequest(start=start)
    for at in range(offset, len(film), 1 << 20):
        yield media_pb2.UploadMediaRequest(data=film[at : at + (1 << 20)])


def upload(
    server: Server, film: bytes = FILM, offset: int = 0, sha256: str = SHA256, size: int | None = None
) -> media_pb2.Upload:
    return server.media.UploadMedia(parts(film, offset, sha256, size), timeout=DEADLINE_S)


def arrived(server: Server, sha256: str = SHA256) -> media_pb2.Upload:
    return server.media.GetUpload(media_pb2.GetUploadRequest(sha256=sha256), timeout=DEADLINE_S)


def test_an_upload_is_resumed_after_a_cut(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    assert arrived(server) == media_pb2.Upload(sha256=SHA256)

    def cut() -> Iterator[media_pb2.UploadMediaRequest]:
        messages = parts(FILM, 0)
        yield from (next(messages), next(messages))
        assert eventually(lambda: arrived(server).committed_bytes == 1 << 20)
        call.cancel()
        yield next(messages)

    call = server.media.UploadMedia.future(cut(), timeout=DEADLINE_S)
    with pytest.raises(grpc.FutureCancelledError):
        call.result()
    got = arrived(server)
    assert 0 < got.committed_bytes < len(FILM)
    assert not got.complete

    code, text = refusal(lambda: upload(server, offset=5))
    assert code is grpc.StatusCode.OUT_OF_RANGE
    assert str(got.committed_bytes) in text

    server.kill()
    server.start()
    assert arrived(server) == got
    done = upload(server, offset=got.committed_bytes)
    assert done == media_pb2.Upload(sha256=SHA256, committed_bytes=len(FILM), complete=True)
    assert upload(server, offset=len(FILM)) == done

    spec = server.spec(None)
    spec.clip.upload_sha256 = SHA256
    server.create("from-upload", spec)
    assert server.finish("from-upload").state == pb.STATE_SUCCEEDED
    server.delete("from-upload")
    assert not arrived(server).complete
    server.stop()


def test_a_resumed_upload_does_not_wait_for_a_dead_one(server: Server) -> None:
    film = random.Random(1).randbytes(3_000_000)  # noqa: S311
    sha256 = hashlib.sha256(film).hexdigest()
    resumed = False

    def stalled() -> Iterator[media_pb2.UploadMediaRequest]:
        messages = parts(film, 0, sha256, len(film))
        yield from (next(messages), next(messages))
        assert eventually(lambda: resumed)
        yield next(messages)

    old = server.media.UploadMedia.future(stalled(), timeout=DEADLINE_S)
    assert eventually(lambda: arrived(server, sha256).committed_bytes == 1 << 20)

    def new() -> Iterator[media_pb2.UploadMediaRequest]:
        nonlocal resumed
        messages = parts(film, 1 << 20, sha256, len(film))
        yield from (next(messages), next(messages))
        assert eventually(lambda: arrived(server, sha256).committed_bytes == 2 << 20)
        resumed = True
        assert refusal(old.result)[0] is grpc.StatusCode.FAILED_PRECONDITION
        yield from messages

    assert server.media.UploadMedia(new(), timeout=DEADLINE_S).complete


def test_damaged_uploads_start_again(server: Server) -> None:
    wrong = hashlib.sha256(b"something else").hexdigest()
    code, text = refusal(lambda: upload(server, sha256=wrong))
    assert code is grpc.StatusCode.DATA_LOSS
    assert "from the beginning" in text
    assert arrived(server, wrong).committed_bytes == 0


def test_wrong_uploads(server: Server) -> None:
    data = media_pb2.UploadMediaRequest(data=b"x")
    calls: list[Callable[[], object]] = [
        lambda: server.media.UploadMedia(iter([data]), timeout=DEADLINE_S),
        lambda: server.media.UploadMedia(iter([]), timeout=DEADLINE_S),
        lambda: upload(server, sha256="../../etc/passwd"),
        lambda: upload(server, size=0),
        lambda: upload(server, size=(4 << 30) + 1),
        lambda: upload(server, size=1000),
        lambda: arrived(server, "x"),
    ]
    for call in calls:
        assert refusal(call)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_an_unfinished_upload_is_not_a_film(server: Server) -> None:
    spec = server.spec(None)
    spec.clip.upload_sha256 = "1" * 64
    code, text = refusal(lambda: server.create("no-upload", spec))
    assert code is grpc.StatusCode.NOT_FOUND
    assert "send it again" in text


def test_paths_stay_inside_the_roots(server: Server) -> None:
    films = server.folder / "films"
    secret = server.folder / "secret.mp4"
    secret.write_bytes(b"secret")
    (films / "link-out.mp4").symlink_to(secret)
    (films / "link-in.mp4").symlink_to(films / "film.mp4")
    (films / "folder.mp4").mkdir()
    refused = {
        str(secret): "PERMISSION_DENIED",
        f"{films}/../secret.mp4": "PERMISSION_DENIED",
        f"{films}/link-out.mp4": "PERMISSION_DENIED",
        f"{films}x/film.mp4": "PERMISSION_DENIED",
        "/dev/zero": "PERMISSION_DENIED",
        "/nonexistent/outside.mp4": "PERMISSION_DENIED",
        f"{films}/nobody.mp4": "NOT_FOUND",
        f"{films}/folder.mp4": "INVALID_ARGUMENT",
        "films/film.mp4": "INVALID_ARGUMENT",
        f"concat:{films}/film.mp4": "INVALID_ARGUMENT",
        f"file://{films}/film.mp4": "INVALID_ARGUMENT",
        f"{films}/film.mp4\0": "INVALID_ARGUMENT",
        "": "INVALID_ARGUMENT",
    }
    for path, code in refused.items():
        spec = server.spec()
        spec.clip.path = path
        assert refusal(lambda spec=spec: server.create("path", spec))[0] is grpc.StatusCode[code], path  # type: ignore[misc]
    server.create("link-in", server.spec("link-in.mp4"))
    assert server.finish("link-in").state == pb.STATE_SUCCEEDED


def test_a_film_that_goes_away_while_its_job_waits(server: Server) -> None:
    film = server.folder / "films" / "short-lived.mp4"
    film.write_bytes(b"here today")
    server.create("blocks", server.spec(steps=20_000, step_s=0.02))
    server.create("gone", server.spec("short-lived.mp4"))
    film.unlink()
    server.cancel("blocks")
    failed = server.finish("gone")
    assert (failed.state, failed.error_kind) == (pb.STATE_FAILED, "NotFoundError")
    assert "does not exist" in failed.error


def test_without_roots_no_path_is_read(new_server: Callable[..., Server]) -> None:
    server = new_server(roots=()).start()
    code, text = refusal(lambda: server.create("path", server.spec()))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "--root" in text
    server.stop()
