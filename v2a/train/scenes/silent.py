"""Motions that are seen and not heard: an eye for them keeps false events away."""

import numpy as np

from v2a.train.scenes.canvas import Canvas, Track
from v2a.train.scenes.impacts import RoomMotion
from v2a.train.scenes.motion import Events, Motion, around_events, eased, event_times, shades, smooth_walk, width_of
from v2a.train.scenes.room_figures import gesturing_figure
from v2a.train.scenes.room_tools import blows
from v2a.train.scenes.world import World, path, turned


def drifting(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Clouds, smoke or shadows that drift."""
    for _ in range(int(rng.integers(1, 5))):
        x = rng.uniform(-0.2, width_of(canvas)) + rng.uniform(-0.3, 0.3) * t
        y = rng.uniform(0.0, 0.9) + rng.uniform(-0.05, 0.05) * t
        opacity, soft = rng.uniform(0.2, 0.7), float(rng.choice([0.0, 0.4]))
        canvas.disc(x, y, rng.uniform(0.08, 0.4), rng.uniform(0.0, 0.9), opacity, 0.6, soft=soft)
    return []


def gesturing(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """An arm, head or leaf that moves smoothly and touches nothing."""
    x, y = rng.uniform(0.3, width_of(canvas) - 0.3), rng.uniform(0.5, 0.9)
    shade, other = shades(rng, canvas)
    rate, reach = rng.uniform(0.1, 1.5), rng.uniform(0.2, 0.9)
    angle = -np.pi / 2 + reach * np.sin(2 * np.pi * (rate * t + rng.uniform()))
    if rng.random() < 0.5:
        angle = -np.pi / 2 + smooth_walk(rng, t, rng.uniform(0.2, 1.0), 0.7)
    canvas.disc(x, y, 0.12, other)
    canvas.capsule(x, y, x + 0.35 * np.cos(angle), y + 0.35 * np.sin(angle), 0.035, shade)
    return []


def flying(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Birds, fish, leaves, balls thrown: they cross the picture, turn in the air or stop softly."""
    shade, other = shades(rng, canvas)
    for start in event_times(rng, float(t[-1]), 0.5, 3.0)[:6]:
        since, length = np.clip(t - start, 0, None), rng.uniform(0.4, 2.5)
        side, y0 = int(rng.choice([-1, 1])), rng.uniform(0.1, 0.8)
        style = rng.integers(3)
        if style == 0:  # across in an arc and out of the picture
            x = width_of(canvas) * (0.5 - side * (0.65 - 1.3 * since / length))
            y = y0 + rng.uniform(-1, 0.2) * since / length * (1 - since / length) + rng.uniform(-0.2, 0.2) * since
        elif style == 1:  # up, and back where it came from, beyond the lower edge
            x = rng.uniform(0.2, width_of(canvas) - 0.2) + rng.uniform(-0.1, 0.1) * since
            y = 1.2 - 4 * rng.uniform(0.4, 1.1) * since / length * (1 - since / length)
        else:  # in, to a soft stop
            x = width_of(canvas) * (0.5 + side * (0.7 - rng.uniform(0.4, 1.0) * eased(t, start, start + length)))
            y = y0 + 0 * t
        beat = 0.03 * np.sin(2 * np.pi * rng.uniform(1, 8) * t)
        size = rng.uniform(0.02, 0.09)
        seen = (t >= start).astype(np.float32)
        if rng.random() < 0.5:
            canvas.disc(x, y, size, shade, seen)
        else:
            canvas.capsule(x - size * 1.5, y + beat, x, y, size * 0.5, other, seen)
            canvas.capsule(x, y, x + size * 1.5, y + beat, size * 0.5, shade, seen)
    return []


def curtain(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A curtain or flag whose folds run."""
    left, wide = rng.uniform(-0.1, width_of(canvas) - 0.3), rng.uniform(0.3, 0.8)
    top, tall = rng.uniform(-0.1, 0.3), rng.uniform(0.3, 1.0)
    shade, _ = shades(rng, canvas)
    n, rate, depth = int(rng.integers(5, 11)), rng.uniform(0.2, 1.5), rng.uniform(0.005, 0.05)
    for k in range(n):
        wave = np.sin(2 * np.pi * (rate * t - k / n * rng.uniform(1.5, 2.0)))
        x = left + wide * (k + 0.5) / n + depth * wave
        canvas.box(x, top + tall / 2 + depth * wave, wide / n * 0.6, tall / 2, shade * (0.85 + 0.15 * wave))
    return []


def lettering(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A title that appears, stays and goes."""
    x, y, size = rng.uniform(0.1, 0.4), rng.uniform(0.15, 0.85), rng.uniform(0.02, 0.06)
    begin = rng.uniform(-1, 0.8 * t[-1])
    end, soft = begin + rng.uniform(0.5, 5), rng.choice([0.02, 0.5])
    seen = eased(t, begin, begin + soft) * (1 - eased(t, end, end + soft))
    shade = float(rng.choice([0.02, 0.98]))
    scroll = rng.choice([0.0, 0.0, rng.normal(0, 0.1)]) * t
    for _ in range(int(rng.integers(1, 3))):
        at = x
        while at < width_of(canvas) - x:
            wide = size * rng.uniform(0.2, 0.6)
            canvas.box(at + wide, y + scroll, wide, size * rng.uniform(0.6, 1.0), shade, 0.0, seen)
            at += 2 * wide + size * rng.choice([0.25, 0.25, 0.9])
        y += 3 * size
    return []


def changing(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Things that appear and vanish, and lights that go on, off or flicker."""
    shade, other = shades(rng, canvas)
    for time in event_times(rng, float(t[-1]), 0.6, 3.0)[:5]:
        x, y, size = rng.uniform(0, width_of(canvas)), rng.uniform(0, 1), rng.uniform(0.03, 0.25)
        soft = rng.choice([0.01, 0.4])
        seen = eased(t, time, time + soft)
        if rng.random() < 0.5:
            seen = 1 - seen
        if rng.random() < 0.5:
            canvas.disc(x, y, size, shade, seen)
        else:
            canvas.box(x, y, size, size * rng.uniform(0.3, 1.5), other, rng.uniform(0, 1), seen)
    if rng.random() < 0.4:
        since, _ = around_events(t, event_times(rng, float(t[-1]), 0.5, 3.0))
        canvas.flash(rng.uniform(-0.15, 0.15) * (np.floor(since * 3) % 2))
    return []


def passing_near(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A large dark shape that passes close to the camera and hides what is behind it."""
    length, at, side = rng.uniform(0.3, 3.0), rng.uniform(0, t[-1]), int(rng.choice([-1, 1]))
    half = rng.uniform(0.1, 0.5)
    part = (t - at) / length
    x = width_of(canvas) / 2 + side * part * (width_of(canvas) + 2 * half)
    canvas.box(x, rng.uniform(0.3, 0.8), half, 0.6, rng.uniform(0.0, 0.5), rng.normal(0, 0.2))
    return []


def rolling(rng: np.random.Generator, world: World) -> Events:
    """Balls that roll, and leave the picture or come to rest."""
    t = world.t
    for _ in range(int(rng.integers(1, 4))):
        radius, start, speed = rng.uniform(0.04, 0.15), rng.uniform(-1, 0.6 * t[-1]), rng.uniform(0.15, 1.0)
        slows, side = rng.uniform(1.0, 6.0), int(rng.choice([-1, 1]))
        since = np.clip(t - start, 0, slows)
        gone = speed * (since - since**2 / (2 * slows))
        way = path(t, side * (gone - rng.uniform(0.2, 1.0)), radius, rng.normal(0, 0.3))
        angle = -(way[:, 0] - way[0, 0]) / radius
        axis = path(t, np.cos(angle), np.sin(angle), 0.25)
        world.ball(way, radius, world.shade(rng), (axis, rng.uniform(0, 0.7)))
    return []


def carried(rng: np.random.Generator, world: World) -> Events:
    """Boxes that are lifted, turned and set down softly, hover or spin."""
    t = world.t
    for _ in range(int(rng.integers(1, 3))):
        half = rng.uniform(0.04, 0.14, 3)
        up = np.abs(smooth_walk(rng, t, rng.uniform(0.5, 2.0), rng.uniform(0.05, 0.3)))
        if rng.random() < 0.5:  # set down
            time, length = rng.uniform(0.5, 8), rng.uniform(0.4, 1.5)
            up = rng.uniform(0.1, 0.6) * (1 - eased(t, time - length, time))
        across = smooth_walk(rng, t, rng.uniform(0.6, 2.0), rng.uniform(0, 0.25)) * np.minimum(up * 8, 1)
        middle = path(t, rng.normal(0, 0.25) + across, half[1] + up, rng.normal(0, 0.25))
        angle = smooth_walk(rng, t, 1.5, 1.5) * np.minimum(up * 8, 1) if rng.random() < 0.6 else rng.normal(0, 2) * t
        shade = world.shade(rng)
        world.box(middle, half, shade, turned([0, 1, 0], angle, len(t)))
        if rng.random() < 0.5:
            hand = middle + path(t, half[0], 0, 0)
            world.rod(hand, hand + np.array([0.4, 0.25, 0.1], np.float32), 0.04, 0.6, shadow=False)
    return []


def swishing(rng: np.random.Generator, world: World) -> Events:
    """A stick, sword or arm swung hard through the air, without anything that it would strike."""
    t = world.t
    away, _ = blows(rng, t, 0.5, 2.0, rng.uniform(0.1, 0.3), feints=1.0)
    base, length = rng.uniform(-0.8, 0.8), rng.uniform(0.2, 0.5)
    angle = base + rng.uniform(0.8, 2.5) * away
    grip = path(t, rng.normal(0, 0.2), rng.uniform(0.3, 0.6), rng.normal(0, 0.2))
    tip = grip + path(t, np.cos(angle), np.sin(angle), rng.normal(0, 0.3)) * np.float32(length)
    world.rod(grip, tip, rng.uniform(0.01, 0.04), world.shade(rng))
    body = grip * np.array([1, 0, 1], np.float32) - np.array([0.2, 0, 0], np.float32)
    skin = world.shade(rng)
    world.rod(body, body + np.array([0, 0.55, 0], np.float32), 0.08, skin)
    world.ball(body + np.array([0, 0.7, 0], np.float32), 0.07, skin, shadow=False)
    world.rod(body + np.array([0, 0.5, 0], np.float32), grip, 0.035, skin, shadow=False)
    return []


SILENT: tuple[Motion, ...] = (drifting, gesturing, flying, curtain, lettering, changing, passing_near)
ROOM_SILENT: tuple[RoomMotion, ...] = (rolling, carried, swishing, gesturing_figure, gesturing_figure)
# What may be laid over a room's picture as well.
OVERLAID: tuple[Motion, ...] = (drifting, flying, lettering, passing_near)
