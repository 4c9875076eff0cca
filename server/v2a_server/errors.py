"""The server's own leaves of the error tree, and the only table from error to gRPC status."""

import errno
import logging
from uuid import uuid4

import grpc

from v2a.errors import (
    BusyError,
    CancelledError,
    ConflictError,
    GenerationError,
    MediaError,
    NotFoundError,
    StorageError,
    UnavailableError,
    UsageError,
    V2AError,
)

_log = logging.getLogger(__name__)


class OutOfRangeError(UsageError):
    """An offset lies beyond the end, or is not where the last data ended."""


class OutsideError(UsageError):
    """A path lies outside what this server may read."""


class UnauthenticatedError(V2AError):
    """The call carries no token, or a wrong one."""


class ReusedIdError(ConflictError):
    """A request_id was used with another spec."""


class DamagedError(ConflictError):
    """All bytes arrived and are not those that were announced."""


class AbortedError(GenerationError):
    """What was being read will not be finished."""


class DiskFullError(StorageError):
    """There is no room on the server's disk."""

    retry_after_s = 30.0


class QueueFullError(BusyError):
    """As many jobs wait as may; retry_after_s: when the next place is likely to be free."""

    retry_after_s = 1.0


_STATUS: dict[type[BaseException], grpc.StatusCode] = {
    UsageError: grpc.StatusCode.INVALID_ARGUMENT,
    OutOfRangeError: grpc.StatusCode.OUT_OF_RANGE,
    OutsideError: grpc.StatusCode.PERMISSION_DENIED,
    UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    MediaError: grpc.StatusCode.FAILED_PRECONDITION,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    ConflictError: grpc.StatusCode.FAILED_PRECONDITION,
    ReusedIdError: grpc.StatusCode.ALREADY_EXISTS,
    AbortedError: grpc.StatusCode.ABORTED,
    DamagedError: grpc.StatusCode.DATA_LOSS,
    StorageError: grpc.StatusCode.FAILED_PRECONDITION,
    DiskFullError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    BusyError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
    CancelledError: grpc.StatusCode.CANCELLED,
}


def status_of(error: BaseException) -> grpc.StatusCode:
    """The status that an error travels as: that of its nearest class in the table, else INTERNAL."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), grpc.StatusCode.INTERNAL)


def kind_of(error: V2AError) -> str:
    """The name of the error's nearest class in `v2a.errors`, which every client knows."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "v2a.errors")


def retry_after_s(error: BaseException) -> float | None:
    """When to try again what was refused for want of room; None where nobody knows."""
    return error.retry_after_s if isinstance(error, DiskFullError | QueueFullError) else None


def storage_error(error: OSError, what: str) -> StorageError:
    """An operating system's refusal as a StorageError. what: the subject, e.g. "the server's store"."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"{what} cannot be written: the disk is full; free some room and try again")
    return StorageError(f"{what} cannot be written: {error.strerror or error}")


def internal_error(what: str, error: BaseException) -> str:
    """The text that a user may see of a bug: an id. The log gets the rest."""
    incident = uuid4().hex[:8]
    _log.error("%s: internal error %s", what, incident, exc_info=error)
    return f"internal error {incident}: the server's log says more"
