"""Where things stand: poses as 4×4 matrices, z up, lengths in metres, angles in radians."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Motion = Callable[[float], Array]  # presentation time in seconds → pose (4×4) or point (3)
Placed = Array | Motion


def point(*metres: float) -> Array:
    """A point or a direction."""
    return np.array(metres, dtype=np.float64)


def turn(axis: str, angle_rad: float) -> Array:
    """The rotation (3×3) about the axis "x", "y" or "z", counter-clockwise seen from the axis' tip."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    rotation = np.eye(3)
    rotation[first, first] = rotation[second, second] = np.cos(angle_rad)
    rotation[second, first] = np.sin(angle_rad)
    rotation[first, second] = -rotation[second, first]
    return rotation


def at(position: Sequence[float] | Array, rotation: Array | None = None) -> Array:
    """The pose at `position`, turned by `rotation` (3×3)."""
    pose = np.eye(4)
    pose[:3, 3] = position
    if rotation is not None:
        pose[:3, :3] = rotation
    return pose


def between(start: Array, end: Array) -> Array:
    """The pose in the middle of two points, its z axis towards the second."""
    along = (end - start) / np.linalg.norm(end - start)
    across = np.cross(point(0, 1, 0) if abs(along[1]) < 0.9 else point(1, 0, 0), along)
    across /= np.linalg.norm(across)
    return at((start + end) / 2, np.stack([across, np.cross(along, across), along], axis=1))


def look(eye: Array, target: Array) -> Array:
    """The pose of a camera at `eye` that looks at `target`, upright."""
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross(point(0, 0, 1), back)
    right /= np.linalg.norm(right)
    return at(eye, np.stack([right, np.cross(back, right), back], axis=1))


def knee(hip: Array, ankle: Array, thigh: float, shin: float, forward: Array) -> Array:
    """Where the joint between two bones of given lengths lies, bent towards `forward`."""
    line = ankle - hip
    distance = min(float(np.linalg.norm(line)), 0.999 * (thigh + shin))
    line = line / np.linalg.norm(line)
    along = (thigh**2 - shin**2 + distance**2) / (2 * distance)
    bend = forward - line * (forward @ line)
    joint: Array = hip + line * along + bend / np.linalg.norm(bend) * np.sqrt(max(thigh**2 - along**2, 0.0))
    return joint


def smooth(x: float) -> float:
    """From 0 at x ≤ 0 to 1 at x ≥ 1, without a jump in speed."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
