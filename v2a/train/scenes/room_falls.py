"""Bodies in a room that fall, bounce, roll, topple and break."""

import numpy as np

from v2a.train.scenes.bodies import Hits, ricochet, table, tumble
from v2a.train.scenes.canvas import Track
from v2a.train.scenes.motion import Events, event_times
from v2a.train.scenes.world import Path, World, path, turned


def rolled(world: World, way: Path, radius: float, dark: float) -> tuple[Path, float]:
    """The band of a ball that turns as it travels in x."""
    angle = -(way[:, 0] - way[0, 0]) / radius
    return path(world.t, np.cos(angle), np.sin(angle), 0.25), dark


def balls(rng: np.random.Generator, world: World) -> Events:
    """One to three balls dropped or thrown; they bounce with loss and roll on."""
    events: Events = []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))):
        radius, restitution = float(np.exp(rng.uniform(np.log(0.025), np.log(0.14)))), rng.uniform(0.4, 0.9)
        x, z = world.spot(rng)
        height = rng.uniform(0.25, 0.95)
        shade, dark = world.shade(rng), rng.uniform(0, 0.6)
        begin = -0.3
        for start in event_times(rng, float(world.t[-1]), 1.5, 5.0):
            if start < begin:
                continue
            side = rng.uniform(0, 0.6) * rng.choice([-1, 1])
            velocity = [side, rng.uniform(-0.5, 1.2), rng.uniform(-0.2, 0.2)]
            begin = start + rng.uniform(2.0, 5.0)
            opacity = ((world.t >= start - rng.uniform(0, 0.5)) & (world.t < begin)).astype(np.float32)
            origin = [x - side * 0.6, height + radius, z]
            way, hits = ricochet(world.t, start, origin, velocity, radius, world.gravity, restitution)
            world.ball(way, radius, shade, rolled(world, way, radius, dark), opacity=opacity)
            events += [hit for hit in world.heard(hits, way, radius) if hit[0] < begin]
    return events


def thrown_at_a_wall(rng: np.random.Generator, world: World) -> Events:
    """A ball thrown at a wall beside it, which it strikes before it falls to the ground."""
    wall, side = rng.uniform(0.25, 0.6), int(rng.choice([-1, 1]))
    z = rng.normal(0, 0.2)
    world.box(path(world.t, side * (wall + 0.06), 0.5, z), [0.06, 0.5, rng.uniform(0.2, 0.6)], world.shade(rng))
    radius, shade = rng.uniform(0.03, 0.09), world.shade(rng)
    events: Events = []
    times = event_times(rng, float(world.t[-1]), 1.4, 3.5)
    for start, end in zip(times, [*times, 99.0][1:], strict=True):
        reach = wall - radius + 0.3
        flight = rng.uniform(0.25, 0.7) / np.sqrt(world.gravity / 8)
        velocity = [side * reach / flight, world.gravity * flight * rng.uniform(0.3, 0.6), rng.normal(0, 0.05)]
        planes = ((1, 0.0, 1), (0, side * wall, -side))
        way, hits = ricochet(
            world.t, start, [-side * 0.3, rng.uniform(0.3, 0.6), z], velocity, radius, world.gravity,
            rng.uniform(0.4, 0.85), planes,
        )  # fmt: skip
        world.ball(way, radius, shade, opacity=(world.t >= start - 0.15) & (world.t < end - 0.15))
        events += [hit for hit in world.heard(hits, way, radius) if hit[0] < end - 0.15]
    return events


