"""One shot: a place, what happens in it, and the camera that looks on."""

import numpy as np
import numpy.typing as npt

from v2a.train.scenes.camera import seen_through, view_of
from v2a.train.scenes.canvas import Canvas, Track, texture
from v2a.train.scenes.impacts import IMPACTS, ROOM_IMPACTS
from v2a.train.scenes.motion import Events, shades
from v2a.train.scenes.ongoing import CONTINUOUS
from v2a.train.scenes.silent import OVERLAID, ROOM_SILENT, SILENT
from v2a.train.scenes.world import World, path, turned

Sounds = list[tuple[str, Events]]
_IN_A_ROOM = 0.62
# How many motions strike, and whether one goes on or one is silent.
_KINDS = {"impact": 0.5, "impact+": 0.12, "continuous": 0.06, "both": 0.07, "silent": 0.25}
_N_IMPACTS = {"impact": 1, "impact+": 2, "both": 1}


def shoot(rng: np.random.Generator, t: Track, size: int, width: float) -> tuple[npt.NDArray[np.float32], Sounds]:
    """Frames (T, size, size) at the times t in seconds from the shot's start, and its motions with their events."""
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    canvas, sounds = (_room if rng.random() < _IN_A_ROOM else _flat)(rng, t, size, width, kind)
    if rng.random() < 0.15:
        _foreground(rng, canvas)
    return canvas.image, sounds


def _flat(rng: np.random.Generator, t: Track, size: int, width: float, kind: str) -> tuple[Canvas, Sounds]:
    canvas = _flat_place(rng, t, size, width, held=kind != "silent")
    sounds: Sounds = []
    for _ in range(int(rng.integers(0, 3)) if kind == "silent" else int(rng.random() < 0.25)):
        SILENT[rng.integers(len(SILENT))](rng, canvas, t)
    if kind in ("continuous", "both"):
        sounds.append(_going_on(rng, canvas, t))
    for _ in range(_N_IMPACTS.get(kind, 0)):
        name = str(rng.choice(list(IMPACTS)))
        if events := IMPACTS[name](rng, canvas, t):
            sounds.append((name, events))
    return canvas, sounds


def _room(rng: np.random.Generator, t: Track, size: int, width: float, kind: str) -> tuple[Canvas, Sounds]:
    world = World(rng, t, size, width)
    sounds: Sounds = []
    _furniture(rng, world)
    if kind in ("continuous", "both"):
        sounds.append(_going_on(rng, world.canvas, t))
    weights = np.array([weight for _, _, weight in ROOM_IMPACTS])
    for _ in range(_N_IMPACTS.get(kind, 0)):
        name, motion, _ = ROOM_IMPACTS[rng.choice(len(ROOM_IMPACTS), p=weights / weights.sum())]
        if events := motion(rng, world):
            sounds.append((name, events))
    for _ in range(int(rng.integers(0, 3)) if kind == "silent" else int(rng.random() < 0.2)):
        ROOM_SILENT[rng.integers(len(ROOM_SILENT))](rng, world)
    if rng.random() < (0.3 if kind == "silent" else 0.12):
        OVERLAID[rng.integers(len(OVERLAID))](rng, world.canvas, t)
    return world.canvas, sounds


def _going_on(rng: np.random.Generator, canvas: Canvas, t: Track) -> tuple[str, Events]:
    name = str(rng.choice(list(CONTINUOUS)))
    return name, CONTINUOUS[name](rng, canvas, t)


def _flat_place(rng: np.random.Generator, t: Track, size: int, width: float, held: bool) -> Canvas:
    """A textured backdrop, seen through a camera that may move; `held` where it should keep to its subject."""
    backdrop = texture(rng, 3 * size, 3 * size, rng.uniform(0, 1)) * rng.uniform(0.0, 0.12) + rng.uniform(0.15, 0.8)
    backdrop += np.linspace(-1.5, 1.5, 3 * size)[:, None] * rng.uniform(-0.4, 0.4)
    view = view_of(rng, t, held=held)
    seen = seen_through(np.clip(backdrop, 0.02, 0.98).astype(np.float32), view, size, width)
    return Canvas(seen, len(t), width, view)


def _furniture(rng: np.random.Generator, world: World) -> None:
    """Things that only stand about, mostly behind the subject."""
    for _ in range(int(rng.choice([0, 1, 3], p=[0.5, 0.25, 0.25]))):
        x, z = rng.normal(0, 0.7), -0.25 - abs(rng.normal(0.3, 0.5))
        half = rng.uniform(0.03, 0.22, 3)
        yaw = turned([0, 1, 0], rng.uniform(0, np.pi), len(world.t))
        world.box(path(world.t, x, half[1], z), half, world.shade(rng), yaw)


def _foreground(rng: np.random.Generator, canvas: Canvas) -> None:
    """Something near the camera, out of the action, that hides a part of it."""
    shade, _ = shades(rng, canvas)
    x = rng.choice([rng.uniform(-0.05, 0.3), rng.uniform(0.7, 1.05)]) * canvas.width
    if rng.random() < 0.3:
        canvas.box(canvas.width / 2, 1.0, canvas.width, rng.uniform(0.05, 0.22), shade, rng.normal(0, 0.05))
    elif rng.random() < 0.5:
        canvas.box(x, 0.5, rng.uniform(0.03, 0.15), 1.0, shade, rng.normal(0, 0.1))
    else:
        canvas.disc(x, rng.uniform(0.3, 1.1), rng.uniform(0.1, 0.3), shade)
