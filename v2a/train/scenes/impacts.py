"""Motions that strike: each is heard at the instants it returns."""

import numpy as np

from v2a.train.scenes.canvas import Canvas, Track
from v2a.train.scenes.motion import Events, Motion, around_events, event_times, shades, width_of


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
    canvas.box(hit_x, hit_y + head + rng.uniform(0.05, 0.3), rng.uniform(0.06, 0.25), rng.uniform(0.05, 0.3), other)
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


# By the name under which recordings are matched to them (see `v2a.train.recordings`).
IMPACTS: dict[str, Motion] = {
    "ball": bouncing_ball,
    "hammer": hammering,
    "fall": falling_things,
    "walk": walking,
    "door": slamming,
    "clap": clapping,
    "collide": colliding,
    "drum": drumming,
    "shake": shaking,
    "blast": flashing,
    "pendulum": pendulum,
    "call": calling,
    "splash": splashing,
}
