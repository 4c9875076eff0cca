"""Flat pictures of blows: things swung, struck, shaken, shut, fired and called."""

import numpy as np

from v2a.train.scenes.canvas import Canvas, Track
from v2a.train.scenes.motion import Events, around_events, event_times, shades, width_of


def hammering(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A tool lifted and swung down onto something."""
    times = event_times(rng, float(t[-1]), 0.35, 1.6)
    pivot_x, pivot_y = rng.uniform(0.15, width_of(canvas) - 0.5), rng.uniform(0.35, 0.65)
    length, lift = rng.uniform(0.25, 0.5), rng.uniform(0.4, 1.5)
    side = 1 if rng.random() < 0.5 else -1
    if side < 0:
        pivot_x = width_of(canvas) - pivot_x
    since, until = around_events(t, times)
    fall, raise_s, rebound = rng.uniform(0.06, 0.2), rng.uniform(0.25, 0.6), rng.uniform(0.0, 0.15)
    # Angle above the contact: up slowly after the last blow, down fast into the next.
    angle = lift * np.clip(since / raise_s, 0, 1) ** 1.2 * np.clip(until / fall, 0, 1) ** rng.uniform(0.6, 2.0)
    angle += rebound * np.exp(-since / 0.08) * np.sin(np.clip(since / 0.1, 0, np.pi))
    if rng.random() < 0.15:
        angle = np.where(until > 9, lift * 0.5, angle)
    contact = rng.uniform(0.0, 0.35)
    tip_x = pivot_x + side * length * np.cos(contact - angle)
    tip_y = pivot_y + length * np.sin(contact - angle)
    shade, other = shades(rng, canvas)
    hit_x, hit_y = pivot_x + side * length * np.cos(contact), pivot_y + length * np.sin(contact)
    head = rng.uniform(0.03, 0.08)
    depth = rng.uniform(0.05, 0.3)
    canvas.box(hit_x, hit_y + head + depth, rng.uniform(0.06, 0.25), depth, other)
    if rng.random() < 0.6:
        canvas.capsule(pivot_x, pivot_y, pivot_x - side * 0.1, pivot_y + 0.5, rng.uniform(0.04, 0.12), other)
    canvas.capsule(pivot_x, pivot_y, tip_x, tip_y, rng.uniform(0.012, 0.05), shade)
    canvas.box(tip_x, tip_y, head * rng.uniform(0.6, 1.4), head, shade, angle=side * (contact - angle))
    if rng.random() < 0.4:  # sparks
        for _ in range(int(rng.integers(2, 7))):
            vx, vy = rng.uniform(-1, 1), rng.uniform(-1.2, -0.1)
            age = np.clip(since, 0, 1)
            canvas.disc(
                hit_x + vx * age,
                hit_y + vy * age + 1.5 * age**2,
                0.012,
                1.0,
                opacity=np.exp(-age / 0.12) * (since < 0.5),
            )
    return [(time, float(rng.uniform(0.6, 1.0))) for time in times]


def clapping(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Two things that come together and part: hands, cymbals, blocks."""
    times = event_times(rng, float(t[-1]), 0.25, 1.1)
    since, until = around_events(t, times)
    apart = rng.uniform(0.08, 0.25) * np.clip(since / rng.uniform(0.1, 0.3), 0, 1) * np.clip(until / 0.12, 0, 1)
    angle, size = rng.uniform(0, np.pi), rng.uniform(0.04, 0.1)
    x, y = rng.uniform(0.3, width_of(canvas) - 0.3), rng.uniform(0.3, 0.7)
    shade, other = shades(rng, canvas)
    for sign, one in ((1, shade), (-1, other)):
        dx, dy = sign * (apart + size) * np.cos(angle), sign * (apart + size) * np.sin(angle)
        if rng.random() < 0.5:
            canvas.capsule(x + dx, y + dy, x + dx * 1.5 + sign * 0.3, y + dy + 0.4, size * 0.5, one)
        canvas.disc(x + dx, y + dy, size, one, squash=rng.uniform(0.8, 1.3))
    return [(time, float(rng.uniform(0.6, 1.0))) for time in times]


def drumming(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Sticks, fingers or keys that strike from above in turn."""
    times = event_times(rng, float(t[-1]), 0.18, 0.7)
    n_sticks = int(rng.integers(1, 4))
    shade, other = shades(rng, canvas)
    y = rng.uniform(0.5, 0.85)
    lift, style = rng.uniform(0.08, 0.3), rng.integers(2)
    for stick in range(n_sticks):
        x = (stick + rng.uniform(0.6, 1.0)) * width_of(canvas) / (n_sticks + 0.6)
        mine = times[stick::n_sticks]
        since, until = around_events(t, mine)
        up = lift * np.clip(since / 0.15, 0, 1) * np.clip(until / rng.uniform(0.06, 0.14), 0, 1)
        dent = 0.02 * np.exp(-np.clip(since, 0, 5) / 0.06)
        canvas.disc(x, y + 0.06 + dent, rng.uniform(0.1, 0.18), other, squash=rng.uniform(0.25, 0.6))
        if style:
            canvas.capsule(x + 0.3, y - up * 1.2 - 0.15, x, y - up, 0.018, shade)
        else:
            canvas.box(x, y - up - 0.12, 0.035, 0.12, shade)
    return [(time, float(rng.uniform(0.5, 1.0))) for time in times]


def slamming(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A door, lid or gate that swings or slides open and shut."""
    times = event_times(rng, float(t[-1]), 1.2, 3.0)
    since, until = around_events(t, times)
    open_s, shut_s = rng.uniform(0.4, 1.0), rng.uniform(0.15, 0.5)
    opened = np.clip((since - 0.3) / open_s, 0, 1) * np.clip(until / shut_s, 0, 1) ** 0.7
    shade, other = shades(rng, canvas)
    x, y = rng.uniform(0.35, width_of(canvas) - 0.45), rng.uniform(0.35, 0.65)
    half_w, half_h = rng.uniform(0.1, 0.28), rng.uniform(0.15, 0.4)
    canvas.box(x, y, half_w + 0.03, half_h + 0.03, other)
    canvas.box(x, y, half_w, half_h, rng.uniform(0.0, 0.2))
    style = rng.integers(3)
    if style == 0:  # hinged: its width shrinks as it opens
        width = half_w * np.cos(opened * rng.uniform(0.8, 1.5))
        canvas.box(x - half_w + width, y, width, half_h, shade)
    elif style == 1:  # sliding
        canvas.box(x + opened * half_w * 1.8, y, half_w, half_h, shade)
    else:  # a lid
        canvas.capsule(
            x - half_w, y - half_h, x - half_w + 2 * half_w * np.cos(opened), y - half_h - 2 * half_w * np.sin(opened),
            0.03, shade,
        )  # fmt: skip
    return [(time, float(rng.uniform(0.6, 1.0))) for time in times]


def shaking(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A thing shaken in bouts; it is heard at each turn of the shake."""
    rate, amount = rng.uniform(2.0, 5.0), rng.uniform(0.03, 0.12)
    bouts = [(start, start + rng.uniform(0.6, 2.0)) for start in event_times(rng, float(t[-1]), 1.8, 3.5)]
    x, y, angle = rng.uniform(0.3, width_of(canvas) - 0.3), rng.uniform(0.3, 0.7), rng.uniform(0, np.pi)
    swing, events = np.zeros_like(t), []
    for start, end in bouts:
        inside = (t >= start) & (t < end)
        swing[inside] = amount * np.sin(2 * np.pi * rate * (t[inside] - start))
        turns = start + (np.arange(int(2 * rate * (end - start))) + 0.5) / (2 * rate)
        events += [(float(turn), 0.6) for turn in turns if turn < t[-1]]
    shade, other = shades(rng, canvas)
    dx, dy = swing * np.cos(angle), swing * np.sin(angle)
    canvas.capsule(x, 1.1, x + dx * 0.5, y + dy * 0.5, 0.05, other)
    canvas.box(x + dx, y + dy, rng.uniform(0.05, 0.12), rng.uniform(0.05, 0.12), shade, angle=angle)
    return events


def flashing(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Light that bursts: a shot, an explosion, lightning; smoke or splinters follow."""
    times = event_times(rng, float(t[-1]), 0.8, 3.0)
    since, _ = around_events(t, times)
    shade, other = shades(rng, canvas)
    x, y = rng.uniform(0.2, width_of(canvas) - 0.2), rng.uniform(0.3, 0.7)
    glow = np.exp(-np.clip(since, 0, None) / rng.uniform(0.05, 0.25)) * (since < 5)
    if rng.random() < 0.5:
        canvas.flash(rng.uniform(0.2, 0.6) * glow)
    canvas.capsule(x - 0.4, y + 0.05, x, y, 0.03, other)
    for _ in range(int(rng.integers(0, 8))):
        vx, vy, age = rng.uniform(-1, 1), rng.uniform(-1, 0.5), np.clip(since, 0, 2)
        canvas.box(
            x + vx * age,
            y + vy * age + age**2,
            0.02,
            0.02,
            shade,
            angle=age * 9,
            opacity=(since < 1.5) * (since > 0),
        )
    canvas.disc(x, y, 0.02 + 0.25 * glow, 1.0, opacity=np.clip(glow * 2, 0, 1))
    return [(time, float(rng.uniform(0.7, 1.0))) for time in times]


def calling(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """An animal or person that jerks and opens its mouth with each call."""
    times = event_times(rng, float(t[-1]), 0.5, 2.0)
    since, _ = around_events(t, times)
    jerk = np.exp(-np.clip(since, 0, None) / 0.15) * (since < 5)
    shade, other = shades(rng, canvas)
    x, y, size = rng.uniform(0.3, width_of(canvas) - 0.3), rng.uniform(0.4, 0.7), rng.uniform(0.1, 0.22)
    side = 1 if rng.random() < 0.5 else -1
    canvas.disc(x, y + size * 1.2, size * 1.3, shade, squash=0.8)
    head_y = y - 0.06 * jerk
    canvas.disc(x + side * size * 0.8, head_y, size * 0.7, other)
    canvas.disc(x + side * size * 1.3, head_y + size * 0.2, size * 0.3 * (0.15 + jerk), 0.03)
    return [(time, float(rng.uniform(0.6, 1.0))) for time in times]
