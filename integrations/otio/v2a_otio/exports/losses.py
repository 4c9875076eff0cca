"""What a format does not hold of the master, in sentences and as data."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Loss:
    """Something of the master that an export lacks, or holds otherwise.

    feature: what kind of thing, in a word or two. text: a sentence about it. event: the number of the event it
    concerns, None where it concerns the whole. track: where it concerns one. samples: how far in time, where it
    is a matter of time.
    """

    feature: str
    text: str
    event: int | None = None
    samples: int | None = None
    track: str = ""

    def document(self) -> dict[str, Any]:
        """For `report.json`."""
        return asdict(self)


def as_text(title: str, losses: Sequence[Loss]) -> str:
    """A loss report to read: what concerns the whole first, then event by event."""
    lines = [title, ""]
    if not losses:
        lines.append("Nothing of the master is missing here.")
    for loss in sorted(losses, key=lambda loss: -1 if loss.event is None else loss.event):
        where = "whole" if loss.event is None else f"event {loss.event:03d}"
        amount = "" if loss.samples is None else f" ({loss.samples} samples)"
        track = f" on {loss.track}" if loss.track else ""
        lines.append(f"{where}{track}: {loss.feature}: {loss.text}{amount}")
    return "\n".join(lines) + "\n"
