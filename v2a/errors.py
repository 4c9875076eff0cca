"""The errors a user may meet, named by what the caller can do.

V2AError                    printed verbatim, exit status 1
├── UsageError              the request itself is wrong: mend it and ask again (exit status 2)
│   └── MissingExtraError   an optional part is not installed; the message holds the install line
├── MediaError              this film cannot be used as asked
├── NotFoundError           no such model, job, take or file
├── ConflictError           the same id was used for something else, or the medium has changed
├── StorageError            a folder cannot be written, or the disk is full
├── BusyError               the server has no room now: try later
├── UnavailableError        the server cannot be reached, or went away
├── CancelledError          somebody asked for it to stop
└── GenerationError         the server tried and failed
"""


class V2AError(Exception):
    """Root of all errors whose text is meant for the user. The text says what to do."""

    exit_status = 1


class UsageError(V2AError):
    """The request is wrong in itself."""

    exit_status = 2


class MissingExtraError(UsageError):
    """An optional part of the distribution is not installed."""


class MediaError(V2AError):
    """The film cannot be used as asked: unreadable, damaged, without picture, out of range."""


class NotFoundError(V2AError):
    """No such model, job, take or file."""


class ConflictError(V2AError):
    """An id was used for something else, or a medium is no longer what the request says."""


class StorageError(V2AError):
    """A file or folder cannot be written."""


class BusyError(V2AError):
    """The server's queue is full: try again later. retry_after_s: when, where the server has said so."""

    retry_after_s: float | None = None


class UnavailableError(V2AError):
    """The server cannot be reached, or went away in the middle."""


class CancelledError(V2AError):
    """The work was cancelled on request."""


class GenerationError(V2AError):
    """The server tried and failed."""
