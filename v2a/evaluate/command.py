"""`v2a evaluate`: does the sound begin when the picture says so, is it what the words say, and is it sound?"""

import json
import logging
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from rich.table import Table

from v2a.errors import NotFoundError, UsageError
from v2a.extras import require

if TYPE_CHECKING:
    from v2a.evaluate.report import Counts
    from v2a.evaluate.results import Result
    from v2a.models.base import Model
    from v2a.request import LayerName, Quality
    from v2a.train.recordings import SoundBank

evaluate = typer.Typer(help="Measure a model.", no_args_is_help=True)

ModelName = Annotated[str, typer.Option("--model", help="The model to measure.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
QualityName = Annotated[str, typer.Option("--quality", help="preview, standard or best.")]
Seeds = Annotated[int, typer.Option(min=1, help="Soundtracks a measurement, with seeds 0, 1, …")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for report.json, results.csv, report.md and plots.")]
Work = Annotated[Path, typer.Option("--data", help="A work folder of `v2a train`, for its cut recordings.")]


@evaluate.callback()
def _group() -> None:
    """Measure a model."""


@evaluate.command()
def sync(
    film: Annotated[Path, typer.Argument(help="A film whose impacts are known.")],
    impacts: Annotated[Path, typer.Option(help="JSON with a list `shots` of {start_s, end_s, impacts_s}.")],
    model: ModelName = "pocket",
    quality: QualityName = "standard",
    seeds: Seeds = 3,
    shift: Annotated[float, typer.Option(help="Seconds the film is shifted by for comparison.")] = 0.5,
    tolerance: Annotated[float, typer.Option(help="Seconds an onset may be off.")] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")] = False,
) -> None:
    """Onset F1 of generated sound against the true times, for the film, for the film shifted, and by cues."""
    require("server", "torch")
    import v2a
    from v2a.evaluate.sync import measure_sync, read_shots

    rows = measure_sync(
        v2a.load_model(model),
        film,
        read_shots(impacts),
        quality=_quality(quality),
        seeds=range(seeds),
        shift_s=Fraction(shift).limit_denominator(1000),
        tolerance_s=tolerance,
    )
    if as_json:
        typer.echo(json.dumps([row.as_dict() for row in rows], indent=1))
        return
    table = Table("shot", "condition", "F1", "precision", "recall", "onsets", "impacts")
    for row in rows:
        s = row.score
        table.add_row(
            row.shot, row.condition, f"{s.f1:.2f}", f"{s.precision:.2f}", f"{s.recall:.2f}",
            str(s.n_found), str(s.n_true),
        )  # fmt: skip
    Console().print(table)


@evaluate.command()
def films(
    folder: Annotated[Path, typer.Argument(help="Films with films.json, or any films with sound.")],
    out: Out,
    model: ModelName = "pocket",
    quality: QualityName = "standard",
    seeds: Seeds = 2,
    layer: Annotated[str, typer.Option(help="The layer to make.")] = "effects",
    device: Device = "auto",
) -> None:
    """Onset timing on films, beside what the eyes alone, motion peaks and random times reach."""
    loaded = _load(model, device)
    from v2a.evaluate import films as measure

    results = measure.measure_films(
        loaded,
        measure.read_films(folder),
        seeds=range(seeds),
        quality=_quality(quality),
        layer=cast("LayerName", layer),
    )
    _write(out, "Timing on films", results, measure.NOTES, loaded, quality, films=folder.name, seeds=seeds)


@evaluate.command()
def scenes(
    data: Work,
    out: Out,
    model: ModelName = "pocket",
    quality: QualityName = "standard",
    n: Annotated[int, typer.Option("-n", min=2, help="Scenes with events.")] = 60,
    silent: Annotated[int, typer.Option(min=2, help="Scenes in which things move silently.")] = 30,
    device: Device = "auto",
) -> None:
    """Onset timing on new scenes of the training renderer, and silence where nothing should sound."""
    loaded = _load(model, device)
    from v2a.evaluate import scenes as measure

    results = measure.measure_scenes(
        loaded, _bank(data, held_out=True), n_scenes=n, n_silent=silent, quality=_quality(quality)
    )
    _write(out, "Timing on new scenes", results, measure.NOTES, loaded, quality)


@evaluate.command()
def words(
    data: Work,
    out: Out,
    model: ModelName = "pocket",
    quality: QualityName = "standard",
    seeds: Seeds = 3,
    device: Device = "auto",
) -> None:
    """Whether words choose the sound, by a classifier trained on real recordings."""
    loaded = _load(model, device)
    from v2a.evaluate import words as measure

    results, counts = measure.measure_words(
        loaded, _bank(data), _bank(data, held_out=True), n_seeds=seeds, quality=_quality(quality)
    )
    _write(out, "Words", results, measure.NOTES, loaded, quality, counts, seeds=seeds)


@evaluate.command()
def sound(
    data: Work,
    out: Out,
    model: ModelName = "pocket",
    quality: QualityName = "standard",
    seeds: Seeds = 2,
    n: Annotated[int, typer.Option("-n", min=2, help="Recordings that go through the codec.")] = 40,
    long: Annotated[int, typer.Option(min=1, help="Takes of two minutes.")] = 3,
    device: Device = "auto",
) -> None:
    """Spectrum, grain, loudness, the codec's losses and the joins of long takes, against real recordings."""
    loaded = _load(model, device)
    from v2a.evaluate import sound as measure

    results = measure.measure_sound(
        loaded,
        _bank(data),
        _bank(data, held_out=True),
        n_seeds=seeds,
        n_recordings=n,
        n_long=long,
        quality=_quality(quality),
    )
    _write(out, "Sound", results, measure.NOTES, loaded, quality, seeds=seeds)


def _bank(work: Path, held_out: bool = False) -> "SoundBank":
    from v2a.train.recordings import SoundBank

    if not (work / "sounds" / "sounds.json").exists():
        raise NotFoundError(f"no cut recordings in {work / 'sounds'}: give a work folder of `v2a train`")
    return SoundBank(work / "sounds", held_out)


def _quality(name: str) -> "Quality":
    from v2a.request import QUALITIES

    if name not in QUALITIES:
        raise UsageError(f"unknown quality '{name}': choose from {', '.join(QUALITIES)}")
    return name


def _load(model: str, device: str) -> "Model":
    """The model, once all that a measurement needs is known to be there."""
    require("train", "torch", "scipy", "matplotlib")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    import v2a

    return v2a.load_model(model, device)


def _write(
    out: Path,
    title: str,
    results: "Sequence[Result]",
    notes: dict[str, str],
    model: "Model",
    quality: str,
    counts: "Sequence[Counts]" = (),
    **facts: str | int,
) -> None:
    from v2a.evaluate.report import Report, markdown, write

    about = {"model": model.card.name, "weights": model.card.digest[:12], "quality": quality, **facts}
    report = Report(title, results, notes, about, counts)
    write(report, out)
    typer.echo(markdown(report))
