"""Which picture a strip shows when: the rules against what Blender showed of films whose frames carry their number."""

from dataclasses import dataclass, field
from fractions import Fraction as F
from itertools import pairwise
from typing import Any

import pytest

from v2a_blender.timing import (
    FLOOR,
    NEAREST_DOWN,
    NEAREST_UP,
    StripFacts,
    UncertainError,
    exact_rate,
    map_strip,
)


@dataclass(frozen=True)
class Measured:
    """What a Blender said of a strip, and the pictures that it showed from frame `at` of the timeline on."""

    name: str
    rounding: str
    at: int
    shown: tuple[int, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def strip(self) -> StripFacts:
        """A film of 120 frames at 24 frames a second from frame 1 on, where nothing else is said."""
        said: dict[str, Any] = {
            "kind": "MOVIE",
            "start": 1,
            "end": 121,
            "content_start": F(1),
            "content_end": F(121),
            "film_rate": F(24),
            "n_media": 120,
        }
        return StripFacts(name=self.name, channel=1, **{**said, **self.facts})


def images(n: int) -> tuple[str, ...]:
    return tuple(f"/shot/{number:04d}.png" for number in range(n))


SLOW_12 = {"film_rate": F(12), "end": 241, "content_end": F(241)}
FAST_25 = {"film_rate": F(25), "end": 116, "content_end": F(116)}
TWICE_TRIMMED = {"keys": (F(1), F(61)), "start": 11, "end": 52, "content_end": F(62)}

# All in an edit of 24 frames a second. Where several versions are named, they showed the same.
MEASURED = [
    Measured("as it is, 3.4 to 5.2", FLOOR, 1, tuple(range(14))),
    Measured("trimmed, 3.4 to 5.2", NEAREST_UP, 21, tuple(range(20, 35)), {"start": 21, "end": 36}),
    Measured(
        "trimmed for good, 3.4 to 5.0; 5.2 where it was moved back",
        NEAREST_UP,
        1,
        tuple(range(10, 25)),
        {"trim": (10, 95), "end": 16, "content_end": F(16)},
    ),
    Measured(
        "trimmed for good, 5.2, which moves the content along",
        NEAREST_DOWN,
        11,
        tuple(range(10, 25)),
        {"trim": (10, 95), "start": 11, "end": 26, "content_start": F(11), "content_end": F(26)},
    ),
    Measured(
        "pulled out before its content, 3.4 to 5.2",
        NEAREST_UP,
        1,
        (*([0] * 10), *range(10)),
        {"start": 1, "end": 21, "content_start": F(11), "content_end": F(131)},
    ),
    Measured("backwards, 3.4 to 5.2", NEAREST_UP, 1, tuple(range(119, 99, -1)), {"reversed": True}),
    Measured(
        "backwards and trimmed, 3.4 to 5.2",
        NEAREST_UP,
        6,
        tuple(range(114, 94, -1)),
        {"reversed": True, "start": 6, "end": 26},
    ),
    Measured(
        "backwards and trimmed for good, 3.4 to 5.0",
        NEAREST_UP,
        1,
        tuple(range(99, 79, -1)),
        {"reversed": True, "trim": (10, 20), "end": 91, "content_end": F(91)},
    ),
    Measured("12 fps, frame by frame, 3.4 to 5.2", NEAREST_UP, 1, tuple(range(40)), {"film_rate": F(12)}),
    Measured("12 fps at its own rate, 3.4", FLOOR, 1, (0, 0, 1, 1, 2, 2, 3, 3), SLOW_12),
    Measured("12 fps at its own rate, 4.2 to 4.5", NEAREST_UP, 1, (0, 1, 1, 2, 2, 3, 3, 4), SLOW_12),
    Measured("12 fps at its own rate, 5.0 and 5.2", NEAREST_DOWN, 1, (0, 0, 1, 1, 2, 2, 3, 3), SLOW_12),
    Measured(
        "12 fps at its own rate, trimmed for good, 4.5",
        NEAREST_UP,
        1,
        (10, 11, 11, 12, 12, 13),
        {**SLOW_12, "trim": (10, 0), "end": 221, "content_end": F(221)},
    ),
    Measured("12 fps at its own rate, backwards, 3.4", FLOOR, 1, (119, 119, 118, 118), {**SLOW_12, "reversed": True}),
    Measured("25 fps at its own rate, 3.4", FLOOR, 21, (20, 21, 22, 23, 25, 26), FAST_25),
    Measured("25 fps at its own rate, 4.2 and 4.5", NEAREST_UP, 10, (9, 10, 11, 13, 14, 15), FAST_25),
    Measured(
        "48 fps at its own rate, pulled out, 3.4 to 5.2 but 4.2",
        NEAREST_UP,
        4,
        (0, 0, 0, 0, 0, 0, 2, 4, 6),
        {"film_rate": F(48), "start": 4, "end": 69, "content_start": F(9), "content_end": F(69)},
    ),
    Measured("speed factor 2, 3.4", FLOOR, 1, (0, 2, 4, 6), {"speed": F(2), "end": 61, "content_end": F(61)}),
    Measured(
        "speed factor 1.3, trimmed, 3.4",
        FLOOR,
        11,
        (13, 14, 15, 16, 18, 19, 20, 22),
        {"speed": F(13, 10), "start": 11, "end": 73, "content_end": F(93)},
    ),
    Measured("two keys, twice as fast, trimmed, 4.3 and 4.5", NEAREST_UP, 11, (20, 22, 24, 26), TWICE_TRIMMED),
    Measured(
        "two keys, twice as fast, trimmed, 5.0 and 5.2",
        NEAREST_DOWN,
        11,
        (20, 22, 24, 26),
        {**TWICE_TRIMMED, "end": 51, "content_end": F(61)},
    ),
    Measured(
        "two keys, half as fast, 4.5",
        NEAREST_UP,
        1,
        (0, 1, 1, 2, 2, 3),
        {"keys": (F(1), F(239)), "end": 240, "content_end": F(240)},
    ),
    Measured(
        "two keys, half as fast, 5.0 and 5.2",
        NEAREST_DOWN,
        1,
        (0, 0, 1, 1, 2, 2),
        {"keys": (F(1), F(241)), "end": 241, "content_end": F(241)},
    ),
    Measured(
        "images, pulled out on both sides, 3.4 to 5.2",
        NEAREST_UP,
        1,
        (*([0] * 5), *range(30), *([29] * 8)),
        {"kind": "IMAGE", "images": images(30), "end": 44, "content_start": F(6), "content_end": F(36)},
    ),
    Measured(
        "images, backwards and trimmed for good, 3.4 to 5.0",
        NEAREST_UP,
        1,
        tuple(range(29, 6, -1)),
        {"kind": "IMAGE", "images": images(30), "trim": (7, 0), "reversed": True, "end": 24, "content_end": F(24)},
    ),
]


@pytest.mark.parametrize("measured", MEASURED, ids=lambda measured: measured.name)
def test_what_is_said_to_be_shown_is_what_blender_showed(measured: Measured) -> None:
    strip, rate = measured.strip(), F(24)
    clock = strip.film_rate if strip.kind == "MOVIE" else rate
    mapping = map_strip(strip, rate, measured.rounding)
    for frame, shown in enumerate(measured.shown, measured.at):
        middle = (frame + F(1, 2)) / rate
        (piece,) = [piece for piece in mapping.pieces if piece.presented[0] <= middle < piece.presented[1]]
        start, end = piece.source
        if start == end:
            assert start == shown / clock
            continue
        share = (middle - piece.presented[0]) / (piece.presented[1] - piece.presented[0])
        said = (start + (end - start) * share) * clock - F(1, 2)
        speed = abs(end - start) * clock / (piece.presented[1] - piece.presented[0]) / rate
        if speed == 1:
            assert said == shown
        else:  # by less than a picture, or a frame of the timeline: a straight line cannot follow the rounding
            assert abs(said - shown) < max(F(1), speed)


def test_slow_motion_is_met_in_the_middle_and_exactly_so_at_half_speed() -> None:
    """Blender 4.x shows each picture of a film of half the rate a frame earlier than 3.4 and 5.x do."""
    early = map_strip(Measured("", NEAREST_UP, 1, (), SLOW_12).strip(), F(24), NEAREST_UP)
    for rounding in (FLOOR, NEAREST_DOWN):
        late = map_strip(Measured("", rounding, 1, (), SLOW_12).strip(), F(24), rounding)
        assert late.pieces[0].source == (F(0), F(10))
        assert early.pieces[0].source[0] - late.pieces[0].source[0] == F(1, 24)


def test_pieces_cover_what_is_seen_without_gaps() -> None:
    for measured in MEASURED:
        strip = measured.strip()
        pieces = map_strip(strip, F(24), measured.rounding).pieces
        assert pieces[0].presented[0] == F(strip.start, 24)
        assert pieces[-1].presented[1] == F(strip.end, 24)
        assert all(a.presented[1] == b.presented[0] for a, b in pairwise(pieces))
        assert all(min(piece.source) >= 0 for piece in pieces)


def test_handles_reach_the_hidden_content_and_end_where_a_picture_is_held() -> None:
    trimmed = Measured("", NEAREST_UP, 1, (), {"start": 21, "end": 36}).strip()
    assert map_strip(trimmed, F(24), NEAREST_UP).available == (F(1, 24), F(121, 24))
    pulled = Measured("", NEAREST_UP, 1, (), {"start": 1, "end": 60, "content_start": F(11), "content_end": F(131)})
    assert map_strip(pulled.strip(), F(24), NEAREST_UP).available == (F(1, 24), F(131, 24))


def test_a_single_picture_is_held_all_the_time() -> None:
    still = Measured("", NEAREST_UP, 1, (), {"kind": "IMAGE", "images": images(1), "end": 22, "content_end": F(2)})
    (piece,) = map_strip(still.strip(), F(24), NEAREST_UP).pieces
    assert piece.source == (F(0), F(0))
    assert piece.presented == (F(1, 24), F(22, 24))


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"keys": (F(1), F(10), F(120))}, "speed changes"),
        ({"keys": (F(4), F(120))}, "speed changes"),
        ({**SLOW_12, "keys": (F(1), F(240))}, "another rate"),
        ({"film_rate": F(0)}, "frame rate"),
        ({"film_rate": F(12), "end": 200, "content_end": F(200)}, "could not be read"),
        ({"film_rate": F(12), "n_media": 0}, "could not be read"),
    ],
)
def test_what_is_not_certain_is_not_said(facts: dict[str, Any], reason: str) -> None:
    with pytest.raises(UncertainError, match=reason):
        map_strip(Measured("", NEAREST_UP, 1, (), facts).strip(), F(24), NEAREST_UP)


@pytest.mark.parametrize(
    ("said", "base", "meant"),
    [
        (24, 1.0, F(24)),
        (24, 1.0010000467300415, F(24000, 1001)),
        (30, 1.0010000467300415, F(30000, 1001)),
        (60, 1.001, F(60000, 1001)),
        (23.976024627685547, 1.0, F(24000, 1001)),
        (29.970029830932617, 1.0, F(30000, 1001)),
        (12.5, 1.0, F(25, 2)),
        (18, 1.0, F(18)),
        (200, 11.0, F(200, 11)),
        (2997, 100.0, F(2997, 100)),
    ],
)
def test_the_rate_that_a_rounded_number_stands_for(said: float, base: float, meant: F) -> None:
    assert exact_rate(said, base) == meant
