"""`v2a evaluate`: does the sound begin when the picture says so?"""

import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from v2a.errors import UsageError
from v2a.extras import require

evaluate = typer.Typer(help="Measure a model.", no_args_is_help=True)


@evaluate.callback()
def _group() -> None:
    """Measure a model."""


@evaluate.command()
def sync(
    film: Annotated[Path, typer.Argument(help="A film whose impacts are known.")],
    impacts: Annotated[Path, typer.Option(help="JSON with a list `shots` of {start_s, end_s, impacts_s}.")],
    model: Annotated[str, typer.Option(help="The model to measure.")] = "pocket",
    quality: Annotated[str, typer.Option(help="preview, standard or best.")] = "standard",
    seeds: Annotated[int, typer.Option(min=1, help="Soundtracks a measurement, with seeds 0, 1, …")] = 3,
    shift: Annotated[float, typer.Option(help="Seconds the film is shifted by for comparison.")] = 0.5,
    tolerance: Annotated[float, typer.Option(help="Seconds an onset may be off.")] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")] = False,
) -> None:
    """Onset F1 of generated sound against the true times, for the film, for the film shifted, and by cues."""
    require("server", "torch")
    import v2a
    from v2a.evaluate.sync import measure_sync, read_shots
    from v2a.request import QUALITIES

    if quality not in QUALITIES:
        raise UsageError(f"unknown quality '{quality}': choose from {', '.join(QUALITIES)}")
    rows = measure_sync(
        v2a.load_model(model),
        film,
        read_shots(impacts),
        quality=quality,
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
