"""Tools and hands that strike in a room."""

import numpy as np

from v2a.train.scenes.canvas import Track
from v2a.train.scenes.motion import Events, around_events, eased, event_times
from v2a.train.scenes.world import Path, World, path, turned


def blows(
    rng: np.random.Generator, t: Track, shortest: float, longest: float, fall_s: float, feints: float = 0.12
) -> tuple[Track, Events]:
    """How far a tool is from what it strikes: 0 at the blow, 1 lifted; and the blows with their strengths.

    Some swings turn back before they touch: they are no events.
    """
    times = event_times(rng, float(t[-1]), shortest, longest)
    since, until = around_events(t, times)
    lift_s, dwell = rng.uniform(0.12, 0.6), rng.uniform(0.0, 0.15) if rng.random() < 0.5 else 0.0
    rise = np.clip((since - dwell) / lift_s, 0, 1)
    rise = rise * rise * (3 - 2 * rise)
    fall = np.clip(until / fall_s, 0, 1)
    away = rise * fall * (2 - fall)
    away = away + rng.uniform(0, 0.2) * np.sin(np.pi * np.clip(since / 0.18, 0, 1)) * (until > 0.1)
    events: Events = []
    strengths = np.clip(rng.uniform(0.6, 0.95) + rng.uniform(0, 0.3) * rng.standard_normal(len(times) + 1), 0.25, 1.0)
    away = away * (0.4 + 0.6 * strengths)[np.searchsorted(times, t)]  # the harder the blow, the farther the swing
    for time, strength in zip(times, strengths, strict=False):
        if rng.random() < feints:
            near = np.clip(np.abs(t - time) / min(0.45, shortest), 0, 1)
            near = near * near * (3 - 2 * near)
            away = np.where(near < 1, 0.35 + 0.65 * near, away)
        else:
            events.append((time, float(strength)))
    return np.asarray(away, np.float32), events


def in_view(world: World, events: Events) -> Events:
    """The events during which the camera looks at the place where the tools are, or nearly."""
    seen = world.seen(path(world.t, 0, 0.25, 0), 0.1)
    return [event for event in events if event[0] < world.t[-1] and seen[np.searchsorted(world.t, event[0])]]


def swinging_tool(rng: np.random.Generator, world: World) -> Events:
    """A hammer, axe, mallet or sword swung at an anvil, a block or a post; perhaps by a figure."""
    away, events = blows(rng, world.t, 0.4, 2.2, rng.uniform(0.08, 0.28))
    x, z = world.spot(rng, 0.15)
    length, height = rng.uniform(0.2, 0.45), rng.uniform(0.05, 0.3)
    yaw, lift = rng.uniform(-np.pi, np.pi), rng.uniform(0.5, 2.0)
    ahead = np.array([np.cos(yaw), 0, np.sin(yaw)], np.float32)
    side = np.array([-np.sin(yaw), 0, np.cos(yaw)], np.float32)
    head = rng.uniform(0.02, 0.06)
    # The grip follows the blow a little, so that the whole arm works.
    lean = rng.uniform(0, 0.15)
    contact = rng.uniform(-0.5, 0.2)
    angle = contact + lift * away
    at = path(world.t, x, height + head, z)
    grip = at - (ahead * np.cos(contact) + np.array([0, np.sin(contact), 0], np.float32)) * length
    grip = grip + path(world.t, 0, lean * away, 0)
    direction = ahead * np.cos(angle)[:, None] + path(world.t, 0, np.sin(angle), 0)
    tip = grip + direction * np.float32(length)
    up = -ahead * np.sin(angle)[:, None] + path(world.t, 0, np.cos(angle), 0)
    turn = np.stack([direction, up, np.broadcast_to(side, direction.shape)], 2).astype(np.float32)
    block = rng.uniform(0.06, 0.16)
    world.box(path(world.t, x, height / 2, z), [block, height / 2, block * rng.uniform(0.6, 1.2)], world.shade(rng))
    if rng.random() < 0.6:  # somebody holds it
        body = grip[:1].repeat(len(world.t), 0) - ahead * np.float32(0.15)
        body[:, 1] = 0
        top = body + np.array([0, grip[0, 1] + 0.2, 0], np.float32) - path(world.t, 0, 0.05 * (1 - away), 0)
        skin = world.shade(rng)
        world.rod(body, top, 0.09, skin)
        world.ball(top + np.array([0, 0.14, 0], np.float32), 0.065, skin * 0.9 + 0.1, shadow=False)
        world.rod(top, grip, 0.035, skin, shadow=False)
    shade = world.shade(rng)
    world.rod(grip, tip, rng.uniform(0.01, 0.02), shade)
    style = rng.integers(3)
    if style == 0:
        world.box(tip, [head, head * rng.uniform(1.2, 2.2), head], shade, turn, shadow=False)
    elif style == 1:
        world.box(tip, [head * 1.5, head, 0.01], shade, turn, shadow=False)
    if rng.random() < 0.25:
        _sparks(rng, world, at, [time for time, _ in events])
    return in_view(world, events)


