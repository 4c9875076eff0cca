"""Doors, presses, saws, pendulums and paddles in a room."""

import numpy as np

from v2a.train.scenes.motion import Events, around_events, eased, event_times
from v2a.train.scenes.room_tools import blows, in_view
from v2a.train.scenes.world import World, path, turned


def closing(rng: np.random.Generator, world: World) -> Events:
    """A door, gate or lid: slammed, or closed softly without a sound."""
    t = world.t
    times = event_times(rng, float(t[-1]), 1.5, 4.5)
    opened, events = np.zeros_like(t), []
    reach = rng.uniform(0.5, 1.7)
    for k, time in enumerate(times):
        soft = rng.random() < 0.3
        shut_s = rng.uniform(0.7, 1.4) if soft else rng.uniform(0.12, 0.45)
        before = times[k - 1] if k else -2.0
        begin = rng.uniform(before + 0.2, max(time - shut_s - 0.3, before + 0.25))
        rise = eased(t, begin, begin + min(rng.uniform(0.4, 1.0), max(time - shut_s - begin, 0.1)))
        left = np.clip((time - t) / shut_s, 0, 1)
        fall = left * left * (3 - 2 * left) if soft else left * (2 - left) if rng.random() < 0.7 else left
        opened += np.where((t >= begin) & (t < time), rise * fall, 0)
        if not soft:
            events.append((time, float(np.clip(0.45 + 0.1 / shut_s + 0.3 * rng.random(), 0.3, 1.0))))
    angle = reach * opened
    wide, tall, z = rng.uniform(0.15, 0.35), rng.uniform(0.35, 0.8), rng.normal(-0.1, 0.15)
    x, side, shade = rng.normal(0, 0.25), int(rng.choice([-1, 1])), world.shade(rng)
    if rng.random() < 0.7:  # a door in its frame
        hinge = np.array([x - side * wide, tall / 2, z], np.float32)
        world.box(path(t, x, tall / 2, z - 0.05), [wide, tall / 2, 0.01], rng.uniform(0.02, 0.25), shadow=False)
        for post in (-1, 1):
            world.box(path(t, x + post * (wide + 0.03), tall / 2, z - 0.02), [0.03, tall / 2 + 0.03, 0.04], shade * 0.7)
        across = path(t, side * np.cos(angle), 0, np.sin(angle))
        world.box(
            hinge + across * np.float32(wide), [wide, tall / 2, 0.015], shade, turned([0, 1, 0], -side * angle, len(t))
        )
        if rng.random() < 0.3:
            knob = hinge + across * np.float32(1.8 * wide) + np.array([0, 0, 0.03], np.float32)
            world.ball(knob, 0.02, 0.9, shadow=False)
    else:  # a chest with a lid
        tall *= 0.4
        world.box(path(t, x, tall / 2, z), [wide, tall / 2, wide * 0.7], shade)
        back = np.array([x, tall + 0.01, z - wide * 0.7], np.float32)
        lid = back + path(t, 0, np.sin(angle), np.cos(angle)) * np.float32(wide * 0.7)
        world.box(lid, [wide * 1.03, 0.015, wide * 0.72], shade * 1.1, turned([1, 0, 0], -angle, len(t)))
    return in_view(world, events)


def stamping(rng: np.random.Generator, world: World) -> Events:
    """A press, pile driver or machine that strikes at every cycle."""
    away, events = blows(rng, world.t, 0.35, 2.0, rng.uniform(0.06, 0.3), 0.0)
    x, z = world.spot(rng, 0.2)
    wide, lift = rng.uniform(0.08, 0.2), rng.uniform(0.1, 0.35)
    anvil = rng.uniform(0.05, 0.25)
    shade = world.shade(rng)
    world.box(path(world.t, x, anvil / 2, z), [wide * 1.3, anvil / 2, wide], shade)
    ram = path(world.t, x, anvil + 0.08 + lift * away, z)
    world.box(ram, [wide, 0.08, wide * 0.8], world.shade(rng))
    world.rod(ram, path(world.t, x, 1.3, z), wide * 0.3, shade, shadow=False)
    if rng.random() < 0.5:
        for side in (-1, 1):
            world.box(path(world.t, x + side * wide * 1.8, 0.5, z - 0.1), [0.03, 0.5, 0.05], shade * 0.8)
    return in_view(world, events)


