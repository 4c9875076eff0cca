"""What a page is about, and what its person decided."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from v2a.errors import ConflictError, NotFoundError, UsageError
from v2a_plugin.page.serving import Serving

# Until a browser has come, and after it was last heard of: tabs in the background ask once a minute.
_OPENED_WITHIN_S, _GONE_AFTER_S = 600.0, 300.0
_WORDS = ("layers", "preset", "takes", "seed", "quality")
_ENDED = ("succeeded", "failed", "cancelled")


class Desk(Protocol):
    """Where jobs are asked for; `v2a_plugin.bridge.jobs.Jobs` is one."""

    def submit(self, parameters: Any) -> str:
        """A new job."""

    def again(self, job: str, changes: Mapping[str, Any]) -> str:
        """A changed copy of a job."""

    def cancel(self, job: str) -> None:
        """End a job."""

    def statuses(self) -> list[dict[str, Any]]:
        """STATUS of all jobs."""


@dataclass(frozen=True)
class Form:
    """What can be chosen: names of layers and qualities, presets as `hello` gives them, the most takes."""

    layers: Sequence[str]
    qualities: Sequence[str]
    presets: Sequence[Mapping[str, Any]]
    max_takes: int
    max_chars: int


@dataclass
class Page:
    """One page. wanted: jobs to submit with the person's words. jobs: those to be heard, by their ids.

    notes: what the person should know before.
    """

    title: str
    desk: Desk
    form: Form
    wanted: Sequence[Mapping[str, Any]]
    jobs: list[str]
    settings: dict[str, Any]
    notes: Sequence[str] = ()
    state: str = "open"  # then "kept", "cancelled" or "gone"
    kept: list[dict[str, Any]] = field(default_factory=list)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        self._tries = {job: f"shown {index}" for index, job in enumerate(self.jobs)}  # which clip a job is a try for
        self._lock = threading.Lock()
        self._opened = False
        self._heard = time.monotonic()

    def open(self, token: str) -> str | None:
        """The key to everything else, for the token; None where it is another one, or was used before.

        Where it was, somebody else may have been first: the page ends.
        """
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return None
        with self._lock:
            is_first, self._opened = not self._opened, True
            if not is_first and self.state == "open":
                self.state = "gone"
        return self.key if is_first else None

    def look(self) -> dict[str, Any]:
        """What is to be shown."""
        self._heard = time.monotonic()
        with self._lock:
            jobs = list(self.jobs)
        return {
            "title": self.title,
            "state": self.state,
            "notes": list(self.notes),
            "names": [str(job.get("name")) for job in self.wanted],
            "form": None if not self.wanted else vars(self.form) | {"settings": self.settings},
            "jobs": [
                {"clip": self._tries[status["job"]], **_shown(status)}
                for status in self._statuses()
                if status["job"] in jobs
            ],
        }

    def generate(self, words: Mapping[str, Any]) -> None:
        """Submit what is wanted with the person's words. Raises UsageError and others of `submit`."""
        chosen = {key: words[key] for key in _WORDS if key in words}
        made: list[str] = []
        try:
            for job in self.wanted:
                made.append(self.desk.submit({**job, **chosen}))
        except Exception:
            for job_id in made:
                self.desk.cancel(job_id)
            raise
        with self._lock:
            self._tries.update({job: f"wanted {index}" for index, job in enumerate(made)})
            self.jobs += made
            self.settings = chosen

    def again(self, job: str) -> None:
        """Another try of one of its jobs, with the next seed."""
        self._check(job)
        made = self.desk.again(job, {})
        with self._lock:
            self._tries[made] = self._tries[job]
            self.jobs.append(made)

    def stop(self, job: str) -> None:
        """Cancel one of its jobs."""
        self._check(job)
        self.desk.cancel(job)

    def keep(self, chosen: Sequence[Any]) -> None:
        """End with what is to be placed: [{job, takes}]. Raises UsageError."""
        made = {status["job"]: {take["take"] for take in status["takes"]} for status in self._statuses()}
        kept = []
        for one in chosen:
            job, takes = _choice(one)
            if job not in self.jobs:
                raise UsageError("keep names jobs of this page, and takes of each")
            if not set(takes) <= made.get(job, set()):
                raise UsageError(f"there is no such take: choose from {', '.join(map(str, sorted(made.get(job, ()))))}")
            kept.append({"job": job, "takes": takes})
        if not kept:
            raise UsageError("choose at least one take to keep")
        self._end("kept", kept)

    def cancel(self) -> None:
        """End with nothing to be placed, and cancel what was asked for here and is under way."""
        for status in self._statuses() if self.wanted else ():
            if status["job"] in self.jobs and status["state"] not in _ENDED:
                self.desk.cancel(status["job"])
        self._end("cancelled", [])

    def sound(self, job: str, layer: str, take: int) -> Path:
        """The file of a take. Raises NotFoundError."""
        self._check(job)
        for status in self._statuses():
            for one in status["takes"] if status["job"] == job else ():
                if (one["layer"], one["take"]) == (layer, take):
                    return Path(one["path"])
        raise NotFoundError("there is no such take")

    def is_forsaken(self) -> bool:
        """Whether nobody has come, or nobody is there any more."""
        silent_s = time.monotonic() - self._heard
        return silent_s > (_GONE_AFTER_S if self._opened else _OPENED_WITHIN_S)

    def leave(self) -> None:
        """End because nobody is there; jobs go on."""
        self._end("gone", [])

    def result(self) -> dict[str, Any]:
        """What `page.result` answers."""
        return {"state": self.state, "kept": self.kept, "jobs": list(self.jobs), "settings": self.settings}

    def _statuses(self) -> list[dict[str, Any]]:
        return self.desk.statuses()

    def _check(self, job: str) -> None:
        if job not in self.jobs:
            raise NotFoundError("this page has no such job")

    def _end(self, state: str, kept: list[dict[str, Any]]) -> None:
        with self._lock:
            if self.state != "open":
                raise ConflictError(f"this page has ended already ({self.state})")
            self.state, self.kept = state, kept