def dropped_boxes(rng: np.random.Generator, world: World) -> Events:
    """Boxes, books or stones let go or thrown, which tumble and settle."""
    events: Events = []
    for start in event_times(rng, float(world.t[-1]), 0.5, 3.0)[: int(rng.integers(1, 6))]:
        half = np.exp(rng.uniform(np.log(0.03), np.log(0.16))) * rng.uniform(0.4, 1.0, 3)
        x, z = world.spot(rng)
        height = half.max() + rng.uniform(0.15, 1.1)
        velocity = [rng.normal(0, 0.3), rng.normal(0.1, 0.3), rng.normal(0, 0.15)]
        shown = start - (rng.uniform(0, 3.0) if rng.random() < 0.5 else 0.0)
        fall = tumble(
            world.t, start, [x, height, z], velocity, half, world.gravity, rng,
            restitution=rng.uniform(0.05, 0.5), friction=rng.uniform(0.2, 0.8), spin=rng.uniform(0.3, 5.0),
        )  # fmt: skip
        world.box(fall.position, half, world.shade(rng), fall.turn, opacity=world.t >= shown)
        if rng.random() < 0.35 and shown < start:  # held by a hand until then
            hand = fall.position.copy()
            hand[world.t >= start] = hand[0] if start > world.t[0] else hand[world.t >= start]
            hand[:, 1] += half.max() * 0.8 + 0.4 * np.clip(world.t - start - 0.3, 0, 2)
            arm = hand + np.array([0.4, 0.35, 0.0], np.float32)
            world.rod(hand, arm, 0.04, 0.6, shadow=False, opacity=world.t >= shown)
        events += world.heard(fall.hits, fall.position, float(half.mean()))
    return events


def boxes_at_a_wall(rng: np.random.Generator, world: World) -> Events:
    """Boxes thrown at the wall behind."""
    depth = -rng.uniform(0.2, 0.6)
    world.box(path(world.t, 0, 0.5, depth - 0.05), [rng.uniform(0.4, 1.2), 0.5, 0.05], world.shade(rng))
    events: Events = []
    for start in event_times(rng, float(world.t[-1]), 1.0, 3.0)[:4]:
        half = rng.uniform(0.03, 0.09, 3)
        begin = np.array([rng.normal(0, 0.3), rng.uniform(0.3, 0.7), 0.5])
        flight = rng.uniform(0.2, 0.5)
        velocity = [rng.normal(0, 0.3), 0.5 * world.gravity * flight, (depth - begin[2]) / flight]
        fall = tumble(world.t, start, begin, velocity, half, world.gravity, rng, 0.3, spin=5.0, wall_z=depth)
        world.box(fall.position, half, world.shade(rng), fall.turn, opacity=world.t >= start)
        events += world.heard(fall.hits, fall.position, float(half.mean()))
    return events


def toppling_stack(rng: np.random.Generator, world: World) -> Events:
    """A stack of boxes that comes down, from the top, one after another or nearly at once."""
    x, z = world.spot(rng, 0.2)
    half = rng.uniform(0.05, 0.11) * rng.uniform(0.7, 1.3, 3)
    n, start, gap = int(rng.integers(2, 6)), rng.uniform(0.3, 0.6 * float(world.t[-1])), rng.uniform(0.05, 0.6)
    push = rng.uniform(0.2, 0.7) * rng.choice([-1, 1])
    shade, events = world.shade(rng), []
    for k in range(n):
        place = [x + rng.normal(0, 0.01), half[1] * (2 * k + 1.001), z]
        yaw = turned([0, 1, 0], rng.normal(0, 0.15), 1)[0].astype(np.float64)
        if k == 0 and rng.random() < 0.7:  # the lowest stays
            world.box(path(world.t, *place), half, shade, np.repeat(yaw[None], len(world.t), 0).astype(np.float32))
            continue
        fall = tumble(
            world.t, start + gap * (n - 1 - k), place, [push * (0.5 + k * 0.4), 0.05, rng.normal(0, 0.15)], half,
            world.gravity, rng, spin=1.5, turn=yaw,
        )  # fmt: skip
        world.box(fall.position, half, shade * rng.uniform(0.7, 1.1), fall.turn)
        events += world.heard(fall.hits, fall.position, float(half.mean()))
    return events


