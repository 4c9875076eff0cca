"""A small drawing board: antialiased, shaded shapes on a plane of light.

Shapes are signed distances (negative inside, in pixels), so an edge is exact to a fraction of a pixel and a
shape knows its own surface: `Canvas.solid` inflates it into a relief and lights it.
Coordinates are pixels of the visible frame, x to the right and y down; the canvas reaches `MARGIN` further
on each side, room for the gate weave. Light is linear, 0 (none) … 1 (white) and above.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.floating[Any]]
Point = tuple[float, float]
Tone = float | Callable[[Plane, Plane], Plane]

WIDTH, HEIGHT = 320, 240
MARGIN = 8
_LIGHT = np.array([-0.45, -0.65, 0.61])


@dataclass(frozen=True)
class Shape:
    """A distance in pixels, negative inside, and the box (x0, y0, x1, y1) that holds the inside."""

    distance: Callable[[Plane, Plane], Plane]
    box: tuple[float, float, float, float]


def disc(centre: Point, radius: float) -> Shape:
    """A circle's inside."""
    cx, cy = centre
    return Shape(
        lambda x, y: np.hypot(x - cx, y - cy) - radius,
        (cx - radius, cy - radius, cx + radius, cy + radius),
    )


def ring(centre: Point, radius: float, thickness: float) -> Shape:
    """A circle's line."""
    cx, cy = centre
    reach = radius + thickness / 2
    return Shape(
        lambda x, y: np.abs(np.hypot(x - cx, y - cy) - radius) - thickness / 2,
        (cx - reach, cy - reach, cx + reach, cy + reach),
    )


def ellipse(centre: Point, rx: float, ry: float) -> Shape:
    """An upright ellipse (the distance is close to true near its edge)."""
    cx, cy = centre

    def distance(x: Plane, y: Plane) -> Plane:
        reach = np.hypot((x - cx) / rx, (y - cy) / ry)
        slope = np.hypot((x - cx) / rx**2, (y - cy) / ry**2)
        off: Plane = reach * (reach - 1) / np.maximum(slope, 1e-6)
        return off

    return Shape(distance, (cx - rx, cy - ry, cx + rx, cy + ry))


def limb(a: Point, b: Point, ra: float, rb: float | None = None) -> Shape:
    """A round-ended bar from a to b, tapering from radius ra to rb."""
    rb = ra if rb is None else rb
    (ax, ay), (bx, by) = a, b
    dx, dy = bx - ax, by - ay
    length2 = max(dx * dx + dy * dy, 1e-9)
    r = max(ra, rb)

    def distance(x: Plane, y: Plane) -> Plane:
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / length2, 0, 1)
        return np.hypot(x - ax - along * dx, y - ay - along * dy) - (ra + (rb - ra) * along)

    return Shape(distance, (min(ax, bx) - r, min(ay, by) - r, max(ax, bx) + r, max(ay, by) + r))


def polygon(points: Sequence[Point], rounding: float = 0.0) -> Shape:
    """The inside of a simple polygon, its corners rounded outwards by a radius."""
    edges = list(zip(points, [*points[1:], points[0]], strict=True))

    def distance(x: Plane, y: Plane) -> Plane:
        nearest2 = np.full(np.broadcast_shapes(x.shape, y.shape), np.inf, np.float32)
        inside = np.zeros(nearest2.shape, bool)
        for (ax, ay), (bx, by) in edges:
            ex, ey, wx, wy = bx - ax, by - ay, x - ax, y - ay
            along = np.clip((wx * ex + wy * ey) / max(ex * ex + ey * ey, 1e-9), 0, 1)
            nearest2 = np.minimum(nearest2, (wx - along * ex) ** 2 + (wy - along * ey) ** 2)
            crosses = (y >= min(ay, by)) & (y < max(ay, by)) & ((ex * wy > ey * wx) == (by > ay))
            inside ^= crosses
        return np.where(inside, -1, 1) * np.sqrt(nearest2) - rounding

    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return Shape(distance, (min(xs) - rounding, min(ys) - rounding, max(xs) + rounding, max(ys) + rounding))


def block(centre: Point, width: float, height: float, angle: float = 0.0, rounding: float = 0.0) -> Shape:
    """A rectangle turned clockwise by an angle in radians."""
    w, h = width / 2 - rounding, height / 2 - rounding
    corners = [(-w, -h), (w, -h), (w, h), (-w, h)]
    return polygon([turned(corner, angle, centre) for corner in corners], rounding)


