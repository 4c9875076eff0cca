"""The user's folder of models: a card for each model, and its parts, which models share.

`NAME/card.json`, `parts/SHA256.safetensors`, and `downloads/`, where files lie until they are converted. A model is
installed when its card is there, and the card is written last.
"""

import hashlib
import json
import os
import secrets
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from v2a.cards import CARD_FILE, SHARED_PARTS, card_facts, part_file
from v2a.errors import NotFoundError
from v2a.output import alone, storage_error, sweep, whole_file
from v2a.published import PublishedFile

_MOST_HEADER_BYTES = 100 << 20


@dataclass(frozen=True)
class ModelsFolder:
    """One such folder; it need not exist."""

    folder: Path

    @property
    def parts(self) -> Path:
        """Where the parts of all models lie."""
        return self.folder / SHARED_PARTS

    @property
    def downloads(self) -> Path:
        """Where downloads wait for their conversion, and go on where they stopped."""
        return self.folder / "downloads"

    def names(self) -> list[str]:
        """The models that are installed here."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{CARD_FILE}"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make the folder, keep other processes from changing it meanwhile, and clear what one that died left there.

        Raises BusyError where another is at work, StorageError where the folder cannot be made.
        """
        with alone(self.folder):
            try:
                self.parts.mkdir(exist_ok=True)
            except OSError as error:
                raise storage_error(self.parts, error) from None
            sweep(self.parts)
            yield

    def stored(self, file: PublishedFile) -> Path | None:
        """The part that was made from a published file, if it is there and whole."""
        for path in sorted(self.parts.glob("*.safetensors")):
            made_from = _made_from(path)
            wanted = {"repository": file.repository, "path": file.path, **file.digests}
            if wanted.items() <= made_from.items() and sha256_of(path) == path.stem:
                return path
        return None

    def add(self, write: Callable[[Path], object]) -> Path:
        """Store what `write` writes to the path that it is given, under the SHA-256 of its bytes; where it lies.

        Raises StorageError where it cannot be written, and what `write` raises; nothing is left then.
        """
        new = self.parts / f".new.{secrets.token_hex(4)}.part"
        try:
            write(new)
            new.chmod(0o644)  # a server may run as somebody else
            with new.open("rb+") as file:
                os.fsync(file.fileno())
            path = self.parts / f"{sha256_of(new)}.safetensors"
            new.replace(path)
        except OSError as error:
            raise storage_error(new, error) from error
        finally:
            with suppress(OSError):
                new.unlink()
        return path

    def install(self, facts: dict[str, Any], parts: list[dict[str, Any]]) -> Path:
        """Write a model's card; where it is. parts: what it says of each.

        Raises NotFoundError where a part is not in the folder any more, StorageError where the card cannot be written.
        """
        for part in parts:
            if not (self.parts / part["file"]).is_file():
                raise NotFoundError(
                    f"the part '{part['name']}' of '{facts['name']}' is gone from {self.parts}: install the model that "
                    "it was shared with again, then try again"
                )
        folder = self.folder / str(facts["name"])
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise storage_error(folder, error) from None
        with whole_file(folder / CARD_FILE) as new:
            new.write_text(json.dumps({**facts, "parts": parts}, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return folder / CARD_FILE

    def card(self, name: str) -> dict[str, Any]:
        """The card of an installed model, as JSON. Raises NotFoundError where it is not installed here."""
        if name not in self.names():
            here = f"installed there: {', '.join(self.names())}" if self.names() else "nothing is installed there"
            raise NotFoundError(f"no model named '{name}' is installed in {self.folder}; {here}")
        try:
            return card_facts((self.folder / name / CARD_FILE).read_bytes())
        except (OSError, ValueError) as error:
            raise NotFoundError(
                f"{self.folder / name} holds no card that can be read ({error}): remove it by hand"
            ) from error

    def damaged(self, name: str) -> list[str]:
        """The parts of an installed model that are gone or no longer what was installed."""
        found = []
        for part in self.card(name)["parts"]:
            file = part_file(self.folder / name, part["file"])
            if file is None or part.get("sha256") not in (None, sha256_of(file)):
                found.append(str(part["name"]))
        return found

    def remove(self, name: str) -> int:
        """Remove a model and the parts that no other one uses, whoever left them; the bytes that became free.

        Raises NotFoundError, and removes nothing, where it is not installed here or another model's card cannot be
        read; StorageError where something cannot be removed.
        """
        self.card(name)
        unused = self._unused(without=name)
        try:
            (self.folder / name / CARD_FILE).unlink()  # first: without its card there is no model
            left = [path for path in (self.folder / name).rglob("*") if path.is_file()]
            n_bytes: int = sum(path.stat().st_size for path in [*unused, *left])
            for path in unused:
                path.unlink()
            shutil.rmtree(self.folder / name)
        except OSError as error:
            raise storage_error(self.folder / name, error) from error
        return n_bytes

    def drop_unused(self, files: set[str]) -> None:
        """Remove those of some parts, named by their files, that no model uses. What cannot be removed stays."""
        with suppress(NotFoundError, OSError):
            for path in self._unused():
                if path.name in files:
                    with suppress(OSError):
                        path.unlink()

    def _unused(self, without: str = "") -> list[Path]:
        """The parts that no model uses, but for one without which they are looked at."""
        used = {part["file"] for name in self.names() if name != without for part in self.card(name)["parts"]}
        return [path for path in self.parts.glob("*.safetensors") if path.name not in used]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _made_from(path: Path) -> dict[str, Any]:
    """What a part says that it was made from; empty where it says nothing that can be read."""
    try:
        with path.open("rb") as file:
            (n_bytes,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(n_bytes, _MOST_HEADER_BYTES)))
        made_from = json.loads(header["__metadata__"]["made_from"])
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return {}
    return made_from if isinstance(made_from, dict) else {}
