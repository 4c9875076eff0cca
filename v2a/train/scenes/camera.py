"""How a camera moves during a shot: a pan, a zoom, a whip, an unsteady hand, a jolt."""

import numpy as np
import numpy.typing as npt

from v2a.train.scenes.canvas import Track, View
from v2a.train.scenes.motion import eased, smooth_walk

STILL = 0.64  # the share of shots on a tripod


def wandering(rng: np.random.Generator, t: Track) -> tuple[Track, Track, Track]:
    """A camera's shift to the right and down in picture heights, and its zoom as a factor, (T,) each."""
    dx, dy, zoom = np.zeros_like(t), np.zeros_like(t), np.ones_like(t)
    if rng.random() < STILL:
        return dx, dy, zoom
    end = float(t[-1])
    moves = rng.choice(["pan", "slide", "zoom", "hand", "shake", "whip"], size=rng.choice([1, 2], p=[0.7, 0.3]))
    for move in moves:
        begin, stop = np.sort(rng.uniform(-0.3 * end, 1.3 * end, 2))
        if move == "pan":
            dx += rng.normal(0, 0.06) * (t - end / 2)
            dy += rng.normal(0, 0.02) * (t - end / 2)
        elif move == "slide":
            dx += rng.normal(0, 0.3) * (eased(t, begin, stop) - 0.5)
            dy += rng.normal(0, 0.12) * (eased(t, begin, stop) - 0.5)
        elif move == "zoom":
            change = np.exp(rng.normal(0, 0.25) * (eased(t, begin, stop) - 0.5))
            zoom *= change.astype(np.float32)
        elif move == "hand":
            size, step = rng.uniform(0.004, 0.03), rng.uniform(0.15, 0.7)
            dx += smooth_walk(rng, t, step, size)
            dy += smooth_walk(rng, t, step, size)
        elif move == "shake":  # for a while, as on a vehicle or by a push
            amount = rng.uniform(0.005, 0.03) * (eased(t, begin, begin + 0.1) - eased(t, begin + 0.2, begin + 1.5))
            dx += smooth_walk(rng, t, 0.06, 1.0) * amount
            dy += smooth_walk(rng, t, 0.06, 1.0) * amount
        else:
            at, length = rng.uniform(0, end), rng.uniform(0.12, 0.5)
            dx += rng.choice([-1, 1]) * rng.uniform(0.3, 1.2) * (eased(t, at, at + length) - (at < end / 2))
    return dx, dy, zoom


def view_of(rng: np.random.Generator, t: Track, held: bool) -> View | None:
    """A flat picture's view, or None for a still camera; `held` keeps what is in the middle in the picture."""
    dx, dy, zoom = wandering(rng, t)
    if held:
        dx, dy = 0.25 * np.tanh(dx / 0.25), 0.12 * np.tanh(dy / 0.12)
    if not (dx.any() or dy.any() or (zoom != 1).any()):
        return None
    return View(dx.astype(np.float32), dy.astype(np.float32), zoom.astype(np.float32))


def seen_through(
    backdrop: npt.NDArray[np.float32], view: View | None, size: int, width: float
) -> npt.NDArray[np.float32]:
    """The part of a backdrop (H, W) that is seen: (size, size), or (T, size, size) through a moving view.

    The backdrop's middle third is the picture at rest.
    """
    rows, columns = backdrop.shape
    at = (np.arange(size, dtype=np.float32) + 0.5) / size
    if view is None:
        y, x = at[None], at[None]
    else:
        zoom = view.zoom[:, None]
        y = (at[None] - 0.5 - view.dy[:, None]) / zoom + 0.5
        x = (at[None] - 0.5 - view.dx[:, None] / width) / zoom + 0.5
    y0, y_part = _between((y + 1) * (rows / 3) - 0.5, rows)
    x0, x_part = _between((x + 1) * (columns / 3) - 0.5, columns)
    upper = backdrop[y0[:, :, None], x0[:, None, :]]
    upper += x_part[:, None] * (backdrop[y0[:, :, None], x0[:, None, :] + 1] - upper)
    if view is None:
        return np.asarray(upper[0], np.float32)
    lower = backdrop[y0[:, :, None] + 1, x0[:, None, :]]
    lower += x_part[:, None] * (backdrop[y0[:, :, None] + 1, x0[:, None, :] + 1] - lower)
    return np.asarray(upper + y_part[:, :, None] * (lower - upper), np.float32)


def _between(at: npt.NDArray[np.float32], length: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """The cell before each place and the part of the way to the next."""
    at = np.clip(at, 0, length - 1.001)
    index = at.astype(np.intp)
    return index, (at - index).astype(np.float32)
