"""Which class of sounds does this belong to? A small network on spectral statistics, trained on real recordings.

It answers whether words choose the sound: what it says of generated sound is compared with what it says of real
recordings of families it was not trained on, by cross-validation. Statistics of log-mel frames over windows of
0.64 s (mean, spread and mean change of each band, the loudest frames, and how fast the level moves), loudness set
aside, go through one hidden layer; several networks vote. No pretrained network is needed, and none has heard the
model under test.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from v2a.evaluate.spectra import Samples, log_mel

WINDOW_FRAMES = 64
_MOST_WINDOWS = 8
_RANGE_DB = 60.0
_LOUDEST_FRAMES = 8
_MODULATION_BINS = 16

_HIDDEN = 128
_STEPS = 400
_VOTERS = 3

Numbers = npt.NDArray[np.float64]


def statistics(samples: Samples, rate_hz: int) -> Numbers:
    """A row of statistics for each of up to eight windows of a sound, (windows, 272)."""
    levels = log_mel(samples, rate_hz)
    if len(levels) < WINDOW_FRAMES:
        levels = np.pad(levels, ((0, WINDOW_FRAMES - len(levels)), (0, 0)), constant_values=-120.0)
    n = min(len(levels) // WINDOW_FRAMES, _MOST_WINDOWS)
    starts = np.linspace(0, len(levels) - WINDOW_FRAMES, n).round().astype(int)
    windows = [levels[start : start + WINDOW_FRAMES] for start in starts]
    loudest = max(window.max() for window in windows)
    return np.stack([_row(window) for window in windows if window.max() > loudest - _RANGE_DB / 2])


def _row(window: Numbers) -> Numbers:
    """Statistics of one window (frames, bands)."""
    levels = np.maximum(window - window.max(), -_RANGE_DB) / _RANGE_DB
    loudness = levels.mean(1)
    loudest = np.argsort(loudness)[-_LOUDEST_FRAMES:]
    modulation = np.abs(np.fft.rfft(loudness - loudness.mean()))[1 : 1 + _MODULATION_BINS] / 8
    parts = [levels.mean(0), levels.std(0), np.abs(np.diff(levels, axis=0)).mean(0) * 4, levels[loudest].mean(0)]
    return np.concatenate([*parts, modulation])


class Classifier:
    """Trained on rows of statistics and the classes of the sounds they are of."""

    def __init__(self, rows: Sequence[Numbers], classes: Sequence[int], n_classes: int) -> None:
        """rows: (windows, k) of each sound. Every class weighs alike, and every sound within its class."""
        x = np.concatenate(rows)
        counts = np.bincount(classes, minlength=n_classes)
        weight = [1 / (counts[kind] * len(row)) for row, kind in zip(rows, classes, strict=True) for _ in row]
        y = [kind for row, kind in zip(rows, classes, strict=True) for _ in row]
        self._mean, self._std = x.mean(0), x.std(0) + 1e-3
        self._networks = [
            _trained(self._standard(x), torch.tensor(y), torch.tensor(weight, dtype=torch.float32), n_classes, seed)
            for seed in range(_VOTERS)
        ]

    def probabilities(self, rows: Numbers) -> Numbers:
        """Rows (windows, k) of one sound → probabilities (classes,), the windows' mean."""
        x = self._standard(rows)
        with torch.inference_mode():
            return np.asarray(
                np.mean([network(x).softmax(-1).double().mean(0).numpy() for network in self._networks], 0)
            )

    def _standard(self, rows: Numbers) -> Tensor:
        return torch.tensor((rows - self._mean) / self._std, dtype=torch.float32)


def _trained(x: Tensor, y: Tensor, weight: Tensor, n_classes: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(x.shape[1], _HIDDEN), nn.GELU(), nn.Dropout(0.5), nn.Linear(_HIDDEN, n_classes)
        )
        optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.05)
        for _ in range(_STEPS):
            chosen = torch.multinomial(weight, 256, replacement=True)
            loss = nn.functional.cross_entropy(network(x[chosen]), y[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network.eval()


def folds(groups: Sequence[str], classes: Sequence[int], n: int) -> list[int]:
    """A fold for each sound, such that no group is split and each class is spread evenly over the folds."""
    fold_of: dict[str, int] = {}
    for kind in sorted(set(classes)):
        sizes = {g: 0 for g, c in zip(groups, classes, strict=True) if c == kind}
        for g, c in zip(groups, classes, strict=True):
            sizes[g] = sizes.get(g, 0) + (c == kind)
        filled = [0] * n
        for group in sorted((g for g in sizes if sizes[g]), key=lambda g: -sizes[g]):
            fold_of.setdefault(group, int(np.argmin(filled)))
            filled[fold_of[group]] += sizes[group]
    return [fold_of[group] for group in groups]
