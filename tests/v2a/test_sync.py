"""It hears pixels: the sound follows the picture, and cues, on the demo film."""

from fractions import Fraction
from pathlib import Path

import pytest

import v2a
from v2a.evaluate.sync import Row, measure_sync, read_shots

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    measured = measure_sync(
        v2a.load_model("pocket", "cpu"),
        EXAMPLES / "reel.mp4",
        read_shots(EXAMPLES / "impacts.json"),
        quality="preview",
        seeds=[0],
        shift_s=Fraction(1, 2),
        tolerance_s=0.1,
    )
    return {row.condition: row for row in measured if row.shot == "all"}


def test_the_true_film_scores_clearly_higher_than_the_shifted_one(rows: dict[str, Row]) -> None:
    assert rows["pixels"].score.f1 > rows["shifted 0.5 s"].score.f1 + 0.15, rows


def test_each_take_fits_its_own_cues_better(rows: dict[str, Row]) -> None:
    assert rows["cues A against A"].score.f1 > rows["cues A against B"].score.f1 + 0.15, rows
    assert rows["cues B against B"].score.f1 > rows["cues B against A"].score.f1 + 0.15, rows