def _sparks(rng: np.random.Generator, world: World, at: Path, times: list[float]) -> None:
    since, _ = around_events(world.t, times)
    age = np.clip(since, 0, 1)
    for _ in range(int(rng.integers(3, 8))):
        vx, vy, vz = rng.normal(0, 0.8), rng.uniform(0.2, 1.2), rng.normal(0, 0.5)
        way = at + path(world.t, vx * age, vy * age - 2 * age**2, vz * age)
        world.ball(way, 0.01, 1.4, shadow=False, opacity=np.exp(-age / 0.1) * (since < 0.4))


def chopping(rng: np.random.Generator, world: World) -> Events:
    """A knife that goes up and down on a board, perhaps along a thing that it cuts."""
    away, events = blows(rng, world.t, 0.18, 0.9, rng.uniform(0.05, 0.12), 0.05)
    x, z = world.spot(rng, 0.15)
    height, length, lift = rng.uniform(0.05, 0.25), rng.uniform(0.15, 0.35), rng.uniform(0.06, 0.25)
    world.box(
        path(world.t, x, height / 2, z), [rng.uniform(0.2, 0.4), height / 2, rng.uniform(0.12, 0.3)], world.shade(rng)
    )
    travel = rng.uniform(0, 0.03) * world.t
    rest = rng.uniform(-0.2, 0.2)
    world.rod(
        path(world.t, x + travel, height + 0.03, z), path(world.t, x + 0.25, height + 0.03, z), 0.035, world.shade(rng)
    )
    blade = path(world.t, x + travel, height + 0.03 + lift * away, z)
    turn = turned([1, 0, 0], rest * away, len(world.t))
    world.box(blade, [0.008, 0.035, length / 2], world.shade(rng), turn, shadow=False)
    hand = blade + path(world.t, 0, 0.02, length / 2 + 0.03)
    world.rod(hand, hand + np.array([-0.1, 0.2, 0.3], np.float32), 0.04, world.shade(rng), shadow=False)
    return in_view(world, events)


