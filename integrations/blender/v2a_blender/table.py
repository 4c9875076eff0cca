# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of the open file as the interface shows them, and which of them wait to be placed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ACTIVE = ("rendering", "waiting", "running")
ICONS = {
    "rendering": "RENDER_ANIMATION",
    "waiting": "TIME",
    "running": "PLAY",
    "succeeded": "CHECKMARK",
    "failed": "ERROR",
    "cancelled": "X",
}
_STATES = {"rendering": "rendering the picture", "waiting": "waiting", "running": "running", "cancelled": "cancelled"}


@dataclass
class Row:
    """One job. trouble: what went wrong in placing it, for the user. wanted: whether the user asked to place it."""

    status: dict[str, Any]
    trouble: list[str] = field(default_factory=list)
    wanted: bool = False

    @property
    def id(self) -> str:
        """The job's name at the bridge."""
        return str(self.status["job"])

    @property
    def name(self) -> str:
        """The job's name for people."""
        return str(self.status.get("name") or "sound")

    @property
    def state(self) -> str:
        """One of the states of docs/bridge.md."""
        return str(self.status.get("state", "waiting"))

    @property
    def is_active(self) -> bool:
        """Whether it goes on by itself."""
        return self.state in ACTIVE

    @property
    def progress(self) -> float:
        """How much of it is done, 0 to 1."""
        return min(max(float(self.status.get("progress") or 0.0), 0.0), 1.0)

    @property
    def text(self) -> str:
        """What it does, in a few words: its stage, step and place in the queue."""
        if self.status.get("text"):
            return str(self.status["text"])
        if self.state == "waiting" and self.status.get("queue"):
            return f"waiting, {self.status['queue']} before it"
        return _STATES.get(self.state, self.state)

    @property
    def messages(self) -> list[str]:
        """What the user should know, worst first."""
        error = (self.status.get("error") or {}).get("message")
        return ([error] if error else []) + self.trouble + [str(text) for text in self.status.get("warnings") or []]

    @property
    def takes(self) -> list[dict[str, Any]]:
        """The finished files, by layer and take."""
        return list(self.status.get("takes") or [])

    @property
    def tag(self) -> dict[str, Any]:
        """What was sent along to place it by."""
        tag = self.status.get("tag")
        return tag if isinstance(tag, dict) else {}

    @property
    def seeds(self) -> list[int]:
        """The seeds that are known of it: what its request says, and what its files tell."""
        said = [self.tag.get("seed"), (self.status.get("parameters") or {}).get("seed")]
        return [seed for seed in (*said, *(take.get("seed") for take in self.takes)) if isinstance(seed, int)]

    @property
    def licence(self) -> str:
        """The model and its licence, with a warning where its sounds must not be sold."""
        model = self.status.get("model")
        if not model:
            return ""
        warning = "" if model.get("commercial_use", True) else ", not for commercial use"
        return f"{model.get('title') or model.get('name')}: {model.get('licence')}{warning}"


