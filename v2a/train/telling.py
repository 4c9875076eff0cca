"""What a training says while it works: lines in the log or, on a terminal, a bar."""

import datetime as dt
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress

log = logging.getLogger(__name__)

# Where nobody watches a terminal, a line is enough now and then.
_LINE_EVERY_S = 60.0
# The loss that is told is a running mean: of the first so many steps the plain one, then each step's loss counts for a
# so-many-th in it, and the earlier ones fade.
_SMOOTHED_STEPS = 50


class Telling:
    """Tells of one training, as a context manager.

    checkpoint: where its checkpoints are kept, in a folder of the training's name. n_steps: of the whole training.
    quiet: say nothing, as all processes but the first do. clock: seconds.
    """

    def __init__(
        self, checkpoint: Path, n_steps: int, *, quiet: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._checkpoint, self._n_steps, self._quiet, self._clock = checkpoint, n_steps, quiet, clock
        self._bar = None if quiet else _bar(checkpoint.parent.name)
        self._shown = ExitStack()
        self._loss = 0.0
        self._n_told = 0
        self._kept = ""
        # The first step, which warms up, tells nothing about the others: time is counted from its end.
        self._first_step = self._first_s = self._told_s = 0.0

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._shown.enter_context(_drawn(self._bar))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.close()
        if self._bar is not None and self._kept:
            log.info("%s: %s in %s", self._checkpoint.parent.name, self._kept, self._checkpoint)

    def step(self, step: int, loss: float) -> None:
        """So many steps are done; loss: of the last one, all its parts together."""
        if self._quiet:
            return
        now_s = self._clock()
        self._n_told += 1
        self._loss += (loss - self._loss) / min(self._n_told, _SMOOTHED_STEPS)
        if self._n_told == 1:
            self._first_step, self._first_s = step, now_s
        text = f"loss {self._loss:.4g}"
        if step > self._first_step:
            step_s = (now_s - self._first_s) / (step - self._first_step)
            left = dt.timedelta(seconds=round(step_s * (self._n_steps - step)))
            text += f", {step_s:.3g} s a step, {left} left"
        if self._bar is not None:
            (task,) = self._bar.task_ids
            kept = f"; {self._kept}" if self._kept else ""
            self._bar.update(task, completed=step, total=self._n_steps, description=text + kept)
        elif self._n_told == 1 or now_s >= self._told_s + _LINE_EVERY_S or step == self._n_steps:
            self._told_s = now_s
            log.info("%s: step %d of %d, %s", self._checkpoint.parent.name, step, self._n_steps, text)

    def kept(self, step: int) -> None:
        """A checkpoint of that step has been written."""
        self._kept = f"step {step} is kept"
        if not self._quiet and self._bar is None:
            log.info("%s: %s in %s", self._checkpoint.parent.name, self._kept, self._checkpoint)


@contextmanager
def _drawn(bar: "Progress") -> Iterator[None]:
    """Show a bar. What the log writes to stderr meanwhile goes above it, as what is printed there does."""
    before = sys.stderr
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is before
    ]
    with bar:  # which puts a stream of its own into sys.stderr
        for handler in handlers:
            handler.setStream(sys.stderr)
        try:
            yield
        finally:
            for handler in handlers:
                handler.setStream(before)


def _bar(label: str) -> "Progress | None":
    """A bar on stderr; None where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        return None
    bar = Progress(
        TextColumn(label, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
    )
    bar.add_task("starting", total=None)
    return bar
