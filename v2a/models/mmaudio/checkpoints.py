"""Reads other people's checkpoints: torch's archives, torch's older files, and safetensors; nothing in them is run.

Their pickles are looked through first (`v2a.models.mmaudio.pickles`), then read by torch's own restricted reader.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from v2a.errors import UsageError
from v2a.models.mmaudio.pickles import check_pickle

_ARCHIVE = b"PK\x03\x04"
_OLDER = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e"  # a pickle of torch's magic number
_OLDER_PICKLES = 5  # magic number, version, the writer's machine, the tensors, the order of their numbers
_MOST_ENTRIES = 100_000
_LONGEST_PICKLE = 64 << 20  # bytes: it names tensors, whose numbers lie elsewhere


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU; tensors of archives are mapped into memory, not read.

    Raises UsageError, in one line, for what is damaged, cut short, no checkpoint, or more than tensors.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_OLDER))
            if start == _OLDER:
                file.seek(0)
                for _ in range(_OLDER_PICKLES):
                    check_pickle(file, path.name)
        if start[8:9] == b"{":
            return dict(load_file(path))
        if start[:4] == _ARCHIVE:
            _check_archive(path)
        elif start != _OLDER:
            raise UsageError(f"{path.name} is no checkpoint that can be read: neither torch's own nor safetensors")
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=start[:4] == _ARCHIVE)
    except UsageError:
        raise
    except MemoryError as error:
        raise UsageError(f"{path.name} is refused: it would take more memory than its size allows for") from error
    except (SafetensorError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path.name} is damaged or cut short: {_first_line(error)}") from error
    except Exception as error:  # a hostile file may lead its reader to any of them
        raise UsageError(f"{path.name} is damaged: torch cannot read it ({_first_line(error)})") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path.name} holds no dictionary of tensors, but something of type {type(found).__name__}")
    return dict(found)


def _check_archive(path: Path) -> None:
    """Refuse archives that unpack to more than they are, that hold code, or whose pickle does more than it should."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if len(entries) > _MOST_ENTRIES or len(set(names)) != len(names):
            raise UsageError(f"{path.name} is refused: it has too many parts, or some twice")
        packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if packed or sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise UsageError(f"{path.name} is refused: its parts are packed, and unpack to more than the file holds")
        pickles = [name for name in names if name.endswith(".pkl")]
        if len(pickles) != 1 or not pickles[0].endswith("/data.pkl") or any("/code/" in name for name in names):
            raise UsageError(f"{path.name} is refused: it holds no plain tensors, or programs beside them")
        with archive.open(pickles[0]) as file:
            check_pickle(io.BytesIO(file.read(_LONGEST_PICKLE)), path.name)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