def dominoes(rng: np.random.Generator, world: World) -> Events:
    """A row of tiles that knock each other over, heard at each knock."""
    n, height = int(rng.integers(4, 14)), rng.uniform(0.1, 0.22)
    spacing = height * rng.uniform(0.4, 0.75)
    side, z = int(rng.choice([-1, 1])), rng.normal(0, 0.2)
    start, pace = rng.uniform(0.2, 0.5 * float(world.t[-1])), rng.uniform(0.09, 0.3)
    lean_at_knock = np.arcsin(min(spacing / height * 0.9, 0.95))
    shade, events = world.shade(rng), []
    for k in range(n):
        begin = start + k * pace
        since = np.clip(world.t - begin, 0, None)
        last = k == n - 1
        rest = np.pi / 2 if last else min(lean_at_knock * 1.35, 1.4)
        angle = np.minimum(lean_at_knock * (since / pace) ** 1.7, rest)
        x = side * (k - (n - 1) / 2) * spacing
        pivot = path(world.t, x, 0, z)
        up = path(world.t, side * np.sin(angle), np.cos(angle), 0) * np.float32(height / 2)
        turn = turned([0, 0, 1], -side * angle, len(world.t))
        world.box(pivot + up, [height * 0.09, height / 2, height * 0.25], shade * rng.uniform(0.85, 1.1), turn)
        down = begin + pace * ((rest / lean_at_knock) ** (1 / 1.7) if last else 1.0)
        if world.seen(pivot, 0.1)[-1]:
            events.append((float(down), 0.8 if last else float(rng.uniform(0.35, 0.6))))
    return events


def shattering(rng: np.random.Generator, world: World) -> Events:
    """A bottle, plate or vase that falls and flies to pieces."""
    events: Events = []
    for start in event_times(rng, float(world.t[-1]), 1.5, 4.0)[:3]:
        x, z = world.spot(rng)
        size, height = rng.uniform(0.04, 0.09), rng.uniform(0.3, 0.9)
        time = start + np.sqrt(2 * (height - size) / world.gravity)
        fall = np.clip(world.t - start, 0, None)
        y = height - 0.5 * world.gravity * fall**2
        spin, drift = rng.normal(0, 4), rng.normal(0, 0.2)
        middle = path(world.t, x + drift * fall, y, z)
        whole = (world.t < time) & (world.t > start - rng.uniform(0, 3))
        shade = world.shade(rng)
        if rng.random() < 0.4:
            world.ball(middle, size, shade, opacity=whole)
        else:
            lean = path(world.t, np.sin(spin * fall), np.cos(spin * fall), 0) * np.float32(size * 1.4)
            world.rod(middle - lean, middle + lean, size * 0.6, shade, size * 0.25, opacity=whole)
        age = np.clip(world.t - time, 0, None)
        for _ in range(int(rng.integers(5, 12))):
            vx, vy, vz = rng.normal(0, 0.7) + drift, rng.uniform(0.2, 1.6), rng.normal(0, 0.6)
            flight = 2 * vy / world.gravity
            moving = np.minimum(age, flight * 1.4)
            up = np.maximum(vy * age - 0.5 * world.gravity * age**2, 0)
            piece = path(world.t, x + drift * (time - start) + vx * moving, up + 0.01, z + vz * moving)
            half = size * rng.uniform(0.1, 0.45, 3)
            turn = turned(rng.normal(0, 1, 3), rng.normal(0, 14) * moving, len(world.t))
            world.box(piece, half, shade * rng.uniform(0.7, 1.2), turn, False, world.t >= time)
        if world.seen(middle, 0.12)[min(int(np.searchsorted(world.t, time)), len(world.t) - 1)]:
            events.append((float(time), float(rng.uniform(0.8, 1.0))))
    return events


