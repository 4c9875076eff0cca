"""A run over all events: what is there already, what is made, and how long the rest will take."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from v2a.errors import BusyError, StorageError, UnavailableError
from v2a_otio import report
from v2a_otio.looking import seen
from v2a_otio.making import Maker, Watch, make, recall, specify, unasked
from v2a_otio.memory import Memory
from v2a_otio.pace import Pace, known_pace, measured_pace
from v2a_otio.plan import Plan
from v2a_otio.report import Document, Finished, Outcome, Whole
from v2a_plugin.progress import Advance, Tell

# What stops a run.
_OF_ALL = (UnavailableError, StorageError, BusyError)


def tell_nobody(advance: Advance) -> None:
    """Say nothing of how far a run is."""


def asked(plans: Sequence[Plan], whole: Whole, memory: Memory, folder: Path) -> list[Outcome]:
    """Each event as it stands before anything is made. whole.model must be there."""
    if whole.model is None:
        raise ValueError("what a request asks for depends on the model")
    outcomes = (specify(plan, whole.cut, whole.model) for plan in plans)
    return [recall(outcome, memory.finished, folder) for outcome in outcomes]


def expected_pace(whole: Whole, memory: Memory | None) -> Pace | None:
    """How long sound takes to make, as far as that is known before a run."""
    name = whole.model.name if whole.model else whole.options.model
    measured = measured_pace(memory.report, name, whole.options.quality) if memory else None
    return measured or known_pace(name, whole.options.quality)


@dataclass
class Batch:
    """A run: its outcomes so far, in the events' order, and the report that says so."""

    whole: Whole
    outcomes: list[Outcome]
    memory: Memory
    folder: Path
    _made_s: float = field(default=0.0, init=False)
    _work_s: float = field(default=0.0, init=False)

    def document(self) -> Document:
        """The report as it is now."""
        return report.document(self._now(), self.outcomes)

    def save(self) -> None:
        """Write the report. Raises StorageError."""
        self.memory.save(self.document())

    def run(self, maker: Maker, watch: Watch, tell: Tell) -> None:
        """Make what is pending, one after the other.

        Raises UnavailableError, BusyError or StorageError where nothing can go on. However it ends, unless the
        process is killed, the report says what was made; and where it is killed, the journal does.
        """
        self.save()
        pace = expected_pace(self.whole, self.memory)
        pending = [index for index, outcome in enumerate(self.outcomes) if outcome.status == "pending"]
        left_s = whole_s = sum(float(self.outcomes[index].plan.sound_s) for index in pending)
        try:
            for count, index in enumerate(pending):
                tell(Advance(count, len(pending), left_s, whole_s, self._left(left_s, pace)))
                began_s = time.monotonic()
                with _saying(self.folder, self.outcomes):
                    self._make(index, maker, watch)
                sound_s = float(self.outcomes[index].plan.sound_s)
                left_s -= sound_s
                if self.outcomes[index].status == "done":
                    self._made_s += sound_s
                    self._work_s += time.monotonic() - began_s
            tell(Advance(len(pending), len(pending), 0.0, whole_s, 0.0))
        except BaseException:
            with suppress(StorageError):
                self.save()
            raise

    def _make(self, index: int, maker: Maker, watch: Watch) -> None:
        looked = seen(self.outcomes[index])
        if looked.status == "skipped":
            self.outcomes[index] = looked
            return
        made = make(looked, self.folder, maker, watch)
        if made.status == "done":
            # What is only fetched again took as long as it took when it was made.
            former = self.memory.finished.get(made.request_id)
            if made.took_s is None and former is not None:
                made = replace(made, took_s=former.took_s)
            self.memory.add(Finished(made.request_id, made.sounds, made.said, made.took_s), self.whole.cut)
        self.outcomes[index] = made

    def _left(self, sound_s: float, pace: Pace | None) -> float | None:
        if self._made_s:
            return sound_s * self._work_s / self._made_s
        return pace.seconds_for(sound_s) if pace else None

    def _now(self) -> Whole:
        return replace(self.whole, earlier=unasked(self.memory.finished, self.outcomes))


@contextmanager
def _saying(folder: Path, outcomes: Sequence[Outcome]) -> Iterator[None]:
    """Add to what stops a run how far it came."""
    try:
        yield
    except _OF_ALL as error:
        states = [outcome.status for outcome in outcomes]
        raise type(error)(
            f"{error} ({states.count('done')} of {len(states)} events are finished and kept in {folder})"
        ) from error
