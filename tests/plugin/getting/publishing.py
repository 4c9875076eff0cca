"""A model that others published, of reduced width: its files, and the table that `v2a.published` reads."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.v2a.mmaudio.checkpoints import TINY, save_all
from v2a import published

# The command line in a process of its own, which must be told of the test's models: their table is its first argument.
PROGRAM = """
import sys
from pathlib import Path
from v2a import published
tables = [Path(sys.argv.pop(1))]
published._tables = lambda: tables
from v2a_plugin.cli import main
main()
"""
LICENCES = {
    "CC-BY-NC-4.0": {"title": "Attribution-NonCommercial", "commercial_use": False, "url": "https://example.org/nc"},
    "MIT": {"title": "MIT License", "commercial_use": True, "url": "https://example.org/mit"},
}
NON_COMMERCIAL = "CC-BY-NC-4.0, with parts under MIT"


@dataclass(frozen=True)
class Publication:
    """files: by part, in one folder. table: as in `published.json`, so that a test may change it."""

    folder: Path
    files: dict[str, Path]
    table: dict[str, Any]

    def publish(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        """Let this process know of these models and no others."""
        path.write_text(json.dumps(self.table))
        monkeypatch.setattr(published, "_tables", lambda: [path])
        published._read.cache_clear()

    def sign(self, part: str) -> None:
        """Publish the file of a part as it is now."""
        self.table["files"][part] = described(self.files[part], part)


def described(path: Path, part: str) -> dict[str, Any]:
    algorithm = (
        "sha256" if part in ("vocoder", "clip") else "md5"
    )  # as the true ones: some have the one, some the other
    return {
        "repository": "somebody/tiny",
        "revision": "0" * 40,
        "path": f"weights/{path.name}",
        "n_bytes": path.stat().st_size,
        algorithm: hashlib.new(algorithm, path.read_bytes(), usedforsecurity=False).hexdigest(),
        "licence": "CC-BY-NC-4.0" if part == "flow" else "MIT",
    }


def publication(folder: Path) -> Publication:
    """Writes the files of the model of reduced width, and publishes them under a licence without commercial use."""
    folder.mkdir(exist_ok=True)
    files = save_all(folder)
    facts = published.published_models()[TINY.name].facts
    card = {**facts, "name": "tiny", "licence": NON_COMMERCIAL, "commercial_use": False}
    table = {
        "licences": LICENCES,
        "files": {part: described(path, part) for part, path in files.items()},
        "models": [{"card": card, "parts": {part: part for part in files}}],
    }
    return Publication(folder, files, table)


def listing(folder: Path) -> list[str]:
    """The files below a folder, but for the lock."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"
    )