class JobTable:
    """The document's jobs, in the order of submission.

    settled: jobs whose sounds were placed, or given up; the file remembers them too, so that nothing comes twice.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._rolled: dict[str, int] = {}  # the last seed asked for from a job; the roll may not be listed yet
        self.settled: set[str] = set()
        self.version = 0  # grows with each change, so that the interface knows when to draw

    def __len__(self) -> int:
        return len(self._rows)

    def clear(self) -> None:
        """Forget all of it, for another file."""
        self._rows.clear()
        self._rolled.clear()
        self.settled.clear()
        self.version += 1

    def update(self, status: Mapping[str, Any]) -> Row:
        """Take a status in, new or not."""
        row = self._rows.get(str(status["job"]))
        if row is None:
            row = self._rows[str(status["job"])] = Row(dict(status))
        else:
            row.status = {**row.status, **status}
        self.version += 1
        return row

    def replace(self, statuses: Iterable[Mapping[str, Any]]) -> None:
        """Take in all that the bridge knows; what it does not know any more goes."""
        known = [self.update(status).id for status in statuses]
        self._rows = {job: self._rows[job] for job in known}

    def forget(self, job: str) -> None:
        """Drop a job."""
        if self._rows.pop(job, None):
            self.settled.add(job)
            self.version += 1

    def settle(self, job: str, trouble: Iterable[str] = ()) -> None:
        """Note that a job needs no placing any more, and what went wrong with it."""
        self.settled.add(job)
        if job in self._rows:
            self._rows[job].trouble, self._rows[job].wanted = list(trouble), False
        self.version += 1

    def unsettle(self, job: str) -> None:
        """Have a job's sounds placed once more."""
        self.settled.discard(job)
        if job in self._rows:
            self._rows[job].trouble, self._rows[job].wanted = [], True
        self.version += 1

    def drop_take(self, job: str, layer: str, take: int) -> None:
        """Take a deleted take out of its row."""
        row = self._rows.get(job)
        if row is not None:
            row.status["takes"] = [one for one in row.takes if (one["layer"], one["take"]) != (layer, take)]
            self.version += 1

    def family(self, job: str) -> list[str]:
        """A job, those that it re-rolls, and those that re-roll it or them."""
        row = self._rows.get(job)
        roots = {job, *(row.tag.get("replaces", []) if row else [])}
        return [one.id for one in self._rows.values() if roots & {one.id, *one.tag.get("replaces", [])}]

    def next_seed(self, job: str, known: int = 0) -> int:
        """A seed that no sound of a job's family has or was asked for with. known: one that the job has."""
        family = {job, *self.family(job)}
        rolled = [seed for one, seed in self._rolled.items() if one in family]
        seeds = [seed for one in family if (row := self._rows.get(one)) for seed in row.seeds]
        self._rolled[job] = 1 + max([known, *rolled, *seeds])
        return self._rolled[job]

    def silenced_by(self, job: str) -> set[str]:
        """The jobs whose sounds are muted when a job's are placed: of a family one is heard, in whatever order."""
        row = self._rows.get(job)
        return {str(one) for one in (row.tag.get("replaces", []) if row else [])}.union(self.family(job)) - {job}

    def get(self, job: str) -> Row | None:
        """The row of a job."""
        return self._rows.get(job)

    def newest_first(self) -> list[Row]:
        """All rows, the newest first."""
        return list(reversed(self._rows.values()))

    def to_place(self) -> list[Row]:
        """Jobs whose sounds are ready and lie nowhere yet."""
        return [row for row in self._rows.values() if row.state == "succeeded" and row.id not in self.settled]

    def n_active(self) -> int:
        """How many jobs are under way."""
        return sum(row.is_active for row in self._rows.values())


def wrapped(text: str, width: int) -> list[str]:
    """A message as lines of a narrow panel; its own line breaks stay."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
            while len(line) > width:  # a path without spaces
                lines.append(line[:width])
                line = line[width:]
        lines.append(line)
    return lines


def read_back_differs(items: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The planned items that lie otherwise than planned, by the host's own measure."""
    by_take = {(one["layer"], one["take"]): one for one in found}
    keys = ("path", "name", "channel", "start", "end", "offset", "muted")
    return [
        item
        for item in items
        if any(by_take.get((item["layer"], item["take"]), {}).get(key) != item[key] for key in keys)
    ]


def named_apart(items: list[dict[str, Any]], taken: Iterable[str]) -> list[dict[str, Any]]:
    """The items with names as Blender keeps them: at most 63 bytes, and none twice among those that are taken."""
    used = set(taken)
    named = []
    for item in items:
        name = base = _cut(item["name"], 63)
        number = 1
        while name in used:
            number += 1
            name = f"{_cut(base, 63 - len(f' {number}'))} {number}"
        used.add(name)
        named.append({**item, "name": name})
    return named


def _cut(text: str, n_bytes: int) -> str:
    return text.encode()[:n_bytes].decode(errors="ignore")