def turned(point: Point, angle: float, about: Point = (0.0, 0.0)) -> Point:
    """A point given relative to `about`, turned clockwise (y points down), in frame coordinates."""
    c, s = math.cos(angle), math.sin(angle)
    return about[0] + point[0] * c - point[1] * s, about[1] + point[0] * s + point[1] * c


class Canvas:
    """A plane of linear light (HEIGHT + 2·MARGIN, WIDTH + 2·MARGIN) that shapes are laid on."""

    def __init__(self, light: Plane | None = None) -> None:
        shape = (HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
        self.light: Plane = np.zeros(shape, np.float32) if light is None else light.copy()
        self._y, self._x = (axis.astype(np.float32) - MARGIN + 0.5 for axis in np.ogrid[: shape[0], : shape[1]])

    def wash(self, tone: Callable[[Plane, Plane], Plane]) -> None:
        """Replace everything by tone(x, y)."""
        self.light = np.broadcast_to(tone(self._x, self._y), self.light.shape).astype(np.float32)

    def fill(self, shape: Shape, tone: Tone, opacity: float = 1.0, softness: float = 1.0) -> None:
        """Lay a flat shape. softness: width of its edge in pixels (1: sharp, more: smoke, shadow)."""
        window = self._window(shape, softness)
        if window is None:
            return
        x, y = self._x[:, window[1]], self._y[window[0]]
        cover = opacity * _smooth(0.5 - shape.distance(x, y) / softness)
        colour = tone if isinstance(tone, float) else tone(x, y)
        self.light[window] += cover * (colour - self.light[window])

    def glow(self, centre: Point, radius: float, strength: float) -> None:
        """Add light that falls off softly from a centre; radius is where 14 % is left."""
        window = self._window(disc(centre, radius * 2), 1)
        if window is not None:
            x, y = self._x[:, window[1]], self._y[window[0]]
            self.light[window] += strength * np.exp(-2 * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / radius**2)

    def solid(self, shape: Shape, tone: float, roundness: float = 4.0, gloss: float = 0.0) -> None:
        """Lay a shape as a relief lit from the upper left. roundness: how far its edge bends, in pixels."""
        window = self._window(shape, 1)
        if window is None:
            return
        distance = shape.distance(self._x[:, window[1]], self._y[window[0]])
        if min(distance.shape) < 2:
            return
        down, right = np.gradient(distance)
        bend = np.clip(1 + distance / roundness, 0, 1)
        facing = np.sqrt(1 - bend**2)
        lit = np.clip(right * bend * _LIGHT[0] + down * bend * _LIGHT[1] + facing * _LIGHT[2], 0, 1)
        colour = tone * (0.3 + 1.15 * lit) + gloss * lit**12
        cover = _smooth(0.5 - distance)
        self.light[window] += cover * (colour - self.light[window])

    def _window(self, shape: Shape, softness: float) -> tuple[slice, slice] | None:
        x0, y0, x1, y1 = shape.box
        pad = MARGIN - softness, MARGIN + softness + 1
        height, width = self.light.shape
        rows = slice(max(0, int(y0 + pad[0])), min(height, int(y1 + pad[1]) + 1))
        columns = slice(max(0, int(x0 + pad[0])), min(width, int(x1 + pad[1]) + 1))
        return None if rows.start >= rows.stop or columns.start >= columns.stop else (rows, columns)


def _smooth(cover: Plane) -> Plane:
    cover = np.clip(cover, 0, 1)
    return cover * cover * (3 - 2 * cover)


def clouds(seed: int, scale: float, octaves: int = 4) -> Callable[[Plane, Plane], Plane]:
    """Smooth noise about 0, standard deviation near 0.3, whose largest features measure `scale` pixels."""
    lattices = [np.random.default_rng([seed, octave]).uniform(-1, 1, (64, 64)) for octave in range(octaves)]

    def noise(x: Plane, y: Plane) -> Plane:
        total = np.zeros(np.broadcast_shapes(x.shape, y.shape))
        for octave, lattice in enumerate(lattices):
            u, v = np.broadcast_arrays(x / scale * 2**octave + 31, y / scale * 2**octave + 31)
            i, j = np.floor(u).astype(int), np.floor(v).astype(int)
            a, b = _smooth(u - i), _smooth(v - j)
            top = lattice[j % 64, i % 64] * (1 - a) + lattice[j % 64, (i + 1) % 64] * a
            low = lattice[(j + 1) % 64, i % 64] * (1 - a) + lattice[(j + 1) % 64, (i + 1) % 64] * a
            total += (top * (1 - b) + low * b) / 2**octave
        return total.astype(np.float32)

    return noise


def ease(x: float) -> float:
    """0 … 1 with a soft start and stop; clamped outside."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
