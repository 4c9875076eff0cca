"""Exports: written, read back, and honest about what they lack."""

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.otio.masters import master
from tests.otio.timelines import T, clip, gap, span, timeline
from v2a_otio.exports import write_exports
from v2a_otio.exports.formats import FORMATS

RATES = [Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001)]


def cut(rate: Fraction, start_s: int = 3600) -> otio.schema.Timeline:
    """Three shots with a gap, whose edges lie on frames that floating point likes least."""
    number = float(rate)
    return timeline(
        [
            clip("door", "/films/door 1.mov", span(86400, 29, number), span(86400, 500, number)),
            gap(28, number),
            clip("street", "/films/street.mov", span(10, 56, number), span(0, 500, number)),
            clip("street", "/films/street.mov", span(201, 115, number), span(0, 500, number)),
        ],
        start=T.RationalTime(round(start_s * number), number),
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_each_format_reads_back_as_planned_at_each_rate(tmp_path: Path, name: str, rate: Fraction) -> None:
    made = master(cut(rate), tmp_path, takes=2)
    (export,) = write_exports([name], made)
    assert (tmp_path / export.file).is_file()
    assert not [loss for loss in export.losses if loss.samples], "all edges lie on frames: nothing is rounded"
    said = (tmp_path / export.losses_file).read_text()
    assert "event 001: takes: take 2 of effects is not there: 001_effects_t2.wav" in said
    assert "whole: provenance:" in said
