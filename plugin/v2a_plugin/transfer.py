"""Bytes to and from the server: resuming uploads and verified downloads."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import grpc

from v2a.errors import MediaError, NotFoundError, StorageError, UnavailableError
from v2a.output import whole_file
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import media_pb2
from v2a_api.v1.generation_pb2_grpc import GenerationServiceStub
from v2a_api.v1.media_pb2_grpc import MediaServiceStub
from v2a_plugin.channel import status, to_user_error

Metadata = tuple[tuple[str, str], ...]

_CHUNK_BYTES = 1 << 20
_RESUMES = 5
_SHORT_CALL_S = 30.0


def upload(stub: MediaServiceStub, metadata: Metadata, path: Path, reach: Callable[[], None]) -> str:
    """Send a file, from where an earlier try ended; the hex SHA-256 that names it.

    reach: called when the connection broke; it returns once the server answers again, or raises.

    Raises NotFoundError and MediaError for the file, UnavailableError where the connection keeps breaking.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
            for _ in range(_RESUMES):
                try:
                    query = media_pb2.GetUploadRequest(sha256=digest)
                    found = stub.GetUpload(query, timeout=_SHORT_CALL_S, metadata=metadata)
                    if not found.complete:
                        messages = _upload_messages(file, digest, size_bytes, found.committed_bytes)
                        found = stub.UploadMedia(messages, metadata=metadata)
                    if found.complete:
                        return digest
                except grpc.RpcError as error:
                    code = status(error)[0]
                    if code is grpc.StatusCode.DATA_LOSS:
                        raise MediaError(f"{path} changed while it was being sent: try again") from None
                    if code is grpc.StatusCode.UNAVAILABLE:
                        reach()
                    elif code is not grpc.StatusCode.OUT_OF_RANGE:  # there the server knows better: ask again
                        raise to_user_error(error) from None
    except FileNotFoundError:
        raise NotFoundError(f"no file {path}") from None
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror or error}") from None
    raise UnavailableError(f"{path} could not be sent: the connection broke {_RESUMES} times. Try again: it goes on")


def download(
    stub: GenerationServiceStub,
    metadata: Metadata,
    request_id: str,
    take: pb.Take,
    path: Path,
    reach: Callable[[], None],
) -> None:
    """Fetch a take into path, whole and verified or not at all.

    reach: called when the connection broke; it returns once the server answers again, or raises.
    """
    digest = hashlib.sha256()
    n_bytes = 0
    with whole_file(path) as part, part.open("wb") as out:
        for _ in range(_RESUMES):
            request = pb.ReadTakeRequest(
                request_id=request_id, layer=take.layer, index=take.index, offset_bytes=n_bytes
            )
            stream = stub.ReadTake(request, metadata=metadata)
            try:
                for chunk in stream:
                    out.write(chunk.data)
                    digest.update(chunk.data)
                    n_bytes += len(chunk.data)
                break
            except grpc.RpcError as error:
                if status(error)[0] is not grpc.StatusCode.UNAVAILABLE:
                    raise to_user_error(error) from None
                reach()
            finally:
                stream.cancel()
        if digest.hexdigest() != take.sha256:
            raise StorageError(
                f"what the server sent for {path.name} is not what it promised: {n_bytes} of "
                f"{take.size_bytes} bytes, with another checksum. Try again"
            )


def follow(
    stub: GenerationServiceStub,
    metadata: Metadata,
    request_id: str,
    take: tuple[str, int],
    out: BinaryIO,
    reach: Callable[[], None],
) -> None:
    """Write a take, (layer, index), to `out` while it is made, and return when it is finished.

    Also returns where its job ends otherwise, of which the job's events tell. reach: as in `download`.
    """
    layer, index = take
    n_bytes, growing = 0, True
    while True:
        request = pb.ReadTakeRequest(
            request_id=request_id, layer=layer, index=index, offset_bytes=n_bytes, growing=growing
        )
        stream = stub.ReadTake(request, metadata=metadata)
        try:
            for chunk in stream:
                out.write(chunk.data)
                out.flush()
                n_bytes += len(chunk.data)
            if n_bytes:
                return
            growing = False  # it was finished before anybody listened
        except grpc.RpcError as error:
            code = status(error)[0]
            if code in (grpc.StatusCode.CANCELLED, grpc.StatusCode.ABORTED):
                return
            if code is not grpc.StatusCode.UNAVAILABLE:
                raise to_user_error(error) from None
            reach()
        finally:
            stream.cancel()


def _upload_messages(
    file: BinaryIO, digest: str, size_bytes: int, offset_bytes: int
) -> Iterator[media_pb2.UploadMediaRequest]:
    start = media_pb2.UploadMediaRequest.Start(sha256=digest, size_bytes=size_bytes, offset_bytes=offset_bytes)
    yield media_pb2.UploadMediaRequest(start=start)
    file.seek(offset_bytes)
    while data := file.read(_CHUNK_BYTES):
        yield media_pb2.UploadMediaRequest(data=data)
