"""A room in three dimensions: a ground and a wall seen through a camera that may move, lit by one light.

Shape legend: T frames. World axes: x right, y up, z towards where the camera stands at rest; the ground is y = 0.
One unit is what fills the picture's height at the subject's distance, so motions need not know how near they are.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2a.train.scenes.camera import wandering
from v2a.train.scenes.canvas import Canvas, Track, along, texture

Path = npt.NDArray[np.float32]  # (T, 3), a point along time
Turn = npt.NDArray[np.float32]  # (T, 3, 3), a body's axes as columns

_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
# Faces as corners in order, with the axis and the side they look to.
_FACES = (
    ((0, 1, 3, 2), 0, -1), ((4, 5, 7, 6), 0, 1), ((0, 1, 5, 4), 1, -1),
    ((2, 3, 7, 6), 1, 1), ((0, 2, 6, 4), 2, -1), ((1, 3, 7, 5), 2, 1),
)  # fmt: skip
_TEXELS = 256


@dataclass(frozen=True)
class Eye:
    """The camera: position, its axes right, up and forward, and its focal length in picture heights."""

    position: Path
    right: Path
    up: Path
    forward: Path
    focal: Track


def path(t: Track, x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike) -> Path:
    """A point (T, 3) from its coordinates, each a constant or a track."""
    return np.stack([along(x, len(t)), along(y, len(t)), along(z, len(t))], 1)


def turned(axis: npt.ArrayLike, angle: npt.ArrayLike, n_frames: int) -> Turn:
    """A turn about a fixed axis (3,) by a track of angles, (T, 3, 3)."""
    ax = np.asarray(axis, np.float32)
    ax = ax / np.linalg.norm(ax)
    cross = np.array([[0, -ax[2], ax[1]], [ax[2], 0, -ax[0]], [-ax[1], ax[0], 0]], np.float32)
    a = along(angle, n_frames)[:, None, None]
    return np.asarray(np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * (cross @ cross), np.float32)


class World:
    """A place to put bodies in; each is painted at once on all frames, hidden where something nearer stands."""

    def __init__(self, rng: np.random.Generator, t: Track, size: int, width: float) -> None:
        self.t = t
        self.width = width
        height_m = np.exp(rng.uniform(np.log(0.35), np.log(6.0)))  # what the picture's height is in the real world
        self.gravity = float(9.81 / height_m)  # units / s²
        self.eye = _eye(rng, t)
        light = rng.normal(0, 1, 3) + np.array([0, 1.6, 0.8])
        self.light = (light / np.linalg.norm(light)).astype(np.float32)
        self.light[1] = max(self.light[1], 0.25)
        first = np.stack([self.eye.right[0], -self.eye.up[0], -self.eye.forward[0]])
        self._light_seen = tuple(float(v) for v in first @ self.light)
        self.ambient = float(rng.uniform(0.25, 0.6))
        self.hard_shadow = float(rng.uniform(0.15, 0.65))
        self.floor_shade = float(rng.uniform(0.15, 0.8))
        self.wall_z = -float(rng.uniform(0.6, 4.0)) if rng.random() < 0.75 else -60.0
        self.canvas = Canvas(self._backdrop(rng, size), len(t), width)

    def spot(self, rng: np.random.Generator, spread: float = 0.3) -> tuple[float, float]:
        """A place on the ground (x, z) that is in the picture as a rule."""
        return float(rng.normal(0, spread * min(self.width, 1.8) / 1.3)), float(rng.normal(0, spread))

    def shade(self, rng: np.random.Generator) -> float:
        """A shade that mostly stands out from the ground."""
        away = rng.uniform(0.15, 0.6) * rng.choice([-1, 1])
        shade = self.floor_shade + away
        return float(shade if 0.03 < shade < 1.0 else self.floor_shade - away) if rng.random() < 0.9 else 0.5

    def project(self, point: Path) -> tuple[Track, Track, Track]:
        """Picture coordinates and distance ahead of the camera, (T,) each."""
        offset = point - self.eye.position
        ahead = (offset * self.eye.forward).sum(1)
        scale = self.eye.focal / np.maximum(ahead, 0.05)
        x = self.width / 2 + (offset * self.eye.right).sum(1) * scale
        return x, 0.5 - (offset * self.eye.up).sum(1) * scale, ahead

    def strength(self, speed: float, size: float = 0.1) -> float:
        """How hard a body of that size strikes: 1 for a fist-sized one (0.1) after a fall of 0.6 units."""
        return float(np.clip(speed / np.sqrt(1.2 * self.gravity) * (size / 0.1) ** 0.35, 0, 1))

    def heard(self, hits: list[tuple[float, float]], where: Path, size: float = 0.1) -> list[tuple[float, float]]:
        """Hits (time, speed) of a body as events, without those too weak or too far outside the picture to count."""
        events = [(time, self.strength(speed, size)) for time, speed in hits]
        visible = self.seen(where, 0.12)
        at = np.clip(np.searchsorted(self.t, [time for time, _ in events]), 0, len(self.t) - 1)
        return [event for event, frame in zip(events, at, strict=True) if event[1] >= 0.08 and visible[frame]]

    def seen(self, point: Path, margin: float = 0.05) -> npt.NDArray[np.bool_]:
        """In which frames a point is inside the picture, or beyond its edge by no more than the margin."""
        x, y, ahead = self.project(point)
        inside = (x > -margin) & (x < self.width + margin) & (y > -margin) & (y < 1 + margin)
        return np.asarray(inside & (ahead > 0.05), np.bool_)

    def shadow(self, point: Path, radius: npt.ArrayLike, opacity: npt.ArrayLike = 1.0) -> None:
        """A soft shadow on the ground below a body, and away from the light as it rises."""
        height = np.maximum(point[:, 1], 0)
        ground = point.copy()
        ground[:, 0] -= self.light[0] / self.light[1] * height
        ground[:, 2] -= self.light[2] / self.light[1] * height
        ground[:, 1] = 0
        x, y, ahead = self.project(ground)
        scale = self.eye.focal / np.maximum(ahead, 0.05)
        dark = self.hard_shadow * along(opacity, len(self.t)) * (ahead > 0.1) / (1 + 1.5 * height)
        flat = np.clip(-self.eye.forward[:, 1], 0.06, 1)
        r = along(radius, len(self.t)) * (1 + 0.4 * height) * scale
        self.canvas.disc(x, y, r, 0.03, dark, flat, None, soft=0.35)

    def ball(
        self,
        point: Path,
        radius: float,
        shade: float,
        spin: tuple[Path, float] | None = None,
        shadow: bool = True,
        opacity: npt.ArrayLike = 1.0,
    ) -> None:
        """A sphere about a point. `spin`: an axis (T, 3) fixed in the ball, and how dark the band about it is."""
        if shadow:
            self.shadow(point, radius, opacity)
        x, y, ahead = self.project(point)
        pattern = None
        if spin is not None:
            axis, dark = spin
            seen = [(axis * self.eye.right).sum(1), -(axis * self.eye.up).sum(1), -(axis * self.eye.forward).sum(1)]
            pattern = (np.stack(seen, 1), dark)
        r = radius * self.eye.focal / np.maximum(ahead, 0.05)
        self.canvas.ball(x, y, r, shade, self._light_seen, pattern, ahead, along(opacity, len(self.t)) * (ahead > 0.1))  # type: ignore[arg-type]

    def rod(
        self,
        start: Path,
        end: Path,
        radius: float,
        shade: float,
        end_radius: float | None = None,
        shadow: bool = True,
        opacity: npt.ArrayLike = 1.0,
    ) -> None:
        """A round rod between two points: limbs, handles, sticks."""
        if shadow:
            self.shadow(np.asarray((start + end) / 2, np.float32), np.linalg.norm(end - start, axis=1) / 3, opacity)
        x0, y0, ahead0 = self.project(start)
        x1, y1, ahead1 = self.project(end)
        scale0 = self.eye.focal / np.maximum(ahead0, 0.05)
        scale1 = self.eye.focal / np.maximum(ahead1, 0.05)
        lit = np.float32(shade * (self.ambient + 0.55 * (1 - self.ambient) + 0.25))
        cover = along(opacity, len(self.t)) * (np.minimum(ahead0, ahead1) > 0.1)
        self.canvas.capsule(
            x0, y0, x1, y1, radius * scale0, lit, cover, (radius if end_radius is None else end_radius) * scale1,
            (ahead0 + ahead1) / 2, rounding=0.45,
        )  # fmt: skip

    def box(
        self,
        point: Path,
        half: npt.ArrayLike,
        shade: float,
        turn: Turn | None = None,
        shadow: bool = True,
        opacity: npt.ArrayLike = 1.0,
    ) -> None:
        """A box about a point with half its edges (3,), turned; every face has its own light."""
        n, edges = len(self.t), np.asarray(half, np.float32)
        axes = np.broadcast_to(np.eye(3, dtype=np.float32), (n, 3, 3)) if turn is None else turn
        if shadow:
            self.shadow(point, float(np.sort(edges)[1]) * 1.25, opacity)
        corners = point[:, None] + np.einsum("tij,kj->tki", axes, _CORNERS * edges)
        offset = corners - self.eye.position[:, None]
        ahead = np.einsum("tki,ti->tk", offset, self.eye.forward)
        scale = self.eye.focal[:, None] / np.maximum(ahead, 0.05)
        x = self.width / 2 + np.einsum("tki,ti->tk", offset, self.eye.right) * scale
        y = 0.5 - np.einsum("tki,ti->tk", offset, self.eye.up) * scale
        in_front = along(opacity, n) * (ahead.min(1) > 0.1)
        for order, axis, side in _FACES:
            normal = side * axes[:, :, axis]
            centre = point + normal * edges[axis]
            facing = (normal * (self.eye.position - centre)).sum(1) > 0
            lit = np.clip((normal * self.light).sum(1), 0, 1) * (1 - self.ambient) + self.ambient
            corner = list(order)
            self.canvas.polygon(
                x[:, corner], y[:, corner], shade * lit * 1.15, in_front * facing, ahead[:, corner].mean(1)
            )

    def _backdrop(self, rng: np.random.Generator, size: int) -> npt.NDArray[np.float32]:
        """Ground, wall and sky as they are seen, (T, size, size), or (size, size) where the camera stands still."""
        eye = self.eye
        tracks = (eye.position, eye.right, eye.up, eye.forward, eye.focal)
        still = all(np.allclose(track, track[:1], atol=1e-6) for track in tracks)
        position, right, up, forward, focal = (track[: 1 if still else None] for track in tracks)
        x = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * np.float32(self.width)
        y = np.float32(0.5) - (np.arange(size, dtype=np.float32) + 0.5) / size

        def ray(axis: int) -> npt.NDArray[np.float32]:
            down = (forward[:, axis] * focal)[:, None] + y * up[:, axis, None]
            return np.asarray(down[:, :, None] + (x * right[:, axis, None])[:, None, :], np.float32)

        ray_x, ray_y, ray_z = ray(0), ray(1), ray(2)
        to_floor = np.where(ray_y < -1e-4, -position[:, 1, None, None] / np.minimum(ray_y, -1e-4), np.inf)
        to_wall = np.where(ray_z < -1e-4, (self.wall_z - position[:, 2, None, None]) / np.minimum(ray_z, -1e-4), np.inf)
        reach = np.minimum(np.minimum(to_floor, to_wall), 200.0).astype(np.float32)
        at_x, at_y = position[:, 0, None, None] + reach * ray_x, position[:, 1, None, None] + reach * ray_y
        at_z = position[:, 2, None, None] + reach * ray_z
        floor, wall = _surface(rng), _surface(rng)
        floor_scale, wall_scale = np.exp(rng.uniform(np.log(15), np.log(90), 2)).astype(np.float32)
        floor_tone = np.float32(self.floor_shade) + np.float32(rng.uniform(0.02, 0.22)) * _texel(
            floor, at_x * floor_scale, at_z * floor_scale
        ) / (1 + np.float32(0.02) * floor_scale * reach)
        floor_tone *= 1 - np.float32(rng.uniform(-0.06, 0.06)) * np.clip(at_x, -3, 3)
        wall_shade = np.clip(self.floor_shade + rng.normal(0, 0.25), 0.08, 0.95)
        if self.wall_z > -50:
            detail = _texel(wall, at_x * wall_scale, at_y * wall_scale) * np.float32(rng.uniform(0.0, 0.15))
            wall_tone = np.float32(wall_shade) + detail / (1 + np.float32(0.02) * wall_scale * reach)
        else:  # sky, lighter towards the horizon
            wall_tone = np.float32(wall_shade) - np.float32(rng.uniform(-0.2, 0.4)) * ray_y
        tone = np.where(to_floor <= to_wall, floor_tone, wall_tone)
        tone = np.clip(tone, 0.02, 0.98).astype(np.float32)
        return np.asarray(tone[0] if still else tone, np.float32)


def _eye(rng: np.random.Generator, t: Track) -> Eye:
    """A camera at a random height and distance that looks at the subject, still or moving."""
    n = len(t)
    focal_0 = float(np.exp(rng.uniform(np.log(0.9), np.log(3.0))))
    lift = float(np.clip(abs(rng.normal(0.3, 0.25)), 0.03, 1.2))
    around = np.full(n, rng.normal(0, 0.3), np.float32)
    distance = np.full(n, focal_0 * rng.uniform(0.65, 1.3), np.float32)
    focal = np.full(n, focal_0, np.float32)
    dx, dy, zoom = wandering(rng, t)
    if (zoom != 1).any() and rng.random() < 0.5:  # a dolly rather than a zoom
        distance, zoom = distance / zoom, np.ones_like(zoom)
    if dx.any() and rng.random() < 0.15:  # around the subject
        around, dx = around + np.float32(0.8) * dx, np.zeros_like(dx)
    target = path(t, 0, rng.uniform(0.3, 0.42), 0)
    back = path(t, np.cos(lift) * np.sin(around), np.sin(lift), np.cos(lift) * np.cos(around))
    position: npt.NDArray[np.floating] = target + back * distance[:, None]
    position[:, 1] = np.maximum(position[:, 1], 0.08)
    forward = target - position
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    up = np.cross(right, forward)
    if rng.random() < 0.5:  # it turns on the spot
        forward = forward - right * dx[:, None] + up * dy[:, None]
        forward /= np.linalg.norm(forward, axis=1, keepdims=True)
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right, axis=1, keepdims=True)
        up = np.cross(right, forward)
    else:  # it travels
        position = position - right * dx[:, None] + up * dy[:, None]
        position[:, 1] = np.maximum(position[:, 1], 0.08)
    roll = rng.normal(0, 0.04)
    right, up = right * np.cos(roll) + up * np.sin(roll), up * np.cos(roll) - right * np.sin(roll)
    return Eye(*(np.asarray(a, np.float32) for a in (position, right, up, forward, focal * zoom)))


def _surface(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A texture that repeats (256, 256), about −2 … 2: plaster or grass, tiles, planks or checks."""
    surface = texture(rng, _TEXELS, _TEXELS, rng.uniform(0.1, 0.9))
    kind = rng.choice(["rough", "tiles", "planks", "checks"], p=[0.5, 0.2, 0.15, 0.15])
    cell = int(rng.choice([16, 32, 64]))
    index = np.arange(_TEXELS)
    if kind == "tiles":
        surface[index % cell < 2], surface[:, index % cell < 2] = -2.0, -2.0
    elif kind == "planks":
        surface += rng.normal(0, 1, _TEXELS // cell)[index // cell].astype(np.float32)
        surface[:, index % cell < 2] = -2.0
    elif kind == "checks":
        surface = surface * np.float32(0.3) + np.where(np.add.outer(index // cell, index // cell) % 2, 1, -1)
    return np.asarray(surface, np.float32)


def _texel(
    surface: npt.NDArray[np.float32], u: npt.NDArray[np.float32], v: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The texture at (u, v) in texels; it repeats."""
    texels = surface[v.astype(np.int32) & (_TEXELS - 1), u.astype(np.int32) & (_TEXELS - 1)]
    return np.asarray(texels, np.float32)
