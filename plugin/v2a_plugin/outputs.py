"""Where results go: their names, and checks before any work is done."""

import re
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from v2a.errors import UsageError
from v2a.output import storage_error

_NAME_CHARS = 40


def result_path(first: Path, layer: str, take: int, *, n_layers: int, n_takes: int) -> Path:
    """The name of one result: STEM[.LAYER][.takeN].wav. Layer and take appear where there are several.

    first: the name that a single result would have. take: 0-based; names count from 1.
    """
    parts = [first.stem]
    if n_layers > 1:
        parts.append(layer)
    if n_takes > 1:
        parts.append(f"take{take + 1}")
    return first.with_name(".".join(parts) + first.suffix)


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Make sure that files can be made, before time is spent on what goes into them.

    Raises UsageError where a folder is missing, a name is a folder's, or an output would replace an input or
    another output; StorageError where a folder cannot be written.
    """
    taken = {path.resolve(): f"the input {path}" for path in inputs}
    for path in outputs:
        try:
            if path.is_dir():
                raise UsageError(f"{path} is a folder: name a file in it")
            if not path.parent.is_dir():
                raise UsageError(f"the folder {path.parent} does not exist: make it first, or name another")
            if path.resolve() in taken:
                raise UsageError(f"{path} would replace {taken[path.resolve()]}: choose another name")
            taken[path.resolve()] = f"the output {path}"
            # Asking for permission bits would miss read-only mounts and full disks.
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            raise storage_error(path, error) from None


def ascii_name(name: str) -> str:
    """A name, or a part of it, as files may have it anywhere."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", "_", plain)[:_NAME_CHARS].strip("_-") or "clip"