def sawing(rng: np.random.Generator, world: World) -> Events:
    """A saw, plane or brush drawn to and fro in bouts; each stroke is heard as it sets off."""
    t, events = world.t, []
    stroke, x0 = rng.uniform(0.25, 0.7), np.zeros_like(t)
    for start in event_times(rng, float(t[-1]), 2.5, 6.0):
        n = int(rng.integers(2, 9))
        inside = (t >= start) & (t < start + n * stroke)
        x0 = np.where(inside, 0.5 - 0.5 * np.cos(np.pi * (t - start) / stroke), x0)
        if n % 2:
            x0 = np.where(t >= start + n * stroke, 1 - eased(t, start + n * stroke + 0.2, start + n * stroke + 0.7), x0)
        events += [(start + k * stroke, 0.4 if k % 2 else 0.55) for k in range(n)]
    height, reach = rng.uniform(0.1, 0.35), rng.uniform(0.12, 0.3)
    world.box(path(t, 0, height / 2, 0), [0.08, height / 2, 0.3], world.shade(rng))
    blade = path(t, (x0 - 0.5) * reach, height + 0.05, rng.normal(0, 0.1))
    world.box(blade, [0.22, 0.035, 0.008], world.shade(rng), shadow=False)
    hand = blade + np.array([0.25, 0.03, 0], np.float32)
    world.rod(hand, hand + np.array([0.25, 0.2, 0.1], np.float32), 0.045, world.shade(rng), shadow=False)
    return in_view(world, events)


def pendulum_striking(rng: np.random.Generator, world: World) -> Events:
    """A weight on a rope that swings against a post, or only swings."""
    t, length = world.t, rng.uniform(0.4, 0.8)
    period, reach = 2 * np.pi * np.sqrt(length / world.gravity), rng.uniform(0.3, 0.9)
    period *= max(1.0, 0.7 / period)
    strikes, radius, z = rng.random() < 0.7, rng.uniform(0.04, 0.09), rng.normal(0, 0.2)
    begin = rng.uniform(-1, 1.5)
    angle, events, amplitude = np.full_like(t, reach), [], reach
    now = begin
    while now < t[-1]:
        since = t - now
        inside = since >= 0
        quarter = period / 4
        if not strikes:
            angle = np.where(inside, reach * np.cos(2 * np.pi * since / period), angle)
            break
        # Down in a quarter of the period, against the post, and up and down again with what is left.
        if now == begin:
            angle = np.where(inside, amplitude * np.cos(np.pi / 2 * since / quarter), angle)
            now += quarter
        else:
            angle = np.where(inside, amplitude * np.sin(np.pi / 2 * since / quarter), angle)
            now += 2 * quarter
        events.append((float(now), float(np.clip(amplitude / 0.7, 0.15, 1))))
        amplitude *= rng.uniform(0.7, 0.9)
        if amplitude < 0.04:
            angle = np.where(t >= now, 0, angle)
            break
    side = int(rng.choice([-1, 1]))
    top = path(t, 0, length + radius + 0.05, z)
    bob = top + path(t, side * length * np.sin(angle), -length * np.cos(angle), 0)
    if strikes:
        post = path(t, -side * (radius + 0.05), 0.2, z)
        world.box(post, [0.05, 0.2, 0.08], world.shade(rng))
    world.rod(top, bob, 0.01, world.shade(rng), shadow=False)
    world.ball(bob, radius, world.shade(rng))
    return in_view(world, [event for event in events if event[0] > 0.02])


def paddling(rng: np.random.Generator, world: World) -> Events:
    """A paddle, shovel or foot that dips into water or sand at each stroke; drops fly up."""
    away, events = blows(rng, world.t, 0.6, 2.2, rng.uniform(0.12, 0.3), 0.0)
    x, z = world.spot(rng, 0.2)
    side = int(rng.choice([-1, 1]))
    tip = path(world.t, x + side * 0.15 * away, 0.3 * away, z)
    grip = path(world.t, x - side * (0.3 - 0.1 * away), 0.45, z)
    world.rod(grip, tip, 0.018, world.shade(rng))
    world.ball(tip, 0.045, world.shade(rng), shadow=False)
    since, _ = around_events(world.t, [time for time, _ in events])
    age, lively = np.clip(since, 0, 1), since < 0.6
    for _ in range(int(rng.integers(3, 9))):
        vx, vy, vz = rng.normal(0, 0.5), rng.uniform(0.5, 1.5), rng.normal(0, 0.4)
        drop = path(world.t, x + vx * age, np.maximum(vy * age - 2.5 * age**2, 0), z + vz * age)
        world.ball(drop, 0.014, 0.95, shadow=False, opacity=lively * (age < vy / 2.5))
    return in_view(world, events)
