"""All jobs of a bridge: those of the document at hand, and those of former ones that go on."""

import logging
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from v2a.errors import ConflictError, NotFoundError, V2AError
from v2a.output import storage_error
from v2a_plugin.bridge.attending import Attending
from v2a_plugin.bridge.journal import Journal, Record
from v2a_plugin.bridge.link import Link
from v2a_plugin.bridge.pictures import check_there
from v2a_plugin.bridge.requests import RenderSource, changed_parameters, read_job
from v2a_plugin.bridge.rpc import kind_of
from v2a_plugin.bridge.telling import Teller, error_of, status
from v2a_plugin.bridge.turns import Turns

_log = logging.getLogger(__name__)

_PICTURES_GONE = "the pictures of this job were rendered for it alone, and are gone: ask for it anew"

Tell = Callable[[Mapping[str, Any]], None]


class Jobs:
    """Jobs by document. sounds: the folder for those that name none. tell: hears each STATUS that changed."""

    def __init__(self, journals: Path, sounds: Path, tell: Tell) -> None:
        self._journals = journals
        self._sounds = sounds
        self._tell = tell
        self._open: dict[str, Journal] = {}
        self._attended: dict[str, Attending] = {}
        self._lock = threading.RLock()
        self._turns = Turns()
        self._teller = Teller(self._tell_of)
        self._teller.start()
        self._journal: Journal | None = None
        self._link: Link | None = None

    def open(self, document: str, link: Link) -> None:
        """Turn to a document, and take up its jobs that nobody attends to. Raises UsageError, StorageError."""
        journal = self._open.get(document) or Journal(self._journals, document)
        journal.open()
        with self._lock:
            self._open[document], self._journal, self._link = journal, journal, link
            for record in journal.records():
                if not record.ended and record.job not in self._attended and journal.claim(record.job):
                    self._take_up(journal, record.job, link)
            here = [name for name, mine in self._attended.items() if mine.journal is journal]
        for job in here:  # what changed while another document was open
            self._teller.changed(job)

    def submit(self, parameters: Any) -> str:
        """A new job, in the journal. Raises UsageError, NotFoundError, MediaError, StorageError."""
        return self._submit(parameters, None)

    def statuses(self) -> list[dict[str, Any]]:
        """STATUS of all jobs of the document, oldest first."""
        with self._lock:
            attended = dict(self._attended)
        found = []
        for record in self._current.records():
            mine = attended.get(record.job)
            found.append(status(*(mine.seen if mine else (record, None)), with_parameters=True))
        return found

    def cancel(self, job: str) -> None:
        """End a job. Raises NotFoundError, ConflictError where another bridge attends to it."""
        mine = self._attended.get(job)
        if mine is not None:
            mine.cancel()
        elif not self._current.read(job).ended:
            raise ConflictError("another window attends to this job: cancel it there")

    def forget(self, job: str, *, files: bool) -> None:
        """Drop an ended job, and its sounds if wanted. Raises NotFoundError, ConflictError, StorageError."""
        record = self.ended(job)
        for take in record.takes if files else ():
            _remove(Path(take["path"]))
        with self._lock:
            self._attended.pop(job, None)
        self._current.forget(job)

    def again(self, job: str, changes: Mapping[str, Any]) -> str:
        """A changed copy of an ended job.

        Raises NotFoundError where its pictures are gone, ConflictError before it has ended, and as `submit`.
        """
        record = self.ended(job)
        former = read_job(record.parameters)
        seed = former.sampling.seed
        # What did not succeed is tried again as it was.
        another = seed + 1 if record.state == "succeeded" else seed
        parameters = changed_parameters(record.parameters, changes, another)
        rendered = Path(record.film) if record.film and "source" not in changes else None
        if isinstance(former.source, RenderSource) and rendered is None and "source" not in changes:
            raise NotFoundError(_PICTURES_GONE)  # their folder may be there still, and is on its way out
        return self._submit(parameters, rendered)

    def delete_take(self, job: str, layer: str, take: int) -> None:
        """Delete one sound and its row. Raises NotFoundError, ConflictError, StorageError."""
        record = self.ended(job)
        row = next((row for row in record.takes if (row["layer"], row["take"]) == (layer, take)), None)
        if row is None:
            raise NotFoundError(f"the job has no take {take} of {layer}")
        _remove(Path(row["path"]))
        record = replace(record, takes=tuple(other for other in record.takes if other is not row))
        self._current.write(record)
        with self._lock:
            self._attended.pop(job, None)
        self._tell(status(record, None, with_parameters=False))

    def record(self, job: str) -> Record:
        """A job as it is now. Raises NotFoundError."""
        mine = self._attended.get(job)
        return mine.record if mine is not None else self._current.read(job)

    def ended(self, job: str) -> Record:
        """A job that has ended. Raises NotFoundError, ConflictError."""
        record = self.record(job)
        if not record.ended:
            raise ConflictError("the job has not ended: wait for it, or cancel it first")
        return record

    @property
    def _current(self) -> Journal:
        if self._journal is None:
            raise RuntimeError("no document")
        return self._journal

    def _submit(self, parameters: Any, rendered: Path | None) -> str:
        journal, link = self._current, self._link
        job = read_job(parameters)
        if link is None:
            raise RuntimeError("no server")
        check_there(job)
        if isinstance(job.source, RenderSource) and rendered is None and not job.source.folder.is_dir():
            raise NotFoundError(_PICTURES_GONE)
        if rendered is not None and not rendered.is_file():
            raise NotFoundError(f"the rendered pictures {rendered} are gone: ask for the job anew")
        output = job.output or self._sounds
        _check_writable(output)
        record = journal.new(parameters, output, rendered)
        with self._lock:
            self._attend(journal, record, link)
        return record.job

    def _take_up(self, journal: Journal, job: str, link: Link) -> None:
        record = journal.read(job)  # it may have ended while its lock was waited for
        if not record.ended:
            try:
                self._attend(journal, record, link)
                _log.info("job %s is taken up", job)
                return
            except V2AError as error:
                # What an older software kept is no job any more.
                journal.write(replace(record, state="failed", error=error_of(str(error), kind_of(error))))
        journal.release(job)

    def _attend(self, journal: Journal, record: Record, link: Link) -> None:
        attending = Attending(journal, record, link, self._turns, self._teller.changed, self._wanted_by_others)
        self._attended[record.job] = attending
        attending.start()
        self._teller.changed(record.job)

    def _wanted_by_others(self, request: str, job: str) -> bool:
        with self._lock:
            return any(other.waits_for == request for name, other in self._attended.items() if name != job)

    def _tell_of(self, jobs: Iterable[str]) -> None:
        with self._lock:
            here = self._journal
            attended = [mine for job in jobs if (mine := self._attended.get(job)) and mine.journal is here]
        for mine in attended:
            record, progress = mine.seen
            self._tell(status(record, progress, with_parameters=False))
            if record.ended and mine.is_kept:
                with self._lock:
                    self._attended.pop(record.job, None)


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise storage_error(folder / "sound.wav", error) from None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from None
