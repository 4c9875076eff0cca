"""Where Blender keeps its users' files, and the add-on among them."""

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from v2a.errors import ConflictError
from v2a.output import storage_error, whole_file
from v2a.version import __version__

NAME = "v2a_studio"
OLDEST = (3, 4)
EXTENSIONS_SINCE = (4, 2)
# Says which files of the folder are ours.
_MARK = "v2a-install.json"
_VERSION = re.compile(r"(\d{1,2})\.(\d{1,2})", re.ASCII)


def usual_folder() -> Path:
    """The folder that has one for each version of Blender that was used."""
    if sys.platform == "win32":
        data = os.environ.get("APPDATA")
        return (Path(data) if data else Path.home() / "AppData" / "Roaming") / "Blender Foundation" / "Blender"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Blender"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "blender"


@dataclass(frozen=True)
class AddOn:
    """The add-on in one version of Blender. folder: where it is, or would be."""

    version: tuple[int, int]
    folder: Path
    former: Path | None = None

    @property
    def version_text(self) -> str:
        """As Blender writes it."""
        return f"{self.version[0]}.{self.version[1]}"

    def state(self) -> str:
        """What is there, for people."""
        if self.is_ours():
            return f"installed, version {_mark(self.folder).get('version', 'unknown')}"
        return "installed by other means" if _is_there(self.folder) else "not installed"

    def is_ours(self) -> bool:
        """Whether this command put it there."""
        return bool(_mark(self.folder))

    def install(self, files: Mapping[str, Path]) -> None:
        """Put files there, by their path in the add-on, in place of what an earlier installation put there.

        Raises ConflictError where somebody else put an add-on there, StorageError.
        """
        if _is_there(self.folder) and not self.is_ours():
            raise ConflictError(
                f"{self.folder} was not put there by `v2a install`: remove V2A Studio in Blender's preferences, or "
                "that folder where it stays, then run this again"
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
                    shutil.copyfile(source, part)
            for name in earlier:
                if name not in files:
                    _inside(self.folder, name).unlink(missing_ok=True)
            _write_mark(self.folder, sorted(files))
            _remove_emptied(self.folder)
        except OSError as error:
            raise storage_error(self.folder / _MARK, error) from None
        # Blender copies a former version's add-ons into the next, where this one would meet itself.
        if self.former is not None and _mark(self.former):
            AddOn(self.version, self.former).uninstall()

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


def find_add_ons(folder: Path) -> list[AddOn]:
    """The add-on's places in a folder with versions of Blender, or that of one version; the oldest first."""
    versions = [folder] if _VERSION.fullmatch(folder.name) else sorted(folder.iterdir()) if folder.is_dir() else []
    found = []
    for path in versions:
        fields = _VERSION.fullmatch(path.name)
        if fields and path.is_dir() and (version := (int(fields[1]), int(fields[2]))) >= OLDEST:
            extension, legacy = path / "extensions" / "user_default" / NAME, path / "scripts" / "addons" / NAME
            is_extension = version >= EXTENSIONS_SINCE
            found.append(AddOn(version, extension, legacy) if is_extension else AddOn(version, legacy))
    return sorted(found, key=lambda add_on: add_on.version)


def _is_there(folder: Path) -> bool:
    return folder.is_symlink() or (folder.is_dir() and any(folder.iterdir())) or folder.is_file()


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
