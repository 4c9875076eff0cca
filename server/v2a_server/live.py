"""What watchers wait for: word that the ledger has news of a job, and what is not remembered there.

That is the newest progress, places in the queue, and takes that grow. Lives on the event loop. A slow watcher gets the
latest, never a backlog.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from v2a_api.v1 import generation_pb2 as pb

# Watchers hear of progress at most this often.
_PROGRESS_EVERY_S = 0.1


@dataclass(frozen=True)
class GrowingTake:
    """A take that is being made: how far it is, and the file that holds so much of it."""

    growing: pb.Growing
    path: Path


class Watcher:
    """One open watch. Await `woken`; `news` says whether the ledger is worth reading."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.news = True

    def wake(self, *, news: bool) -> None:
        """Let the watch look again."""
        self.news = self.news or news
        self.woken.set()


class Live:
    """The watchers of all jobs, by the job's row id."""

    def __init__(self) -> None:
        self._watchers: defaultdict[int, set[Watcher]] = defaultdict(set)
        self._versions: defaultdict[int, int] = defaultdict(int)
        self._places: Mapping[int, int] = {}
        self._progress: dict[int, pb.Progress] = {}
        self._growing: defaultdict[int, dict[tuple[str, int], GrowingTake]] = defaultdict(dict)
        self._resting: dict[int, asyncio.TimerHandle] = {}

    @contextmanager
    def watch(self, job_id: int) -> Iterator[Watcher]:
        """Register a watcher while the context lasts."""
        watcher = Watcher()
        self._watchers[job_id].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[job_id].discard(watcher)
            if not self._watchers[job_id]:
                del self._watchers[job_id]
                self._versions.pop(job_id, None)

    def news(self, job_id: int) -> None:
        """The ledger has something new about a job."""
        if job_id in self._watchers:
            self._versions[job_id] += 1
        self._wake(job_id, news=True)

    def version(self, job_id: int) -> int:
        """Rises with each news of a job that is watched."""
        return self._versions.get(job_id, 0)

    def set_places(self, places: Mapping[int, int]) -> None:
        """Jobs that wait, and how many are before each."""
        before, self._places = self._places, places
        for job_id in self._watchers:
            if before.get(job_id) != places.get(job_id):
                self._wake(job_id, news=False)

    def waiting(self, job_id: int) -> pb.Progress | None:
        """The place of a job that waits, where it is known."""
        place = self._places.get(job_id)
        return None if place is None else pb.Progress(queue_position=place, stage="waiting")

    def set_progress(self, job_id: int, progress: pb.Progress) -> None:
        """A running job has come this far."""
        self._progress[job_id] = progress
        if job_id not in self._resting:
            self._tell_progress(job_id)

    def progress(self, job_id: int) -> pb.Progress | None:
        """How far a running job has come, where it has said so."""
        return self._progress.get(job_id)

    def set_growing(self, job_id: int, growing: pb.Growing, path: Path) -> None:
        """More of a take can be read."""
        self._growing[job_id][growing.layer, growing.index] = GrowingTake(growing, path)
        self._wake(job_id, news=False)

    def growing(self, job_id: int) -> Mapping[tuple[str, int], GrowingTake]:
        """The takes of a running job of which a beginning can be read, by layer and take."""
        return self._growing.get(job_id, {})

    def forget(self, job_id: int) -> None:
        """The job does not run any more."""
        self._progress.pop(job_id, None)
        self._growing.pop(job_id, None)
        if timer := self._resting.pop(job_id, None):
            timer.cancel()

    def _wake(self, job_id: int, *, news: bool) -> None:
        for watcher in self._watchers.get(job_id, ()):
            watcher.wake(news=news)

    def _tell_progress(self, job_id: int) -> None:
        self._wake(job_id, news=False)
        told = self._progress[job_id]
        self._resting[job_id] = asyncio.get_running_loop().call_later(_PROGRESS_EVERY_S, self._end_rest, job_id, told)

    def _end_rest(self, job_id: int, told: pb.Progress) -> None:
        del self._resting[job_id]
        if self._progress.get(job_id) is not told:
            self._tell_progress(job_id)
