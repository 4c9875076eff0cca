"""People and animals in a room: they walk, run, jump and stamp, or only move their arms and heads."""

import numpy as np
import numpy.typing as npt

from v2a.train.scenes.canvas import Track
from v2a.train.scenes.motion import Events, eased, event_times, smooth_walk
from v2a.train.scenes.world import Path, World, path

Vector = npt.NDArray[np.float32]  # (3,)


def _steps(rng: np.random.Generator, t: Track, cadence: float) -> tuple[Track, tuple[Track, Track]]:
    """How many steps have been taken at each frame, with pauses; and the same on a fine grid of times."""
    fine = np.arange(0, float(t[-1]) + 0.002, 0.002).astype(np.float32)
    going = np.ones_like(fine)
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 3))):
            at, length = rng.uniform(0, t[-1]), rng.uniform(0.6, 3.0)
            going *= 1 - eased(fine, at, at + 0.3) * (1 - eased(fine, at + 0.3 + length, at + 0.6 + length))
    pace = cadence * going * (1 + smooth_walk(rng, fine, 1.0, rng.uniform(0, 0.08)))
    taken = np.cumsum(np.maximum(pace, 0)) * 0.002 + rng.uniform(0, 2)
    return np.interp(t, fine, taken).astype(np.float32), (fine, taken.astype(np.float32))


def walkers(rng: np.random.Generator, world: World) -> Events:
    """One or two figures that walk or run across, towards the camera or away; each foot is heard as it lands."""
    events: Events = []
    for _ in range(1 if rng.random() < 0.8 else 2):
        events += _walker(rng, world, legs=2)
    return sorted(events)


def hoofed(rng: np.random.Generator, world: World) -> Events:
    """A four-legged animal that walks, trots or gallops."""
    return _walker(rng, world, legs=4)


def _walker(rng: np.random.Generator, world: World, legs: int) -> Events:
    t = world.t
    height = rng.uniform(0.35, 0.85)
    running = rng.random() < 0.3
    cadence = rng.uniform(2.4, 3.6) if running else rng.uniform(1.2, 2.3)
    steps, (fine, taken) = _steps(rng, t, cadence)
    stride = height * (rng.uniform(0.35, 0.6) if running else rng.uniform(0.2, 0.42))
    on_ground = rng.uniform(0.3, 0.42) if running else rng.uniform(0.52, 0.62)
    if rng.random() < 0.15:  # on the spot
        stride *= 0.05
    heading = rng.choice([0.0, np.pi, -np.pi / 2, np.pi / 2]) + rng.normal(0, 0.3)
    ahead = np.array([np.cos(heading), 0, np.sin(heading)], np.float32)
    aside = np.array([-np.sin(heading), 0, np.cos(heading)], np.float32)
    middle = float(np.interp(rng.uniform(0.2, 0.8) * t[-1], t, steps))
    centre = np.array([rng.normal(0, 0.15), 0, rng.normal(0, 0.25)], np.float32)
    body = centre + ahead * ((steps - middle) * stride)[:, None]
    leg = height * 0.48
    shade, skin, close = world.shade(rng), world.shade(rng), rng.random() < 0.15
    if close:  # only the feet and shins are in the picture
        height, leg = height * 2.2, leg * 2.2
    thick = height * rng.uniform(0.035, 0.06)
    bob = leg * (0.93 + (0.05 if running else 0.025) * np.abs(np.sin(np.pi * steps)))
    # When each leg lands, as a part of the two steps of a cycle.
    gait = (
        (0.0, 0.5)
        if legs == 2
        else tuple(rng.permutation([0.0, 0.25, 0.5, 0.75]) if not running else (0.0, 0.12, 0.5, 0.62))
    )
    events: Events = []
    for index in range(legs):
        front = 0.0 if legs == 2 else (0.28 if index < 2 else -0.28) * height
        side = height * 0.06 * (1 if index % 2 else -1)
        cycle = steps / 2 + gait[index]
        part = cycle - np.floor(cycle)  # 0: the foot lands; on_ground: it lifts
        planted = part < on_ground
        swing = np.clip((part - on_ground) / (1 - on_ground), 0, 1)
        swing_eased = swing * swing * (3 - 2 * swing)
        reach = np.where(planted, 0.5 - part / on_ground, swing_eased - 0.5) * (2 * stride * on_ground)
        lift = np.where(planted, 0, leg * (0.3 if running else 0.13) * np.sin(np.pi * swing) ** 0.8)
        foot = body + ahead * (reach + front)[:, None] + aside * side + path(t, 0, lift + thick * 0.6, 0)
        hip = body + ahead * front + aside * side + path(t, 0, bob, 0)
        knee = (foot + hip) / 2 + ahead * (leg * (0.08 + 0.5 * lift / leg))[:, None]
        tone = shade * (1.0 if index % 2 else 0.8)
        world.rod(hip, knee, thick * 1.2, tone, thick, shadow=False)
        world.rod(knee, foot, thick, tone, thick * 0.7)
        if legs == 2:
            world.rod(foot, foot + ahead * np.float32(height * 0.1), thick * 0.7, tone * 0.6, shadow=False)
        lands = np.arange(np.ceil(taken[0] / 2 + gait[index]), np.floor(taken[-1] / 2 + gait[index]) + 1)
        times = np.interp((lands - gait[index]) * 2, taken, fine)
        visible = world.seen(foot, 0.15)
        events += [
            (float(time), float(np.clip((0.7 if running else 0.5) + rng.normal(0, 0.08), 0.2, 1)))
            for time in times
            if time > 0.02 and visible[min(int(np.searchsorted(t, time)), len(t) - 1)]
        ]
    if legs == 4:
        _beast(world, body, ahead, bob, height, shade)
    elif not close:
        _upper_body(world, body, ahead, aside, bob, height, steps, shade, skin)
    return sorted(events)


