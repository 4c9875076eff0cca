"""Antialiased shapes painted onto all frames of a shot at once.

Shape legend: T frames, H rows, W columns. Positions and sizes are in units of the picture's height, x to the
right and y down, so that x runs from 0 to the picture's width; pixels need not be square. A shape is painted in a
window around it that travels with it, so that small shapes cost little.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Track = npt.NDArray[np.float32]  # (T,), one value a frame
Image = npt.NDArray[np.float32]  # (T, H, W), 0 black … 1 white


def along(values: npt.ArrayLike, n_frames: int) -> Track:
    """A constant or a track as (T,)."""
    return np.broadcast_to(np.asarray(values, np.float32), (n_frames,))


@dataclass(frozen=True)
class View:
    """Where a flat picture is looked at: shifts in heights and a zoom about the middle, each (T,)."""

    dx: Track
    dy: Track
    zoom: Track


@dataclass(frozen=True)
class _Window:
    """The frames a shape is seen in, the corner of its window in each, and the pixels' coordinates."""

    frames: npt.NDArray[np.intp]  # (n,)
    top: npt.NDArray[np.intp]
    left: npt.NDArray[np.intp]
    height: int
    width: int
    x: Image  # (n, 1, width)
    y: Image  # (n, height, 1)

    def track(self, values: npt.ArrayLike) -> Image:
        """A constant or a track (T,) as it is in the window's frames, (n, 1, 1)."""
        array = np.asarray(values, np.float32)
        return array[self.frames, None, None] if array.ndim else array.reshape(1, 1, 1)


