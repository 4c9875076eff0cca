"""The guide's table of what fine-tuning needs."""

from pathlib import Path

from benchmarks.mmaudio.training_memory import rows

GUIDE = Path(__file__).parents[3] / "docs" / "training-mmaudio.md"


def test_the_guide_says_what_is_computed() -> None:
    text = GUIDE.read_text()
    for row in rows(["mmaudio-small-16k"]):
        assert row in text
