"""Addresses, channels, and what a failed call means to the caller."""

import getpass
import hashlib
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from v2a.errors import (
    BusyError,
    CancelledError,
    ConflictError,
    GenerationError,
    NotFoundError,
    StorageError,
    UnavailableError,
    UsageError,
    V2AError,
)

# A job of many layers and takes, each with thousands of cues, does not fit into gRPC's usual 4 MiB.
_MAX_MESSAGE_BYTES = 64 << 20

_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})")

_ERRORS: dict[grpc.StatusCode, type[V2AError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: UsageError,
    grpc.StatusCode.OUT_OF_RANGE: UsageError,
    grpc.StatusCode.PERMISSION_DENIED: UsageError,
    grpc.StatusCode.UNAUTHENTICATED: UsageError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.FAILED_PRECONDITION: ConflictError,
    grpc.StatusCode.ALREADY_EXISTS: ConflictError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: BusyError,
    grpc.StatusCode.CANCELLED: CancelledError,
    grpc.StatusCode.DATA_LOSS: StorageError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
    grpc.StatusCode.UNIMPLEMENTED: UnavailableError,
}


def open_channel(address: str) -> grpc.Channel:
    """A channel to `unix:/path`, or to a port of this machine (`127.0.0.1:PORT`, `[::1]:PORT`).

    Nothing is connected yet. Raises UsageError for any other address.
    """
    options: list[tuple[str, int]] = [
        ("grpc.enable_http_proxy", 0),  # a proxy set for the web must not get calls that stay on this machine
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # Else a channel to a server that has just come back waits as long as older ones that missed it.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ]
    if address.startswith("unix:"):
        path = Path(address.removeprefix("unix:").removeprefix("//"))
        if not path.is_absolute():
            raise UsageError(f"'{address}' is no address: write unix: and the absolute path of the socket")
        return grpc.insecure_channel(f"unix:{path}", options)
    loopback = _LOOPBACK.fullmatch(address)
    if loopback is None or not 0 < int(loopback[2]) < 65536:
        raise UsageError(
            f"'{address}' is no address that can be used: write unix:/path/of/socket or 127.0.0.1:PORT. "
            "Reach a server on another machine by ssh -L PORT:127.0.0.1:PORT MACHINE, and set 127.0.0.1:PORT"
        )
    return grpc.insecure_channel(address, options)


def status(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    """The status and the text of a failed call."""
    # Every RpcError raised by a call is a Call as well; the class itself does not say so.
    if isinstance(error, grpc.Call):
        return error.code(), error.details() or ""
    return grpc.StatusCode.UNKNOWN, str(error)


def to_user_error(error: grpc.RpcError) -> V2AError:
    """The error that says what the caller can do. Servers put text for the user into the status."""
    code, details = status(error)
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return UsageError(
            f"the server wants its token ({details}): name the file that holds it (--token-file, or in the editor's "
            "preferences)"
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        return UnavailableError(f"the server cannot be reached: {details}")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return UnavailableError("the server does not answer: look at its log, or end it and start it again")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return UnavailableError(f"what answers at this address is not the server that is wanted: {details}")
    user_error = _ERRORS.get(code, GenerationError)(details or f"the server answered {code.name}")
    if isinstance(user_error, BusyError):
        user_error.retry_after_s = _retry_after_s(error)
    return user_error


def _retry_after_s(error: grpc.RpcError) -> float | None:
    """When to try again, where the status's details say so."""
    trailing: dict[str, str | bytes] = dict(error.trailing_metadata() or ()) if isinstance(error, grpc.Call) else {}
    retry = RetryInfo()
    try:
        for detail in Status.FromString(trailing.get("grpc-status-details-bin", b"")).details:
            if detail.Unpack(retry):
                return float(retry.retry_delay.ToTimedelta().total_seconds())
    except (DecodeError, OverflowError):
        pass
    return None


def who_asks() -> tuple[str, str]:
    """Metadata by which a server shares itself out fairly: a name of this user on this machine that tells neither."""
    return "v2a-client", hashlib.sha256(f"{getpass.getuser()}@{platform.node()}".encode()).hexdigest()[:16]


@contextmanager
def user_errors() -> Iterator[None]:
    """Raises a failed call inside the block as the error that says what the caller can do."""
    try:
        yield
    except grpc.RpcError as error:
        raise to_user_error(error) from None
