"""Progress bars on stderr, fed by the events of jobs."""

from types import TracebackType
from typing import TYPE_CHECKING

from v2a_api.v1 import generation_pb2 as pb
from v2a_plugin.client import OnEvent

if TYPE_CHECKING:
    from rich.progress import Progress

_ENDED = {pb.STATE_SUCCEEDED: "done", pb.STATE_FAILED: "failed", pb.STATE_CANCELLED: "cancelled"}


class ProgressBars:
    """A bar for the job at hand; a context manager. quiet: nothing is shown at all."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._progress = None if quiet else _bars()

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
        for former in bars.task_ids:
            bars.remove_task(former)  # a hundred bars would push the living one off the screen
        task = bars.add_task("starting", total=None, label=label)

        def show(event: pb.GenerationEvent) -> None:
            what = event.WhichOneof("event")
            if what == "progress":
                progress = event.progress
                waiting = f"waiting, {progress.queue_position} before it"
                bars.update(
                    task,
                    description=waiting if progress.queue_position else progress.stage,
                    completed=progress.step,
                    total=progress.total_steps or None,
                )
            elif what == "state" and event.state.state in _ENDED:
                ended = _ENDED[event.state.state]
                bars.update(task, description=ended)
                if ended == "done":
                    bars.update(task, completed=1, total=1)
            elif what == "state":
                bars.update(task, description="starting")

        return show


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
