"""Models that others publish and `v2a models get` can install: their facts, files and licences. Needs no torch.

A model is what its card says (`v2a.cards`) and a file for each of its parts. Files are known by the digests that their
authors published, so that nothing else is ever opened; they belong to repositories of huggingface.co.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from v2a.errors import NotFoundError


@dataclass(frozen=True)
class Licence:
    """What a file may be used for. name: short, as cards have it; url: its text."""

    name: str
    title: str
    commercial_use: bool
    url: str


@dataclass(frozen=True)
class PublishedFile:
    """A file of a repository at one revision. n_bytes: its size, or nearly; digests: algorithm → hexadecimal."""

    repository: str
    revision: str
    path: str
    n_bytes: int
    digests: dict[str, str]
    licence: Licence

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def page(self) -> str:
        """What cards name as its source. Models' digests and all that was made with them depend on it: it stays so."""
        return f"https://huggingface.co/{self.repository}/blob/{self.revision}/{self.path}"

    @property
    def url(self) -> str:
        """Where anybody can fetch it."""
        return f"https://huggingface.co/{self.repository}/resolve/{self.revision}/{self.path}"


@dataclass(frozen=True)
class PublishedModel:
    """facts: its `card.json` but for `parts`; files: by part, empty where nobody published weights for it."""

    facts: dict[str, Any]
    files: dict[str, PublishedFile]

    @property
    def name(self) -> str:
        """As `v2a models get` takes it."""
        return str(self.facts["name"])

    @property
    def n_bytes(self) -> int:
        """The size of all its files."""
        return sum(file.n_bytes for file in self.files.values())


def published_models() -> dict[str, PublishedModel]:
    """All of them by name, the smallest of each family first."""
    return {name: model for table in _tables() for name, model in _read(table).items()}


def published_model(name: str) -> PublishedModel:
    """One of them. Raises NotFoundError, with the known names, for any other name."""
    found = published_models()
    if name not in found:
        known = ", ".join(model.name for model in found.values() if model.files)
        raise NotFoundError(f"no model named '{name}' can be got; these can: {known}")
    return found[name]


def how_to_have(name: str) -> str:
    """What to do for a model that is not there, to be put behind a message; empty where nobody published one."""
    model = published_models().get(name.partition("=")[0])
    if model is None:
        return ""
    if "=" in name or not model.files:
        return f"; for trying out, `v2a serve --model {model.name}=random` serves it with random weights"
    return f"; `v2a models get {name}` installs it"


def _tables() -> list[Path]:
    """One of each family that others have published models of."""
    return sorted((Path(__file__).parent / "models").glob("*/published.json"))


@cache
def _read(path: Path) -> dict[str, PublishedModel]:
    table = json.loads(path.read_bytes())
    licences = {name: Licence(name, **facts) for name, facts in table["licences"].items()}
    files = {name: _file(facts, licences) for name, facts in table["files"].items()}
    return {
        entry["card"]["name"]: PublishedModel(
            entry["card"], {part: files[name] for part, name in entry["parts"].items()}
        )
        for entry in table["models"]
    }


def _file(facts: dict[str, Any], licences: dict[str, Licence]) -> PublishedFile:
    return PublishedFile(
        repository=facts["repository"],
        revision=facts["revision"],
        path=facts["path"],
        n_bytes=facts["n_bytes"],
        digests={algorithm: facts[algorithm] for algorithm in ("sha256", "md5") if algorithm in facts},
        licence=licences[facts["licence"]],
    )
