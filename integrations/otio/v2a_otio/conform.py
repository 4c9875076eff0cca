"""The recipe: a timeline and some words in; the same timeline with sound, a preview and a report out."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from v2a.errors import MediaError, NotFoundError, StorageError, UsageError
from v2a.media import probe
from v2a.output import storage_error
from v2a.version import __version__
from v2a_api.v1 import models_pb2
from v2a_otio import marker_lists, page, report, sheet
from v2a_otio.batch import Batch, asked, expected_pace, tell_nobody
from v2a_otio.events import Cut, read_cut
from v2a_otio.exports import Master, files_of, write_exports
from v2a_otio.folder import owned
from v2a_otio.making import AUDIO, Maker, Watch, before
from v2a_otio.media import Library, developed
from v2a_otio.memory import Memory
from v2a_otio.plan import Options, Plan, make_plans
from v2a_otio.preview import make_preview, preview_name
from v2a_otio.reading import read
from v2a_otio.report import Document, Outcome, Whole
from v2a_otio.stems import write_stems
from v2a_otio.tracks import PlacedFile, moved, write_timeline
from v2a_plugin.outputs import check_outputs
from v2a_plugin.progress import Tell
from v2a_plugin.prompt_table import read_prompts
from v2a_plugin.timeline import parse_time
from v2a_plugin.words import layer_name

_TIMELINE = "timeline.otio"
WORK = ".work"  # films made of image sequences


@dataclass(frozen=True)
class Prepared:
    """A timeline, read and planned; nothing has been made or written yet.

    media_folder: where its relative addresses are counted from.
    """

    timeline: otio.schema.Timeline
    path: Path
    media_folder: Path
    cut: Cut
    plans: tuple[Plan, ...]
    options: Options
    warnings: tuple[str, ...]


def prepare(path: Path, options: Options) -> Prepared:
    """Read a timeline and plan its events.

    Raises MediaError for a timeline or picture that cannot be used, UsageError for words that no request may
    hold and for media roots that are no folders.
    """
    for root in options.media_roots:
        if not os.path.isdir(root):  # noqa: PTH112 - takes folders that are closed, too
            raise UsageError(f"--media-root {root} is no folder that can be read")
    table = read_prompts(options.prompts) if options.prompts else None
    if options.picture:
        probe(options.picture)
    reading = read(path, options.edl_rate)
    cut = read_cut(reading.timeline)
    library = Library(
        reading.folder,
        options.media_roots,
        options.source_rate,
        dict(options.source_rates),
        rate=cut.rate,
        bundle=reading.bundle,
    )
    plans, unused = make_plans(cut, options, library, table, _handle(options, cut))
    warnings = (*reading.warnings, *unused)
    if not plans:
        warnings += ("the timeline has no picture clips: there is nothing to make sound for",)
    return Prepared(reading.timeline, path, reading.folder, cut, tuple(plans), options, warnings)


def _developed(plans: Sequence[Plan], folder: Path, *, make: bool) -> tuple[Plan, ...]:
    """Plans whose image sequences have become films; those that cannot say why."""
    return tuple(_film_made(plan, folder / WORK, make=make) for plan in plans)


def _film_made(plan: Plan, folder: Path, *, make: bool) -> Plan:
    if not plan.wanted or plan.film is None or plan.coverage is None:
        return plan
    try:
        film, coverage = developed(plan.film, plan.coverage, folder, make=make)
    except MediaError as error:
        return replace(plan, film=None, coverage=None, problem=str(error))
    return replace(plan, film=film, coverage=coverage)


def _handle(options: Options, cut: Cut) -> Fraction:
    """The handles asked for, to the next whole frame of the timeline."""
    return math.ceil(parse_time(options.handles, cut.rate) * cut.rate) / cut.rate


def outline(prepared: Prepared, folder: Path | None = None) -> Document:
    """The report of a run that has not begun: what would be made, and what a folder holds already.

    What is there already can be told where the folder's report says which model made it.
    """
    whole = Whole(prepared.cut, prepared.path, prepared.options, model=None, warnings=prepared.warnings)
    outcomes = [before(plan) for plan in prepared.plans]
    memory = Memory(folder) if folder else None
    if memory and folder and (model := report.model_of(memory.report, prepared.options.model)):
        whole = replace(whole, model=model)
        outcomes = asked(_developed(prepared.plans, folder, make=False), whole, memory, folder)
    return report.document(whole, outcomes) | {"estimate": _estimate(outcomes, whole, memory)}


def _estimate(outcomes: Sequence[Outcome], whole: Whole, memory: Memory | None) -> Document | None:
    """How long a run would take; None where nobody knows."""
    pace = expected_pace(whole, memory)
    sound_s = sum((outcome.plan.sound_s for outcome in outcomes if outcome.status == "pending"), Fraction(0))
    return {"seconds": round(pace.seconds_for(sound_s), 1), "source": pace.source} if pace else None


def conform(prepared: Prepared, folder: Path, maker: Maker, watch: Watch, tell: Tell = tell_nobody) -> Document:
    """Make what an earlier run has not; write timeline, preview and report into a folder; return the report.

    An event that cannot be made is reported, and the others go on. watch: listens to each event's job; tell: is told
    how far the whole is.

    Raises UnavailableError, BusyError or StorageError where nothing can go on (BusyError also where another run
    writes into the folder): finished events are kept, and the next run goes on from there.
    """
    model = maker.model(prepared.options.model)
    _refuse_layers(prepared.plans, model)
    _open_folder(folder, prepared)
    with owned(folder):
        memory = Memory(folder)
        whole = Whole(
            prepared.cut,
            prepared.path,
            prepared.options,
            model,
            prepared.warnings,
            preview=memory.report.get("preview"),
        )
        plans = _developed(prepared.plans, folder, make=True)
        batch = Batch(whole, asked(plans, whole, memory, folder), memory, folder)
        batch.run(maker, watch, tell)
        files = [file for outcome in batch.outcomes for file in _placed(outcome, model)]
        own = moved(prepared.timeline, prepared.media_folder, folder)
        write_timeline(own, files, prepared.cut.origin_s, _facts(model), folder / _TIMELINE)
        exported, failure = _exported(prepared, own, files, folder)
        stems = _stems(prepared, files, folder)
        whole = replace(whole, output=_TIMELINE, exports=exported, stems=stems)
        batch.whole = _with_preview(whole, batch.outcomes, files, folder)
        made = batch.document()
        memory.save(made)
        sheet.write(folder / sheet.FILE, made)
        marker_lists.write(folder, made)
        page.write(folder / page.FILE, made, folder)
        if failure is not None:
            raise failure
    return made


def _exported(
    prepared: Prepared, own: otio.schema.Timeline, files: Sequence[PlacedFile], folder: Path
) -> tuple[tuple[Document, ...], StorageError | None]:
    """Write the exports asked for. One that cannot be kept fails the run, once all else is written."""
    master = Master(own, prepared.cut, prepared.plans, files, folder)
    made: list[Document] = []
    failure: StorageError | None = None
    for name in prepared.options.write:
        try:
            made += [export.document() for export in write_exports([name], master)]
        except StorageError as error:
            failure = failure or error
    return tuple(made), failure


def _stems(prepared: Prepared, files: Sequence[PlacedFile], folder: Path) -> tuple[Document, ...]:
    if not prepared.options.stems:
        return ()
    stems = write_stems(prepared.plans, files, prepared.cut.origin_s, folder)
    return tuple(report.stem_document(stem, prepared.cut) for stem in stems)


def _refuse_layers(plans: Sequence[Plan], model: models_pb2.Model) -> None:
    """Words for layers that the model does not make spoil the run, not an event: say so before any work."""
    for plan in plans:
        for layer in plan.layers:
            if layer.name not in model.layers:
                raise UsageError(
                    f"event {plan.event.number} ({plan.event.name}) asks for {layer.name}, which model "
                    f"'{model.name}' does not make: choose from {', '.join(model.layers)}"
                )


def _open_folder(folder: Path, prepared: Prepared) -> None:
    """Make the output folder, and see that it takes files, and they no input's place, before any time is spent."""
    try:
        (folder / AUDIO).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    picture = prepared.options.picture
    exports = files_of(prepared.options.write)
    names = (
        _TIMELINE,
        report.FILE,
        page.FILE,
        sheet.FILE,
        *marker_lists.FILES,
        preview_name(picture),
        f"{AUDIO}/001.wav",
        *exports,
    )
    check_outputs([folder / name for name in names], [prepared.path, *([picture] if picture else [])])