def _beast(world: World, body: Path, ahead: Vector, bob: Track, height: float, shade: float) -> None:
    back = body + path(world.t, 0, bob + height * 0.06, 0)
    chest = back + ahead * np.float32(0.3 * height)
    world.rod(back - ahead * np.float32(0.3 * height), chest, height * 0.13, shade)
    head = chest + ahead * np.float32(0.25 * height) + path(world.t, 0, 0.22 * height, 0)
    world.rod(chest, head, height * 0.07, shade, height * 0.05, shadow=False)
    world.rod(head, head + ahead * np.float32(0.12 * height), height * 0.06, shade, height * 0.035, shadow=False)


def _upper_body(
    world: World, body: Path, ahead: Vector, aside: Vector, bob: Track, height: float, steps: Track,
    shade: float, skin: float,
) -> None:  # fmt: skip
    """A trunk, a head, and arms that swing against the legs."""
    hip = body + path(world.t, 0, bob, 0)
    neck = hip + path(world.t, 0, height * 0.32, 0) + ahead * np.float32(height * 0.03)
    world.rod(hip, neck, height * 0.08, shade * 0.9, height * 0.1)
    world.ball(neck + path(world.t, 0, height * 0.13, 0), height * 0.075, skin, shadow=False)
    for sign in (-1, 1):
        swing = (sign * 0.16 * height * np.cos(np.pi * steps)).astype(np.float32)
        shoulder = neck + aside * np.float32(sign * height * 0.11)
        hand = shoulder + ahead * swing[:, None] - path(world.t, 0, height * 0.33, 0)
        world.rod(shoulder, hand, height * 0.03, shade, shadow=False)


