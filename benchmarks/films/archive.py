"""What time does to a film: grey, grain, flicker, an unsteady gate, scratches."""

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]


def aged(frames: Frames, rng: np.random.Generator) -> Frames:
    """The film (n × height × width × 3) as an archive would show it."""
    _, height, width, _ = frames.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    vignette = 1 - 0.25 * (x**2 + y**2)
    aged = np.empty_like(frames)
    scratch = int(rng.integers(width))
    for number, frame in enumerate(frames):
        grey = frame @ np.array([0.35, 0.5, 0.15])
        grey = np.roll(grey, rng.integers(-1, 2, 2) * (rng.random(2) < 0.3), axis=(0, 1))
        grey = (grey * 0.85 + 22) * vignette * rng.normal(1.0, 0.05) + rng.normal(0, 7, grey.shape)
        scratch = int(scratch + rng.integers(-1, 2)) % width
        if rng.random() < 0.3:
            grey[:, scratch] += 60
        aged[number] = grey.clip(0, 255)[..., None]
    return aged
