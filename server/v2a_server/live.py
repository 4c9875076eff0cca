"""What watchers wait for: word that the ledger has news of a job, and the newest progress.

Lives on the event loop. Progress is not remembered: a slow watcher gets the latest, never a backlog.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from v2a_api.v1 import generation_pb2 as pb

# Watchers hear of progress at most this often.
_PROGRESS_EVERY_S = 0.1


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
        self._progress: dict[int, pb.Progress] = {}
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

    def news(self, job_id: int) -> None:
        """The ledger has something new about a job."""
        for watcher in self._watchers.get(job_id, ()):
            watcher.wake(news=True)

    def queue_moved(self) -> None:
        """Jobs may wait at another place now."""
        for job_id, watchers in self._watchers.items():
            if job_id not in self._progress:
                for watcher in watchers:
                    watcher.wake(news=True)

    def set_progress(self, job_id: int, progress: pb.Progress) -> None:
        """A running job has come this far."""
        self._progress[job_id] = progress
        if job_id not in self._resting:
            self._tell_progress(job_id)

    def progress(self, job_id: int) -> pb.Progress | None:
        """How far a running job has come, where it has said so."""
        return self._progress.get(job_id)

    def forget(self, job_id: int) -> None:
        """The job does not run any more."""
        self._progress.pop(job_id, None)
        if timer := self._resting.pop(job_id, None):
            timer.cancel()

    def _tell_progress(self, job_id: int) -> None:
        for watcher in self._watchers.get(job_id, ()):
            watcher.wake(news=False)
        told = self._progress[job_id]
        self._resting[job_id] = asyncio.get_running_loop().call_later(_PROGRESS_EVERY_S, self._end_rest, job_id, told)

    def _end_rest(self, job_id: int, told: pb.Progress) -> None:
        del self._resting[job_id]
        if self._progress.get(job_id) is not told:
            self._tell_progress(job_id)
