"""How a job goes, in numbers and words, and who tells the host."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from v2a_api.v1 import generation_pb2 as pb
from v2a_plugin.bridge.journal import Record
from v2a_plugin.stages import Stages

_RENDER_SHARE = 0.3
_TELL_EVERY_S = 0.1
_MOST_IMAGES = 100
_ENDS = {"succeeded": "done", "cancelled": "cancelled"}


@dataclass(frozen=True)
class Progress:
    """How far a job is. done: of the whole, 0 … 1. queue: jobs before it. text: for people."""

    stage: str = ""
    step: int = 0
    total: int = 0
    queue: int = 0
    done: float = 0.0
    text: str = "starting"
    stages: Stages = field(default_factory=Stages)

    def at_render(self, frame: int, n_frames: int) -> "Progress":
        """The same job while its pictures are rendered."""
        return Progress(
            "rendering", frame, n_frames, 0, _RENDER_SHARE * frame / n_frames, f"rendering, {frame} of {n_frames}"
        )

    def waiting(self, text: str) -> "Progress":
        """The same job while something else is waited for."""
        return Progress("waiting", done=self.done, text=text)

    def at_server(self, progress: pb.Progress, *, rendered: bool) -> "Progress":
        """The same job as the server tells of it. rendered: whether a part of the way was rendering."""
        if progress.queue_position:
            return Progress(
                "waiting",
                queue=progress.queue_position,
                done=self.done,
                text=f"waiting, {progress.queue_position} before it",
            )
        step, total = progress.step, progress.total_steps
        stages = self.stages.after(progress)
        done = stages.done
        if rendered:
            done = _RENDER_SHARE + (1 - _RENDER_SHARE) * done
        text = f"{progress.stage}, {step} of {total}" if total else progress.stage
        # Nobody wants to see a bar go back, as where the server begins anew.
        return Progress(progress.stage, step, total, 0, max(self.done, done), text, stages)


def status(record: Record, progress: Progress | None, *, with_parameters: bool) -> dict[str, Any]:
    """A job's STATUS (`docs/bridge.md`). progress: None where nobody here attends to it."""
    is_elsewhere = progress is None and not record.ended
    progress = progress or Progress(text="another window attends to it")
    if record.ended:
        failed = record.error["message"] if record.error else ""
        progress = Progress(done=1.0 if record.state == "succeeded" else 0.0, text=_ENDS.get(record.state, failed))
    parameters = record.parameters
    found = {
        "job": record.job,
        "name": record.name,
        "state": record.state,
        "stage": progress.stage,
        "step": progress.step,
        "total": progress.total,
        "queue": progress.queue,
        "progress": round(progress.done, 4),
        "text": progress.text,
        "error": record.error,
        "warnings": record.warnings,
        "takes": record.takes,
        "model": record.model,
        "request_id": record.request_id,
        "range": parameters["range"],
        "handles": record.handles,
        "submitted": record.submitted,
        "tag": parameters.get("tag"),
        "elsewhere": is_elsewhere,
    }
    if with_parameters:
        found["parameters"] = _shortened(parameters)
    return found


def _shortened(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters without the names of a hundred thousand images, over which a host would stumble."""
    source = parameters["source"]
    if len(source.get("images") or ()) <= _MOST_IMAGES:
        return parameters
    images = source["images"]
    return {**parameters, "source": {**source, "images": [images[0], images[-1]], "n_images": len(images)}}


class Teller:
    """Tells of jobs that changed, ten times a second at most: what changes faster is told as it is then."""

    def __init__(self, tell: Callable[[Iterable[str]], None]) -> None:
        self._tell = tell
        self._changed: dict[str, None] = {}
        self._lock = threading.Lock()
        self._woken = threading.Event()

    def start(self) -> None:
        """Tell for as long as the bridge lives."""
        threading.Thread(target=self._run, name="teller", daemon=True).start()

    def changed(self, job: str) -> None:
        """A job is to be told of."""
        with self._lock:
            self._changed[job] = None
        self._woken.set()

    def _run(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            with self._lock:
                jobs, self._changed = self._changed, {}
            self._tell(jobs)
            time.sleep(_TELL_EVERY_S)


def error_of(message: str, kind: str) -> Mapping[str, str]:
    """An error as STATUS gives it."""
    return {"message": message, "kind": kind}
