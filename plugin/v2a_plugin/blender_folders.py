"""Where Blender keeps its users' files, and the add-on among them."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from v2a_plugin.owned_folder import OwnedFolder

NAME = "v2a_studio"
OLDEST = (3, 4)
EXTENSIONS_SINCE = (4, 2)
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

    @property
    def _contents(self) -> OwnedFolder:
        return OwnedFolder(self.folder, "remove V2A Studio in Blender's preferences, or that folder where it stays")

    def state(self) -> str:
        """What is there, for people."""
        if version := self._contents.version:
            return f"installed, version {version}"
        return "installed by other means" if self._contents.is_there() else "not installed"

    def is_ours(self) -> bool:
        """Whether this command put it there."""
        return bool(self._contents.version)

    def install(self, files: Mapping[str, Path]) -> None:
        """Put files there, by their path in the add-on, in place of what an earlier installation put there.

        Raises ConflictError where somebody else put an add-on there, StorageError.
        """
        self._contents.install(files)
        # Blender copies a former version's add-ons into the next, where this one would meet itself.
        if self.former is not None:
            OwnedFolder(self.former).uninstall()

    def uninstall(self) -> list[str]:
        """Remove what `install` put there; the names of what stays since others put it there. Raises StorageError."""
        return self._contents.uninstall()


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
