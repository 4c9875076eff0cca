"""Antialiased shapes painted onto all frames of a shot at once.

Shape legend: T frames, H rows, W columns. Positions and sizes are in units of the picture's height, x to the
right and y down, so that x runs from 0 to W / H.
"""

import numpy as np
import numpy.typing as npt

Track = npt.NDArray[np.float32]  # (T,), one value a frame
Image = npt.NDArray[np.float32]  # (T, H, W), 0 black … 1 white


def along(values: npt.ArrayLike, n_frames: int) -> Track:
    """A constant or a track as (T,)."""
    return np.broadcast_to(np.asarray(values, np.float32), (n_frames,))


class Canvas:
    """Grey frames (T, H, W) to paint on, back to front."""

    def __init__(self, background: npt.NDArray[np.float32], n_frames: int) -> None:
        height, width = background.shape
        self.image: Image = np.repeat(background[None].astype(np.float32), n_frames, axis=0)
        self.n_frames = n_frames
        self.scale = float(height)
        self._y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[None, :, None]
        self._x = ((np.arange(width, dtype=np.float32) + 0.5) / height)[None, None, :]

    def _track(self, values: npt.ArrayLike) -> Image:
        return along(values, self.n_frames)[:, None, None]

    def _paint(self, distance: Image, shade: npt.ArrayLike, opacity: npt.ArrayLike) -> None:
        """Cover where the signed distance is negative, with an edge one pixel soft."""
        cover = np.clip(0.5 - distance * self.scale, 0.0, 1.0) * self._track(opacity)
        self.image += cover * (self._track(shade) - self.image)

    def disc(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        radius: npt.ArrayLike,
        shade: npt.ArrayLike,
        opacity: npt.ArrayLike = 1.0,
        squash: npt.ArrayLike = 1.0,
    ) -> None:
        """A disc, or for squash ≠ 1 an ellipse that is squash times as high."""
        dx, dy = self._x - self._track(x), (self._y - self._track(y)) / self._track(squash)
        self._paint(np.hypot(dx, dy) - self._track(radius), shade, opacity)

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
        dx, dy = self._x - self._track(x), self._y - self._track(y)
        cos, sin = np.cos(self._track(angle)), np.sin(self._track(angle))
        outside = np.maximum(
            np.abs(dx * cos + dy * sin) - self._track(half_width),
            np.abs(dy * cos - dx * sin) - self._track(half_height),
        )
        self._paint(outside, shade, opacity)

    def capsule(
        self,
        x0: npt.ArrayLike,
        y0: npt.ArrayLike,
        x1: npt.ArrayLike,
        y1: npt.ArrayLike,
        radius: npt.ArrayLike,
        shade: npt.ArrayLike,
        opacity: npt.ArrayLike = 1.0,
    ) -> None:
        """A thick line with round ends: limbs, handles, ropes."""
        px, py = self._x - self._track(x0), self._y - self._track(y0)
        bx, by = self._track(x1) - self._track(x0), self._track(y1) - self._track(y0)
        along_line = np.clip((px * bx + py * by) / np.maximum(bx * bx + by * by, 1e-6), 0.0, 1.0)
        self._paint(np.hypot(px - along_line * bx, py - along_line * by) - self._track(radius), shade, opacity)

    def flash(self, amount: npt.ArrayLike) -> None:
        """Brighten (or for negative amounts darken) whole frames."""
        self.image += self._track(amount)


def texture(rng: np.random.Generator, height: int, width: int, roughness: float) -> npt.NDArray[np.float32]:
    """A smooth random picture (H, W) with mean 0 and standard deviation 1; roughness 0 soft … 1 noise."""
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    picture = np.fft.irfft2(spectrum / (1.0 / height + np.hypot(fy, fx)) ** (2.0 - 1.6 * roughness), (height, width))
    return np.asarray((picture - picture.mean()) / max(float(picture.std()), 1e-6), np.float32)