def _placed(outcome: Outcome, model: models_pb2.Model) -> Iterator[PlacedFile]:
    """A finished event's files with their provenance."""
    plan = outcome.plan
    layers = {layer.name: layer for layer in plan.layers}
    if plan.coverage is None:
        return
    for sound in outcome.sounds:
        layer = layers[layer_name(sound.layer)]
        facts = {
            **_facts(model),
            "event": plan.event.number,
            "layer": sound.layer,
            "take": sound.take,
            "prompt": layer.prompt,
            "negative_prompt": layer.negative_prompt,
            "cues": [{"time_s": str(cue.time_s), "strength": cue.strength} for cue in sound.cues],
            "cues_seen": sound.cues_seen,
            "seed": plan.sampling.seed,
            "quality": plan.sampling.quality,
            "request_id": outcome.request_id,
            "sha256": sound.sha256,
        }
        yield PlacedFile(
            path=Path(sound.file),
            name=plan.event.name,
            layer=sound.layer,
            take=sound.take - 1,
            coverage=plan.coverage,
            opening=plan.event.opening,
            closing=plan.event.closing,
            facts=facts,
        )


def _facts(model: models_pb2.Model) -> dict[str, Any]:
    return {
        "synthetic": True,
        "software": f"v2a-studio {__version__}",
        "model": model.name,
        "model_digest": model.digest,
        "licence": model.licence,
    }


def _with_preview(whole: Whole, outcomes: Sequence[Outcome], files: Sequence[PlacedFile], folder: Path) -> Whole:
    """Make the preview. One that cannot be made is reported: sounds and timeline are there all the same."""
    if not files or not whole.options.preview:
        return replace(whole, preview=None)
    shown = [outcome.plan for outcome in outcomes if outcome.status != "failed"]
    try:
        preview = make_preview(whole.cut, shown, files, whole.options.picture, folder, whole.preview or {})
    except (MediaError, NotFoundError, UsageError) as error:
        return replace(whole, preview=None, warnings=(*whole.warnings, f"there is no preview: {error}"))
    return replace(whole, preview={**asdict(preview), "warnings": list(preview.warnings)})