def billiards(rng: np.random.Generator, world: World) -> Events:
    """Balls that roll on the ground or a table, silently, and click where they meet."""
    n, radius, edge = int(rng.integers(2, 6)), rng.uniform(0.04, 0.08), rng.uniform(0.45, 0.8)
    grid = rng.permutation(9)[:n]
    places = np.stack([(grid % 3 - 1) * edge * 0.55, (grid // 3 - 1) * edge * 0.55], 1) + rng.normal(0, 0.02, (n, 2))
    aim = places[1] - places[0] + rng.normal(0, radius, 2)
    velocities = np.zeros((n, 2))
    velocities[0] = aim / np.linalg.norm(aim) * rng.uniform(0.4, 2.0)
    if rng.random() < 0.3:
        velocities[1:] = rng.normal(0, 0.4, (n - 1, 2))
    ways, hits = table(world.t, places, velocities, radius, rng.uniform(0.05, 0.5), edge)
    if rng.random() < 0.7:
        rim = world.shade(rng)
        for side in (-1, 1):
            world.box(path(world.t, side * (edge + 0.03), 0.03, 0), [0.03, 0.03, edge], rim, shadow=False)
            world.box(path(world.t, 0, 0.03, side * (edge + 0.03)), [edge, 0.03, 0.03], rim, shadow=False)
    for way in ways:
        point = path(world.t, way[:, 0], radius, way[:, 1])
        world.ball(point, radius, world.shade(rng), rolled(world, point, radius, rng.uniform(0, 0.6)))
    return [(time, float(np.clip(0.25 + 0.6 * speed, 0, 1))) for time, speed in hits if time > 0.02 and speed > 0.08]


def coins(rng: np.random.Generator, world: World) -> Events:
    """Dice or coins that bounce at ever shorter intervals."""
    events: Events = []
    for start in event_times(rng, float(world.t[-1]), 1.2, 4.0)[:3]:
        for _ in range(int(rng.integers(1, 3))):
            half = rng.uniform(0.015, 0.05) * np.array([1.0, rng.choice([0.15, 1.0]), 1.0])
            x, z = world.spot(rng, 0.2)
            velocity = [rng.normal(0, 0.5), 0.0, rng.normal(0, 0.2)]
            fall = tumble(
                world.t, start + rng.uniform(0, 0.1), [x, rng.uniform(0.15, 0.5), z], velocity, half, world.gravity,
                rng, restitution=rng.uniform(0.45, 0.7), friction=0.3, spin=8.0,
            )  # fmt: skip
            world.box(fall.position, half, world.shade(rng), fall.turn, opacity=world.t >= start - 0.2)
            events += world.heard(fall.hits, fall.position, 0.06)
    return events


def sliding_into(rng: np.random.Generator, world: World) -> Events:
    """A box that slides, and strikes another or stops softly before it."""
    times = event_times(rng, float(world.t[-1]), 1.5, 3.5)[:1]
    if not times:
        return []
    half, z, side = rng.uniform(0.06, 0.13), rng.normal(0, 0.2), int(rng.choice([-1, 1]))
    speed, meets = rng.uniform(0.3, 1.2), rng.random() < 0.6
    start, slows = times[0], rng.uniform(0.8, 2.0)
    since = np.clip(world.t - start, 0, slows if not meets else 10)
    x: Track = -0.35 - half + speed * (since - since**2 / (2 * slows) if not meets else np.minimum(since, 0.5 / speed))
    other, hits = np.full_like(world.t, 2 * half + 0.15), Hits()
    if meets:
        time = start + 0.5 / speed
        after = np.clip(world.t - time, 0, 1)
        other = 0.15 + half + 0.5 * speed * (after - after**2 / 2)
        x = x + 0.2 * speed * (after - after**2 / 2)
        hits = [(time, speed * 1.5)]
    way = path(world.t, side * x, half, z)
    world.box(way, [half] * 3, world.shade(rng))
    if meets:
        world.box(path(world.t, side * other, half, z), [half] * 3, world.shade(rng))
    return world.heard(hits, way, half)
