"""Where files are, as exports and plans say it."""

import os
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes, urlsplit


def url(file: str) -> str:
    """The file:// address of an absolute path; anything else stays as it is."""
    return Path(file).as_uri() if PurePosixPath(file).is_absolute() else file


def path_of(address: str) -> str:
    """The path that an address means: of a file:// address the path in it, in any spelling; else the address."""
    try:
        parts = urlsplit(address)
    except ValueError:  # file://[…
        return address
    return os.fsdecode(unquote_to_bytes(parts.path)) if parts.scheme == "file" else address