def knocking(rng: np.random.Generator, world: World) -> Events:
    """A fist that knocks on a wall or door, in groups of two to four."""
    t, times = world.t, []
    for start in event_times(rng, float(t[-1]), 1.2, 4.0):
        gap = rng.uniform(0.16, 0.4)
        times += [start + k * gap for k in range(int(rng.integers(1, 5)))]
    times = [time for k, time in enumerate(sorted(times)) if k == 0 or time - sorted(times)[k - 1] > 0.12]
    since, until = around_events(t, times)
    reach = rng.uniform(0.03, 0.12)
    far = reach * np.clip(since / 0.1, 0, 1) * np.clip(until / 0.08, 0, 1) + 0.2 * eased(
        np.minimum(since, until), 0.25, 0.7
    )
    side, height, z = int(rng.choice([-1, 1])), rng.uniform(0.3, 0.7), rng.normal(0, 0.1)
    wall, frontal = rng.uniform(-0.1, 0.3), rng.random() < 0.35
    radius, skin = rng.uniform(0.04, 0.08), world.shade(rng)
    if frontal:  # seen from behind the hand
        world.box(path(t, 0, 0.5, -0.2), [rng.uniform(0.2, 0.4), 0.5, 0.03], world.shade(rng))
        fist = path(t, 0.05, height, -0.17 + radius + far)
        elbow = fist + np.array([0.1, -0.3, 0.2], np.float32)
    else:
        world.box(path(t, side * (wall + 0.04), 0.5, z), [0.04, 0.5, 0.3], world.shade(rng))
        fist = path(t, side * (wall - radius - far), height, z)
        elbow = fist + np.array([-side * 0.3, -0.15, 0.05], np.float32)
    world.rod(elbow, fist, radius * 0.7, skin, shadow=False)
    world.ball(fist, radius, skin, shadow=False)
    return in_view(world, [(time, float(rng.uniform(0.45, 0.85))) for time in times])


def clapping_hands(rng: np.random.Generator, world: World) -> Events:
    """Two hands or boards that come together, or only nearly."""
    away, events = blows(rng, world.t, 0.22, 1.4, rng.uniform(0.06, 0.14))
    y, z, size = rng.uniform(0.25, 0.6), rng.normal(0, 0.1), rng.uniform(0.04, 0.09)
    apart, skin = rng.uniform(0.08, 0.3), world.shade(rng)
    lean = rng.normal(0, 0.4)
    for sign in (-1, 1):
        middle = path(world.t, sign * (0.02 + apart * away), y + sign * lean * 0.1 * away, z)
        turn = turned([0, 0, 1], sign * 0.3 * away + lean * 0.3, len(world.t))
        world.box(middle, [0.02, size * 1.5, size], skin, turn)
        shoulder = path(world.t, sign * 0.28, y - 0.1, z + rng.uniform(-0.3, 0.3))
        world.rod(middle, shoulder, 0.04, skin * 0.9, shadow=False)
    return in_view(world, events)


def drum_sticks(rng: np.random.Generator, world: World) -> Events:
    """Sticks that strike drums, pots or keys in turn."""
    n, events = int(rng.integers(1, 4)), []
    times = event_times(rng, float(world.t[-1]), 0.2, 1.0)
    height, shade = rng.uniform(0.1, 0.3), world.shade(rng)
    shared, lift = rng.random() < 0.6, rng.uniform(0.3, 1.2)
    for k in range(n):
        mine = times[k::n]
        since, until = around_events(world.t, mine)
        away = np.clip(since / 0.15, 0, 1) * np.clip(until / rng.uniform(0.06, 0.12), 0, 1)
        x = (k - (n - 1) / 2) * (0.14 if shared else 0.32)
        if k == 0 or not shared:
            middle = 0.0 if shared else x
            radius = rng.uniform(0.12, 0.25)
            base, top = path(world.t, middle, 0.02, 0), path(world.t, middle, height - radius * 0.5, 0)
            world.rod(base, top, radius, shade * rng.uniform(0.7, 1.1))
            dent = 0.02 * np.exp(-np.clip(since, 0, 5) / 0.06)
            world.box(path(world.t, middle, height - 0.012 - dent, 0), [radius * 0.9, 0.01, radius * 0.8], shade)
        tip = path(world.t, x, height + 0.01 + 0.3 * np.sin(lift * away), 0.05)
        grip = path(world.t, x + 0.06, height + 0.1 + 0.1 * away, 0.4)
        world.rod(grip, tip, 0.014, world.shade(rng), shadow=False)
        world.ball(grip, 0.045, 0.6, shadow=False)
        events += [(time, float(rng.uniform(0.45, 1.0))) for time in mine]
    return in_view(world, events)
