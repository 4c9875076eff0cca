"""Writing exports: each checked against the master, each with a report of what it lacks."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import opentimelineio as otio

from v2a.errors import StorageError, UsageError
from v2a.output import whole_file
from v2a_otio.exports.edl import reel
from v2a_otio.exports.features import OF_PICTURE, present
from v2a_otio.exports.formats import FORMATS, Format
from v2a_otio.exports.losses import Loss, as_text
from v2a_otio.exports.readback import compare
from v2a_otio.exports.turnover import Master, Turnover, turnover


@dataclass(frozen=True)
class Export:
    """A written export. file, losses_file: in the output folder; empty where there was nothing to write."""

    format: str
    file: str
    losses_file: str
    losses: tuple[Loss, ...]

    def document(self) -> dict[str, Any]:
        """For `report.json`."""
        return {
            "format": self.format,
            "file": self.file,
            "losses_file": self.losses_file,
            "losses": [loss.document() for loss in self.losses],
        }


def chosen(names: str) -> tuple[str, ...]:
    """The exports that a text names, divided by commas; `otio`, the master, is always written.

    Raises UsageError for others, and where an adapter is not installed.
    """
    wanted = tuple(
        dict.fromkeys(name for part in names.split(",") if (name := part.strip().lower()) not in ("", "otio"))
    )
    for name in wanted:
        if name not in FORMATS:
            raise UsageError(f"'{name}' is not written: choose from otio, {', '.join(FORMATS)}")
        adapter = FORMATS[name].adapter
        if adapter and adapter not in otio.adapters.available_adapter_names():
            raise UsageError(f"{name} needs an adapter that is not installed: pip install 'v2a-studio[adapters]'")
    return wanted


def files_of(names: Iterable[str]) -> list[str]:
    """The files, in the output folder, that exports will be."""
    return [file for name in names for file in (FORMATS[name].file, _losses_file(FORMATS[name]))]


def write_exports(names: Sequence[str], master: Master) -> tuple[Export, ...]:
    """Write exports beside the master, read each back, and compare it with the plan, event by event.

    Raises StorageError where one cannot be written, or holds anything otherwise than its loss report says; that
    export is then not there.
    """
    return tuple(_export(FORMATS[name], master) for name in names)


def _export(made: Format, master: Master) -> Export:
    wanted = turnover(
        master,
        picture=made.picture,
        samples=made.samples,
        exact_source=made.exact_source,
        most_sounds=made.most_sounds,
    )
    losses = (*(loss for loss in present(master) if _lacks(made, loss)), *wanted.losses, *_own(made, wanted))
    path, report = master.folder / made.file, master.folder / _losses_file(made)
    for stale in (path, report):
        with suppress(OSError):
            stale.unlink()
    if not wanted.lanes:
        return Export(made.name, "", "", (Loss("everything", "there is nothing to write: no event has sound"),))
    with whole_file(path) as temporary:
        try:
            made.write(wanted, temporary)
            wrong = compare(wanted, made.read(temporary, wanted), losses)
        except (StorageError, OSError):
            raise
        except Exception as error:  # adapters are plug-ins: each raises whatever it does
            raise StorageError(
                f"{made.file} was not kept: its adapter cannot write or read this timeline ({_one_line(error)}): "
                "leave it out of --write; the master is written"
            ) from error
        if wrong:
            raise StorageError(f"{made.file} was not kept, since it reads back wrong: {'; '.join(wrong[:5])}")
    with whole_file(report) as temporary:
        temporary.write_text(as_text(f"What {made.file} lacks of timeline.otio", losses), encoding="utf-8")
    return Export(made.name, made.file, report.name, losses)


def _lacks(made: Format, loss: Loss) -> bool:
    if loss.feature in made.keeps:
        return False
    return made.picture or loss.feature not in OF_PICTURE


def _own(made: Format, wanted: Turnover) -> Iterable[Loss]:
    """What only an EDL loses."""
    if made.name == "edl":
        for lane in wanted.pictures:
            for item in lane.items:
                stem = Path(item.plan.file).stem
                if stem and reel(item) != stem:
                    yield Loss("reel names", f"{stem} is reel {reel(item)}", item.plan.event)


def _losses_file(made: Format) -> str:
    return f"{made.file}.losses.txt"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
