"""Progress bars on stderr, fed by the events of jobs."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from v2a_api.v1 import generation_pb2 as pb
from v2a_plugin.client import OnEvent
from v2a_plugin.stages import Stages

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_ENDED = {pb.STATE_SUCCEEDED: "done", pb.STATE_FAILED: "failed", pb.STATE_CANCELLED: "cancelled"}
# Where nobody watches a terminal, a line is enough now and then.
_LINE_EVERY_S = 60.0


@dataclass(frozen=True)
class Advance:
    """How far a run over many events is.

    n_done of n_events that are to be made; sound_s: seconds of sound still to be made, of whole_s. left_s: how many
    seconds that takes; None where nobody knows.
    """

    n_done: int
    n_events: int
    sound_s: float
    whole_s: float
    left_s: float | None

    @property
    def text(self) -> str:
        """For people: "12 of 200 events, about 1 h 20 min left"."""
        left = f", {duration_text(self.left_s)} left" if self.left_s else ""
        return f"{self.n_done} of {self.n_events} events{left}"


Tell = Callable[[Advance], None]


def duration_text(seconds: float) -> str:
    """A length of time as nobody would measure it more exactly: "about 1 h 20 min"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"about {max(round(seconds), 1)} s"
    hours, rest = divmod(minutes, 60)
    return f"about {f'{hours} h ' if hours else ''}{rest} min"


class ProgressBars:
    """A bar for the job at hand, and one for a run of many; a context manager. quiet: nothing is shown at all."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._progress = None if quiet else _bars()
        self._whole: TaskID | None = None
        self._job: TaskID | None = None
        self._told_s: float | None = None

    def __enter__(self) -> "ProgressBars":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def job(self, label: str) -> OnEvent:
        """A bar for the next job: what to call with each of its events. label: short, e.g. the clip's name."""
        bars = self._progress
        if bars is None:
            return lambda event: None
        if self._job is not None:
            bars.remove_task(self._job)  # a hundred bars would push the living one off the screen
        self._job = task = bars.add_task("starting", total=None, label=printable(label))
        stages, done = Stages(), 0.0

        def show(event: pb.GenerationEvent) -> None:
            nonlocal stages, done
            what = event.WhichOneof("event")
            if what == "progress":
                progress = event.progress
                if progress.queue_position:
                    bars.update(task, description=f"waiting, {progress.queue_position} before it")
                    return
                stages = stages.after(progress)
                done = max(done, stages.done)  # nobody wants to see a bar go back, as where the server begins anew
                bars.update(task, description=progress.stage, completed=done, total=1)
            elif what == "state" and event.state.state in _ENDED:
                ended = _ENDED[event.state.state]
                bars.update(task, description=ended)
                if ended == "done":
                    bars.update(task, completed=1, total=1)
            elif what == "state":
                bars.update(task, description="starting")

        return show

    def tell(self, advance: Advance) -> None:
        """Show how far a run over many events is: a bar, or where there is no terminal, a line now and then."""
        bars = self._progress
        if bars is None:
            return
        if not bars.console.is_terminal:
            now_s = time.monotonic()
            if self._told_s is None or now_s > self._told_s + _LINE_EVERY_S or not advance.sound_s:
                self._told_s = now_s
                sys.stderr.write(f"v2a: {advance.text}\n")
                sys.stderr.flush()
            return
        if self._whole is None:
            self._whole = bars.add_task("", label="all")
        done_s = advance.whole_s - advance.sound_s
        bars.update(self._whole, total=advance.whole_s or 1, completed=done_s, description=advance.text)


def printable(text: str) -> str:
    """A text that others wrote, in one line and without what would control a terminal."""
    return "".join(" " if char.isspace() else char if _shown(char) else "\N{REPLACEMENT CHARACTER}" for char in text)


def _shown(char: str) -> bool:
    # Halves of surrogate pairs stand for bytes of file names that are no text; the console writes their numbers.
    return char.isprintable() or "\ud800" <= char <= "\udfff"


def _bars() -> "Progress":
    from rich.console import Console  # it takes a while to load, and quiet commands do without
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.fields[label]}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
    )
