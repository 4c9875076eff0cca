"""Requests refuse what cannot be served, and count samples by rounded boundaries."""

from fractions import Fraction as F
from itertools import pairwise

import pytest

from v2a.errors import UsageError
from v2a.request import Clip, Cue, Delivery, Layer, Piece, Request, Sampling

DIGEST = "0" * 64


def clip(start: F, end: F) -> Clip:
    return Clip(DIGEST, (Piece(start, end, start, end),))


@pytest.mark.parametrize("rate", [F(16), F(18), F(24), F(24_000, 1001), F(25), F(30_000, 1001)])
def test_neighbouring_clips_meet_to_the_sample(rate: F) -> None:
    edges = [F(frame) / rate for frame in (0, 7, 24, 101, 102, 1001)]
    lengths = [clip(a, b).n_samples(48_000) for a, b in pairwise(edges)]
    assert sum(lengths) == clip(edges[0], edges[-1]).n_samples(48_000)


def test_a_piece_maps_presented_to_source_time() -> None:
    backwards = Piece(F(4), F(2), F(10), F(11))
    assert backwards.source_at(F(10)) == 4
    assert backwards.source_at(F(21, 2)) == 3
    held = Piece(F(5), F(5), F(0), F(2))
    assert held.source_at(F(1)) == 5
    two = Clip(DIGEST, (Piece(F(0), F(1), F(0), F(2)), Piece(F(8), F(9), F(2), F(3))))
    assert [two.source_at(t) for t in (F(-1), F(1), F(2), F(5, 2), F(9))] == [0, F(1, 2), 8, F(17, 2), 9]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: clip(F(3), F(3)), "empty"),
        (lambda: Clip(DIGEST, ()), "at least one piece"),
        (lambda: Clip("no", (Piece(F(0), F(1), F(0), F(1)),)), "hex"),
        (lambda: Clip(DIGEST, (Piece(F(0), F(1), F(0), F(1)), Piece(F(1), F(2), F(2), F(3)))), "gaps"),
        (lambda: clip(F(0), F(7201)), "2 hours"),
        (lambda: Layer(name="drums"), "unknown layer 'drums': choose from mix"),  # type: ignore[arg-type]
        (lambda: Layer(prompt="x" * 60_000), "60,000 characters"),
        (lambda: Cue(F(1), 0.0), "strength"),
        (lambda: Sampling(takes=0), "between 1 and 16"),
        (lambda: Sampling(seed=-1), "seed"),
        (lambda: Sampling(steps=1000), "steps"),
        (lambda: Delivery(rate_hz=22_050), "48000"),
        (lambda: Request(clip(F(0), F(1)), "m", DIGEST, layers=(Layer(), Layer())), "named twice: mix"),
        (lambda: Request(clip(F(0), F(1)), "m", DIGEST, layers=()), "1 to 8 layers"),
    ],
)
def test_what_is_wrong_is_said(make, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=says):
        make()
