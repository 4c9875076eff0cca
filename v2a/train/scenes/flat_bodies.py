"""Flat pictures of bodies that fall, bounce, walk, swing and meet."""

import numpy as np

from v2a.train.scenes.canvas import Canvas, Track
from v2a.train.scenes.motion import Events, around_events, event_times, shades, width_of


def bouncing_ball(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A ball thrown, falling and bouncing with loss."""
    radius, floor = rng.uniform(0.04, 0.14), rng.uniform(0.7, 0.95)
    gravity, bounce = rng.uniform(1.2, 5.0), rng.uniform(0.55, 0.92)
    x0, vx = rng.uniform(0.1, width_of(canvas) - 0.1), rng.uniform(-0.25, 0.25)
    if rng.random() < 0.7:
        canvas.box(width_of(canvas) / 2, floor + 0.5, 2.0, 0.5, shades(rng, canvas)[1])
    shade, other = shades(rng, canvas)
    height, start = rng.uniform(0.3, 0.7), -rng.uniform(0.0, 0.3)
    speed, events, y = 0.0, [], np.full_like(t, floor - radius)
    begin, level = start, height
    now = begin + np.sqrt(2 * level / gravity)
    inside = (t >= begin) & (t < now)
    y[inside] = floor - radius - (level - 0.5 * gravity * (t[inside] - begin) ** 2)
    speed = gravity * (now - begin)
    while now < t[-1]:
        if now > 0.02:
            events.append((float(now), float(np.clip(speed / 2.0, 0.2, 1.0))))
        speed *= bounce
        if speed < 0.25:
            if rng.random() < 0.5 or now > t[-1] - 1.5:
                break
            speed = np.sqrt(2 * gravity * height)  # picked up and thrown again
            if events and now - events[-1][0] < 0.05 and rng.random() < 0.5:
                events.pop()  # caught by a hand before it touches the ground
        flight = 2 * speed / gravity
        inside = (t >= now) & (t < now + flight)
        since = t[inside] - now
        y[inside] = floor - radius - speed * since + 0.5 * gravity * since**2
        now += flight
    squash = np.ones_like(t)
    since, _ = around_events(t, [time for time, _ in events])
    squash -= rng.uniform(0.0, 0.4) * np.exp(-((since / 0.06) ** 2))
    x = x0 + vx * t
    canvas.disc(x, floor, radius * 0.9, 0.1, opacity=0.3 * np.clip(1 - (floor - y), 0, 1), squash=0.25)
    canvas.disc(x, y, radius, shade, squash=squash)
    canvas.disc(x - radius * 0.3, y - radius * 0.3, radius * 0.35, other)
    return events


def falling_things(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Boxes or stones that fall from above and come to rest, some turning over once more."""
    floor = rng.uniform(0.7, 0.95)
    canvas.box(width_of(canvas) / 2, floor + 0.5, 2.0, 0.5, shades(rng, canvas)[1])
    events: Events = []
    for time in event_times(rng, float(t[-1]), 0.5, 2.2)[:9]:
        half_w, half_h = rng.uniform(0.03, 0.14, 2)
        x, gravity = rng.uniform(0.1, width_of(canvas) - 0.1), rng.uniform(1.5, 6.0)
        rest = floor - half_h - (rng.uniform(0.0, 0.2) if rng.random() < 0.3 else 0.0)
        fall = np.clip(time - t, 0, None)
        y = rest - 0.5 * gravity * fall**2
        turn = rng.uniform(-4, 4) * fall
        after = np.clip(t - time, 0, None)
        hop = 0.0
        if rng.random() < 0.4:
            speed = rng.uniform(0.1, 0.4)
            flight = 2 * speed / gravity
            y -= np.where(after < flight, speed * after - 0.5 * gravity * after**2, 0)
            hop = flight
        shade, _ = shades(rng, canvas)
        visible = 1.0 if rng.random() < 0.7 else np.clip((4.0 - after) * 2, 0, 1)
        if rng.random() < 0.3:
            canvas.disc(x, y, half_h, shade, opacity=visible)
        else:
            canvas.box(x, y, half_w, half_h, shade, angle=turn, opacity=visible)
        if rng.random() < 0.4:  # dust
            spread = np.clip(after / 0.6, 0, 1)
            for sign in (-1, 1):
                canvas.disc(
                    x + sign * (half_w + 0.15 * spread), floor - 0.02, 0.02 + 0.06 * spread, 0.7,
                    opacity=0.5 * (after > 0) * (1 - spread), squash=0.6,
                )  # fmt: skip
        size = float(np.clip(np.sqrt(half_w * half_h) / 0.1, 0.4, 1.0))
        events.append((time, size))
        if hop > 0.12 and time + hop < t[-1]:
            events.append((time + hop, size * 0.5))
    return sorted(events)


def walking(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A figure on two or four legs, walking across or on the spot; each foot is heard when it lands."""
    period, phase = rng.uniform(0.28, 0.8), rng.uniform(0, 1)
    floor, height = rng.uniform(0.75, 0.95), rng.uniform(0.25, 0.65)
    stride = height * rng.uniform(0.25, 0.5)
    side = 1 if rng.random() < 0.5 else -1
    across = rng.random() < 0.6
    speed = side * stride / period if across else 0.0
    x0 = rng.uniform(0.2, width_of(canvas) - 0.2) - (speed * float(t[-1]) / 2 if across else 0.0)
    shade, other = shades(rng, canvas)
    if rng.random() < 0.6:
        canvas.box(width_of(canvas) / 2, floor + 0.5, 2.0, 0.5, shades(rng, canvas)[1])
    n_legs = 2 if rng.random() < 0.75 else 4
    leg, body_x = height * 0.5, x0 + speed * t
    hip_y = floor - leg + 0.02 * np.abs(np.sin(np.pi * (t / period + phase)))
    thickness = height * rng.uniform(0.05, 0.09)
    for index in range(n_legs):
        gait = t / (2 * period) + phase / 2 + index / 2 + (0.08 if index >= 2 else 0.0)
        swing = gait - np.floor(gait)  # 0: the foot lands ahead; ½: it leaves behind
        on_ground = swing < 0.5
        reach = np.where(on_ground, 0.5 - 2 * swing, -0.5 + 2 * (swing - 0.5))
        foot_x = body_x + side * stride * reach + (side * 0.35 * height if index >= 2 else 0.0)
        foot_y = floor - np.where(on_ground, 0.0, height * 0.18 * np.sin(np.pi * np.clip((swing - 0.5) * 2, 0, 1)))
        hip_x = body_x + (side * 0.35 * height if index >= 2 else 0.0)
        canvas.capsule(hip_x, hip_y, foot_x, foot_y - thickness, thickness, shade if index % 2 else other)
        canvas.capsule(
            foot_x,
            foot_y - thickness / 2,
            foot_x + side * thickness * 2,
            foot_y - thickness / 2,
            thickness / 2,
            shade,
        )
    if n_legs == 4:
        canvas.capsule(body_x, hip_y, body_x + side * 0.4 * height, hip_y, height * 0.12, shade)
        canvas.disc(body_x + side * 0.55 * height, hip_y - 0.15 * height, height * 0.1, shade)
    elif rng.random() < 0.8:  # otherwise only the legs are in the picture
        canvas.capsule(body_x, hip_y, body_x, hip_y - 0.32 * height, height * 0.1, shade)
        canvas.disc(body_x, hip_y - 0.48 * height, height * 0.09, other)
    lands = np.arange(np.ceil(phase), phase + t[-1] / period) - phase
    return [
        (float(k * period), float(rng.uniform(0.6, 0.9)))
        for k in lands
        if k * period > 0.02 and -0.1 < x0 + speed * k * period < width_of(canvas) + 0.1
    ]


def colliding(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A thing that travels straight, strikes a wall or another thing, and goes back or sends it off."""
    shade, other = shades(rng, canvas)
    size, y = rng.uniform(0.04, 0.1), rng.uniform(0.3, 0.85)
    left, right = rng.uniform(0.05, 0.3), width_of(canvas) - rng.uniform(0.05, 0.3)
    speed, vertical = rng.uniform(0.35, 1.4), rng.random() < 0.25
    if vertical:
        left, right, y = 0.1, 0.9, rng.uniform(0.3, width_of(canvas) - 0.3)
    span = max(right - left - 2 * size, 0.2)
    phase = rng.uniform(0, 2)
    travel = t * speed / span + phase
    position = left + size + span * (1 - np.abs(travel % 2 - 1))
    x_axis, y_axis = (np.float32(y), position) if vertical else (position, np.float32(y))
    for wall in (left, right):
        wall_x, wall_y = (y, wall) if vertical else (wall, y)
        sign = -1 if wall == left else 1
        canvas.box(
            wall_x if vertical else wall_x + sign * 0.04, wall_y + sign * 0.04 if vertical else wall_y,
            0.25 if vertical else 0.04, 0.04 if vertical else 0.25, other,
        )  # fmt: skip
    if rng.random() < 0.5:
        canvas.disc(x_axis, y_axis, size, shade)
    else:
        canvas.box(x_axis, y_axis, size, size, shade)
    hits = np.arange(np.ceil(phase), phase + t[-1] * speed / span)
    return [(float((hit - phase) * span / speed), 0.8) for hit in hits if (hit - phase) * span / speed > 0.02]


def pendulum(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A swinging bell or clock: heard at each end of the swing, or as it passes the middle."""
    period, phase, reach = rng.uniform(0.8, 2.4), rng.uniform(0, 1), rng.uniform(0.2, 0.8)
    x, y, length = rng.uniform(0.3, width_of(canvas) - 0.3), rng.uniform(0.0, 0.3), rng.uniform(0.3, 0.6)
    angle = reach * np.sin(2 * np.pi * (t / period + phase))
    shade, other = shades(rng, canvas)
    tip_x, tip_y = x + length * np.sin(angle), y + length * np.cos(angle)
    canvas.capsule(x, y, tip_x, tip_y, 0.012, other)
    canvas.disc(tip_x, tip_y, rng.uniform(0.05, 0.12), shade)
    first = np.ceil(2 * phase - 0.5)
    ends = (np.arange(first, first + 2 * t[-1] / period + 1) + 0.5) / 2
    return [(float(time), 0.6) for time in (ends - phase) * period if 0.02 < time < t[-1]]


def splashing(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Things that drop into water; rings and drops follow."""
    level = rng.uniform(0.55, 0.75)
    water, shade = float(rng.uniform(0.2, 0.6)), shades(rng, canvas)[0]
    canvas.box(width_of(canvas) / 2, level + 0.5, 2.0, 0.5, water)
    times = event_times(rng, float(t[-1]), 0.5, 2.0)
    for time in times:
        x, gravity = rng.uniform(0.15, width_of(canvas) - 0.15), rng.uniform(2.0, 5.0)
        fall, after = np.clip(time - t, 0, None), np.clip(t - time, 0, None)
        canvas.disc(x, level - 0.5 * gravity * fall**2, 0.04, shade, opacity=t < time)
        ring = np.clip(after / 1.0, 0, 1)
        canvas.disc(
            x,
            level + 0.04,
            0.03 + 0.3 * ring,
            min(water + 0.3, 1.0),
            opacity=(t >= time) * (1 - ring),
            squash=0.2,
        )
        for sign in (-1, 0, 1):
            canvas.disc(
                x + sign * 0.25 * after,
                level - 0.8 * after + 2 * after**2,
                0.018,
                0.9,
                opacity=(after > 0) * (after < 0.4),
            )
    return [(time, float(rng.uniform(0.6, 1.0))) for time in times]
