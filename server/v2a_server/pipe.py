"""Messages over a pipe: each preceded by its length as a 4-byte big-endian number (see worker.proto)."""

import asyncio
import struct
from typing import BinaryIO, TypeVar

from google.protobuf.message import Message

_LENGTH = struct.Struct(">I")
# A spec is bounded by what gRPC receives (4 MiB); anything longer is not a message.
_MAX_BYTES = 8 << 20

M = TypeVar("M", bound=Message)


def frame(message: Message) -> bytes:
    """A message as it goes over the pipe."""
    data = message.SerializeToString()
    return _LENGTH.pack(len(data)) + data


def read(stream: BinaryIO, kind: type[M]) -> M | None:
    """The next message, blocking; None where the other side has closed the pipe.

    Raises ValueError, DecodeError.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length = _checked(head)
    data = stream.read(length)
    return kind.FromString(data) if len(data) == length else None


async def read_async(stream: asyncio.StreamReader, kind: type[M]) -> M:
    """The next message. Raises IncompleteReadError at the end of the pipe, ValueError, DecodeError."""
    length = _checked(await stream.readexactly(_LENGTH.size))
    return kind.FromString(await stream.readexactly(length))


def _checked(head: bytes) -> int:
    length = int(_LENGTH.unpack(head)[0])
    if length > _MAX_BYTES:
        raise ValueError(f"a message of {length} bytes")
    return length
