"""Folders inside a host's that are ours alone: what was put there is known, and what others put there stays."""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from v2a.errors import ConflictError
from v2a.output import storage_error, whole_file
from v2a.version import __version__

# Says which files of the folder are ours.
_MARK = "v2a-install.json"


@dataclass(frozen=True)
class OwnedFolder:
    """A folder that `v2a install` fills and empties. removal: how to remove what others put in its place, for users."""

    folder: Path
    removal: str = "remove it by hand"

    @property
    def version(self) -> str:
        """The version of V2A Studio that filled it; "" where it is not ours."""
        mark = _mark(self.folder)
        return str(mark.get("version", "unknown")) if mark else ""

    def is_there(self) -> bool:
        """Whether anything is there, ours or not."""
        return (
            self.folder.is_symlink() or (self.folder.is_dir() and any(self.folder.iterdir())) or self.folder.is_file()
        )

    def install(self, files: Mapping[str, Path | str]) -> None:
        """Put files there, by their path in it, in place of what an earlier installation put there.

        files: where the content of each is, or the content itself. Raises ConflictError where somebody else put
        something there, StorageError.
        """
        if self.is_there() and not self.version:
            raise ConflictError(
                f"{self.folder} was not put there by `v2a install`: {self.removal}, then run this again"
            )
        earlier = _mark(self.folder).get("files", [])
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # First the names of all that may be there, so that a run that is cut short can be mended by the next.
            _write_mark(self.folder, sorted({*earlier, *files}))
            for name, source in files.items():
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(path) as part:
                    if isinstance(source, str):
                        part.write_text(source, encoding="utf-8")
                    else:
                        shutil.copyfile(source, part)
            for name in earlier:
                if name not in files:
                    _inside(self.folder, name).unlink(missing_ok=True)
            _write_mark(self.folder, sorted(files))
            _remove_emptied(self.folder)
        except OSError as error:
            raise storage_error(self.folder / _MARK, error) from None

    def uninstall(self) -> list[str]:
        """Remove what `install` put there; the names of what stays since others put it there. Raises StorageError."""
        try:
            for name in _mark(self.folder).get("files", []):
                _inside(self.folder, name).unlink(missing_ok=True)
            (self.folder / _MARK).unlink(missing_ok=True)
            _remove_emptied(self.folder)
            with suppress(OSError):
                self.folder.rmdir()
        except OSError as error:
            raise storage_error(self.folder / _MARK, error) from None
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []


def _mark(folder: Path) -> dict[str, list[str]]:
    """What `install` wrote there; empty where it did not."""
    if folder.is_symlink():
        return {}
    try:
        mark = json.loads((folder / _MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    names = mark.get("files") if isinstance(mark, dict) else None
    return mark if isinstance(names, list) and all(isinstance(name, str) for name in names) else {}


def _write_mark(folder: Path, names: list[str]) -> None:
    with whole_file(folder / _MARK) as part:
        part.write_text(json.dumps({"version": __version__, "files": names}, indent=1) + "\n", encoding="utf-8")


def _inside(folder: Path, name: str) -> Path:
    """A file of the add-on. Raises ConflictError for a name that leads out of it: the mark was tampered with."""
    path = folder / name
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise ConflictError(f"{folder / _MARK} names {name}, which is not in its folder: remove the folder by hand")
    return path


def _remove_emptied(folder: Path) -> None:
    """Remove folders that hold nothing but what Python compiled."""
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if path.name == "__pycache__" and not any((path.parent).glob("*.py")):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir():
            with suppress(OSError):
                path.rmdir()