def jumping(rng: np.random.Generator, world: World) -> Events:
    """A figure or animal that crouches, jumps and lands; the landing is heard."""
    t, height = world.t, rng.uniform(0.3, 0.7)
    times = event_times(rng, float(t[-1]), 0.9, 3.0)
    up, crouch, events = np.zeros_like(t), np.zeros_like(t), []
    flight = float(np.clip(2 * np.sqrt(2 * rng.uniform(0.1, 0.35) / world.gravity), 0.25, 0.65))
    rise = rng.uniform(0.08, 0.3)
    for time in times:
        start = time - flight
        part = np.clip((t - start) / flight, 0, 1)
        up = np.maximum(up, 4 * rise * part * (1 - part))
        crouch += eased(t, start - 0.35, start - 0.1) * (1 - eased(t, start - 0.1, start))
        crouch += np.where(t >= time, np.exp(-np.clip(t - time, 0, 9) / 0.12), 0)
        if start > -0.1:
            events.append((time, float(np.clip(0.5 + rise * 1.5, 0, 1))))
    crouch = np.minimum(crouch, 1)
    travel = rng.normal(0, 0.05) * t
    place = path(t, rng.normal(0, 0.2) + travel, 0, rng.normal(0, 0.2))
    shade, skin = world.shade(rng), world.shade(rng)
    hip = place + path(t, 0, up + height * (0.46 - 0.2 * crouch), 0)
    for sign in (-1, 1):
        foot = place + path(t, sign * height * 0.09, up + height * 0.03, 0)
        knee = np.float32(0.5) * (foot + hip) + path(
            t, sign * height * (0.05 + 0.12 * crouch), 0, height * 0.1 * crouch
        )
        world.rod(hip, knee, height * 0.06, shade)
        world.rod(knee, foot, height * 0.05, shade, shadow=False)
        hand = hip + path(t, sign * height * (0.2 + 0.1 * crouch), height * (0.1 + 1.2 * up), 0)
        world.rod(hip + path(t, sign * height * 0.1, height * 0.3, 0), hand, height * 0.035, skin, shadow=False)
    neck = hip + path(t, 0, height * 0.33, 0)
    world.rod(hip, neck, height * 0.1, shade * 0.9, shadow=False)
    world.ball(neck + path(t, 0, height * 0.13, 0), height * 0.08, skin, shadow=False)
    return events


def gesturing_figure(rng: np.random.Generator, world: World) -> Events:
    """A figure that stands and waves, dances with its arms, turns its head, bows: nothing touches anything."""
    t, height = world.t, rng.uniform(0.4, 1.1)
    place = path(t, rng.normal(0, 0.3), rng.choice([0.0, -0.4]), rng.normal(0, 0.3))
    lean = smooth_walk(rng, t, rng.uniform(0.4, 2.0), rng.uniform(0.0, 0.1))
    shade, skin = world.shade(rng), world.shade(rng)
    hip = place + path(t, 0, height * 0.45, 0)
    neck = hip + path(t, lean * height, height * 0.32, 0)
    for sign in (-1, 1):
        world.rod(hip, place + path(t, sign * height * 0.09, 0.03, 0), height * 0.055, shade)
        lively = rng.choice([0.1, 0.7, 1.5])
        step = rng.uniform(0.2, 1.2)
        raised, bent = smooth_walk(rng, t, step, lively), smooth_walk(rng, t, step, lively)
        shoulder = neck + path(t, sign * height * 0.12, 0, 0)
        upper = -np.pi / 2 + sign * (0.5 + raised)
        elbow = shoulder + path(t, np.cos(upper), np.sin(upper), 0.2) * np.float32(height * 0.18)
        lower = upper + sign * bent
        world.rod(shoulder, elbow, height * 0.035, shade, shadow=False)
        world.rod(
            elbow, elbow + path(t, np.cos(lower), np.sin(lower), 0.3) * np.float32(height * 0.18), height * 0.03, skin,
            shadow=False,
        )  # fmt: skip
    world.rod(hip, neck, height * 0.09, shade * 0.9, height * 0.11)
    head = neck + path(t, lean * height * 0.4, height * 0.13, 0)
    look = smooth_walk(rng, t, rng.uniform(0.4, 1.5), rng.uniform(0, 0.9))
    world.ball(head, height * 0.085, skin, shadow=False)
    nose = head + path(t, np.sin(look), 0, np.cos(look)) * np.float32(height * 0.085)
    world.ball(nose, height * 0.02, skin * 0.6, shadow=False)
    return []