class Pages:
    """All pages of a bridge. tell: hears {page, state, …} of each that ends."""

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._tell = tell
        self._open: dict[str, tuple[Page, Serving]] = {}

    def open(self, page: Page) -> dict[str, str]:
        """Serve a page; its name, and the address that opens it once."""
        name = secrets.token_hex(8)
        serving = Serving(page, lambda: self._tell({"page": name, **page.result()}))
        self._open[name] = (page, serving)
        return {"page": name, "url": f"{serving.origin}/#{page.token}"}

    def result(self, name: str) -> dict[str, Any]:
        """What became of a page so far. Raises NotFoundError."""
        return self._page(name)[0].result()

    def close(self, name: str) -> dict[str, Any]:
        """Close a page that is still open; its jobs go on. Raises NotFoundError."""
        page, serving = self._page(name)
        if page.state == "open":
            page.leave()
        serving.close()
        return page.result()

    def _page(self, name: str) -> tuple[Page, Serving]:
        if name not in self._open:
            raise NotFoundError("there is no such page")
        return self._open[name]


def _choice(one: Any) -> tuple[str, list[int]]:
    """The job and the takes of a choice. Raises UsageError."""
    job, takes = (one.get("job"), one.get("takes")) if isinstance(one, Mapping) else (None, None)
    if not isinstance(job, str) or not isinstance(takes, list) or not takes:
        raise UsageError("a choice names a job, and takes of it")
    if not all(isinstance(take, int) for take in takes):
        raise UsageError("takes are named by their numbers")
    return job, takes


def _shown(status: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a job: no paths."""
    model = status.get("model") or {}
    return {
        **{key: status[key] for key in ("job", "name", "state", "text", "progress", "queue", "warnings")},
        "error": (status.get("error") or {}).get("message", ""),
        "model": {key: model.get(key) for key in ("title", "licence", "commercial_use")} if model else None,
        "takes": [
            {
                **{key: take.get(key) for key in ("layer", "take", "seed", "loudness_lufs", "peak_dbfs")},
                "duration_s": take["n_samples"] / take["rate_hz"],
            }
            for take in status["takes"]
        ],
    }