class Canvas:
    """Grey frames (T, H, W) to paint on, back to front, or by depth where a depth is given."""

    def __init__(self, background: npt.NDArray[np.float32], n_frames: int, width: float, view: View | None = None):
        """`background` (H, W) or (T, H, W); `width` of the picture in its heights."""
        height, columns = background.shape[-2:]
        self.image: Image = np.array(np.broadcast_to(background, (n_frames, height, columns)), np.float32)
        self.depth = np.full(self.image.shape, np.inf, np.float32)
        self.n_frames = n_frames
        self.width = width
        self.view = view
        # Pixels are as high as 1 / rows, but may be wider: the soft edge lies between the two.
        self.scale = float(height / np.sqrt(max(width * height / columns, 0.5)))
        self._y = (np.arange(height, dtype=np.float32) + 0.5) / height
        self._x = (np.arange(columns, dtype=np.float32) + 0.5) * np.float32(width / columns)

    def place(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Track, Track]:
        """Scene coordinates → picture coordinates, (T,) each."""
        px, py = along(x, self.n_frames), along(y, self.n_frames)
        if self.view is None:
            return px, py
        middle = self.width / 2
        return (px - middle) * self.view.zoom + middle + self.view.dx, (py - 0.5) * self.view.zoom + 0.5 + self.view.dy

    def size(self, length: npt.ArrayLike) -> Track:
        """A length in the scene → its length in the picture, (T,)."""
        lengths = along(length, self.n_frames)
        return lengths if self.view is None else lengths * self.view.zoom

    def _window(self, x0: Track, x1: Track, y0: Track, y1: Track, opacity: Track) -> _Window | None:
        """The window that holds x0 … x1, y0 … y1 in the frames in which any of it is seen."""
        rows, columns = self.image.shape[1:]
        seen = (opacity > 0.004) & (x1 > 0) & (x0 < self.width) & (y1 > 0) & (y0 < 1)
        frames = np.flatnonzero(seen)
        if not len(frames):
            return None
        per_x = columns / self.width
        left = np.clip(np.floor(x0[frames] * per_x) - 1, 0, columns - 1).astype(np.intp)
        right = np.clip(np.ceil(x1[frames] * per_x) + 1, 1, columns).astype(np.intp)
        top = np.clip(np.floor(y0[frames] * rows) - 1, 0, rows - 1).astype(np.intp)
        bottom = np.clip(np.ceil(y1[frames] * rows) + 1, 1, rows).astype(np.intp)
        width, height = int((right - left).max()), int((bottom - top).max())
        left, top = np.minimum(left, columns - width), np.minimum(top, rows - height)
        x = self._x[left[:, None] + np.arange(width)][:, None, :]
        y = self._y[top[:, None] + np.arange(height)][:, :, None]
        return _Window(frames, top, left, height, width, x, y)

    def _paint(
        self,
        window: _Window,
        distance: Image,
        shade: npt.ArrayLike | Image,
        opacity: Track,
        depth: npt.ArrayLike | None = None,
    ) -> None:
        """Cover where the signed distance is negative, with an edge one pixel soft."""
        where = (window.frames, window.top, window.left)
        extent = (window.height, window.width)
        cover = np.clip(0.5 - distance * np.float32(self.scale), 0.0, 1.0) * window.track(opacity)
        if depth is not None:
            depths = sliding_window_view(self.depth, extent, axis=(1, 2), writeable=True)
            nearest, mine = depths[where], window.track(depth)
            cover *= mine < nearest + 1e-4
            depths[where] = np.where(cover > 0.5, mine, nearest)
        pixels = sliding_window_view(self.image, extent, axis=(1, 2), writeable=True)
        patch = pixels[where]
        tone = shade if isinstance(shade, np.ndarray) and shade.ndim == 3 else window.track(shade)
        patch += cover * (tone - patch)
        pixels[where] = patch

    def disc(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        radius: npt.ArrayLike,
        shade: npt.ArrayLike,
        opacity: npt.ArrayLike = 1.0,
        squash: npt.ArrayLike = 1.0,
        depth: npt.ArrayLike | None = None,
        soft: float = 0.0,
    ) -> None:
        """A disc, or for squash ≠ 1 an ellipse squash times as high; `soft` blurs its edge by a share of the radius."""
        (cx, cy), r, flat = self.place(x, y), self.size(radius), along(squash, self.n_frames)
        cover = along(opacity, self.n_frames)
        reach = r * (1 + soft)
        window = self._window(cx - reach, cx + reach, cy - reach * flat, cy + reach * flat, cover)
        if window is None:
            return
        dx, dy = window.x - window.track(cx), (window.y - window.track(cy)) / window.track(np.maximum(flat, 1e-3))
        distance: Image = np.sqrt(dx * dx + dy * dy) - window.track(r)
        if soft:
            distance = distance / (window.track(r) * np.float32(2 * soft * self.scale) + np.float32(1e-6))
        self._paint(window, distance, shade, cover, depth)

    def ball(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        radius: npt.ArrayLike,
        shade: float,
        light: tuple[float, float, float],
        pattern: tuple[npt.NDArray[np.float32], float] | None = None,
        depth: npt.ArrayLike | None = None,
        opacity: npt.ArrayLike = 1.0,
    ) -> None:
        """A lit sphere. `light` points to the light: right, down, towards the eye. `pattern`: an axis (T, 3) that
        turns with the sphere, and how much darker the bands across it are."""
        (cx, cy), r = self.place(x, y), np.maximum(self.size(radius), 1e-4)
        cover = along(opacity, self.n_frames)
        window = self._window(cx - r, cx + r, cy - r, cy + r, cover)
        if window is None:
            return
        inverse = 1 / window.track(r)
        nx, ny = (window.x - window.track(cx)) * inverse, (window.y - window.track(cy)) * inverse
        square = nx * nx + ny * ny
        nz = np.sqrt(np.maximum(1 - square, 0))
        lit = np.clip(nx * light[0] + ny * light[1] + nz * light[2], 0, 1)
        tone = np.float32(shade) * (0.35 + 0.75 * lit)
        if pattern is not None:
            axis, dark = pattern
            across = nx * axis[window.frames, 0, None, None] + ny * axis[window.frames, 1, None, None]
            across += nz * axis[window.frames, 2, None, None]
            tone = tone * (1 - dark * (np.abs(across) < 0.35))
        distance = np.asarray((np.sqrt(square) - 1) * window.track(r), np.float32)
        self._paint(window, distance, tone, cover, depth)

    def box(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        half_width: npt.ArrayLike,
        half_height: npt.ArrayLike,
        shade: npt.ArrayLike,
        angle: npt.ArrayLike = 0.0,
        opacity: npt.ArrayLike = 1.0,
    ) -> None:
        """A rectangle turned by an angle in radians."""
        (cx, cy), w, h = self.place(x, y), self.size(half_width), self.size(half_height)
        cos, sin = np.cos(along(angle, self.n_frames)), np.sin(along(angle, self.n_frames))
        reach_x, reach_y = np.abs(w * cos) + np.abs(h * sin), np.abs(w * sin) + np.abs(h * cos)
        cover = along(opacity, self.n_frames)
        window = self._window(cx - reach_x, cx + reach_x, cy - reach_y, cy + reach_y, cover)
        if window is None:
            return
        dx, dy = window.x - window.track(cx), window.y - window.track(cy)
        c, s = window.track(cos), window.track(sin)
        outside = np.maximum(np.abs(dx * c + dy * s) - window.track(w), np.abs(dy * c - dx * s) - window.track(h))
        self._paint(window, outside, shade, cover)

    def capsule(
        self,
        x0: npt.ArrayLike,
        y0: npt.ArrayLike,
        x1: npt.ArrayLike,
        y1: npt.ArrayLike,
        radius: npt.ArrayLike,
        shade: npt.ArrayLike,
        opacity: npt.ArrayLike = 1.0,
        end_radius: npt.ArrayLike | None = None,
        depth: npt.ArrayLike | None = None,
        rounding: float = 0.0,
    ) -> None:
        """A thick line with round ends, perhaps tapering: limbs, handles, ropes; `rounding` darkens its edges."""
        (ax, ay), (bx, by), r = self.place(x0, y0), self.place(x1, y1), self.size(radius)
        end = r if end_radius is None else self.size(end_radius)
        reach = np.maximum(r, end)
        cover = along(opacity, self.n_frames)
        window = self._window(
            np.minimum(ax, bx) - reach,
            np.maximum(ax, bx) + reach,
            np.minimum(ay, by) - reach,
            np.maximum(ay, by) + reach,
            cover,
        )
        if window is None:
            return
        px, py = window.x - window.track(ax), window.y - window.track(ay)
        lx, ly = window.track(bx - ax), window.track(by - ay)
        part = np.clip((px * lx + py * ly) / np.maximum(lx * lx + ly * ly, 1e-6), 0.0, 1.0)
        dx, dy = px - part * lx, py - part * ly
        width = window.track(r) + part * window.track(end - r)
        away = np.sqrt(dx * dx + dy * dy)
        tone: npt.ArrayLike | Image = shade
        if rounding:
            tone = window.track(shade) * (1 - np.float32(rounding) * np.minimum(away / np.maximum(width, 1e-4), 1) ** 2)
        self._paint(window, np.asarray(away - width, np.float32), tone, cover, depth)

    def polygon(
        self,
        x: npt.NDArray[np.float32],
        y: npt.NDArray[np.float32],
        shade: npt.ArrayLike,
        opacity: npt.ArrayLike = 1.0,
        depth: npt.ArrayLike | None = None,
    ) -> None:
        """A convex polygon with corners (T, K) in order, either way round."""
        corners = [self.place(x[:, k], y[:, k]) for k in range(x.shape[1])]
        px, py = np.stack([c[0] for c in corners], 1), np.stack([c[1] for c in corners], 1)
        area = (px * np.roll(py, -1, 1) - np.roll(px, -1, 1) * py).sum(1)
        cover = along(opacity, self.n_frames) * (np.abs(area) > 1e-6)
        window = self._window(px.min(1), px.max(1), py.min(1), py.max(1), cover)
        if window is None:
            return
        distance: Image | None = None
        for k in range(x.shape[1]):
            ex, ey = np.roll(px, -1, 1)[:, k] - px[:, k], np.roll(py, -1, 1)[:, k] - py[:, k]
            norm = np.sign(area) / np.maximum(np.hypot(ex, ey), 1e-6)
            nx, ny = ey * norm, -ex * norm
            side = window.x * window.track(nx) + (
                window.y * window.track(ny) - window.track(px[:, k] * nx + py[:, k] * ny)
            )
            distance = side if distance is None else np.maximum(distance, side)
        if distance is None:
            return
        # Sharp corners end where the polygon does, however long their soft edges would run on.
        for low, high, at in ((px.min(1), px.max(1), window.x), (py.min(1), py.max(1), window.y)):
            beyond = np.abs(at - window.track((low + high) / 2)) - window.track((high - low) / 2)
            distance = np.maximum(distance, beyond)
        self._paint(window, distance, shade, cover, depth)

    def flash(self, amount: npt.ArrayLike) -> None:
        """Brighten (or for negative amounts darken) whole frames."""
        self.image += along(amount, self.n_frames)[:, None, None]


def texture(rng: np.random.Generator, height: int, width: int, roughness: float) -> npt.NDArray[np.float32]:
    """A smooth random picture (H, W) with mean 0 and standard deviation 1; roughness 0 soft … 1 noise."""
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    picture = np.fft.irfft2(spectrum / (1.0 / height + np.hypot(fy, fx)) ** (2.0 - 1.6 * roughness), (height, width))
    return np.asarray((picture - picture.mean()) / max(float(picture.std()), 1e-6), np.float32)
