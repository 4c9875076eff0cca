"""Which windows a step sees, and all that chance decides about them.

Everything follows from a window's position in the training, counted from 0: so a run goes on where it was stopped, and
any number of processes and passes make the same steps of the same windows.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from v2a.train.mmaudio.objective import Batch
from v2a.train.mmaudio.shards import Example, Film, read_example

_NO_PICTURES = 0.1
_NO_WORDS = 0.1
_MEASURED = 64  # windows, at most
_MEASURING = 1 << 40  # positions that no training reaches


class Windows:
    """The windows of films, in an order that is new each time all have been seen once."""

    def __init__(self, folder: Path, films: Sequence[Film], seed: int) -> None:
        self._folder, self._seed = folder, seed
        self._all = [(film, window) for film in films for window in range(film.n_windows)]

    def __len__(self) -> int:
        return len(self._all)

    def batch(self, positions: Sequence[int]) -> Batch:
        """The rows at these positions. Raises UsageError where features cannot be read."""
        rows = []
        for position in positions:
            turn, place = divmod(position, len(self))
            rows.append(self._row(int(self._order(turn)[place]), position))
        return _stacked(rows)

    def measured(self) -> Batch | None:
        """Some windows, with pictures and words, at times and noises that are the same in every run; None where there
        are no windows.
        """
        n = min(_MEASURED, len(self))
        if not n:
            return None
        chosen = np.linspace(0, len(self) - 1, n).round().astype(int)
        batch = _stacked([self._row(int(k), _MEASURING + i) for i, k in enumerate(chosen)])
        # Evenly spread over the times' distribution, and not in the order of the films.
        even = torch.special.ndtri((torch.arange(n) + 0.5) / n).sigmoid()
        times = even[torch.from_numpy(np.random.default_rng(0).permutation(n))]
        given = torch.ones(n, dtype=torch.bool)
        return Batch(**{**vars(batch), "t": times, "seen": given, "said": given})

    def _row(self, index: int, position: int) -> tuple[Example, dict[str, Tensor]]:
        film, window = self._all[index]
        example = read_example(self._folder, film, window)
        rng = np.random.default_rng([self._seed, position])
        shape = tuple(example.mean.shape)
        chance = {
            "spread": torch.from_numpy(rng.standard_normal(shape, np.float32)),
            "noise": torch.from_numpy(rng.standard_normal(shape, np.float32)),
            "t": torch.tensor(rng.standard_normal(), dtype=torch.float32).sigmoid(),
            "seen": torch.tensor(rng.random() >= _NO_PICTURES),
            "said": torch.tensor(rng.random() >= _NO_WORDS),
        }
        return example, chance

    @lru_cache(maxsize=2)  # noqa: B019 - a batch may lie across two turns; there is one of these a run
    def _order(self, turn: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng([self._seed, _MEASURING, turn]).permutation(len(self))


def _stacked(rows: Sequence[tuple[Example, dict[str, Tensor]]]) -> Batch:
    columns = [vars(example) | chance for example, chance in rows]
    return Batch(**{name: torch.stack([row[name] for row in columns]) for name in columns[0]})


class Ahead:
    """Makes the next of what is asked for in order while the last one is used."""

    def __init__(self, make: Callable[[int], Batch]) -> None:
        self._make = make
        self._thread = ThreadPoolExecutor(1)
        self._coming: dict[int, Future[Batch]] = {}

    def __call__(self, number: int) -> Batch:
        """What `make` makes of a number."""
        future = self._coming.pop(number, None) or self._thread.submit(self._make, number)
        self._coming = {number + 1: self._thread.submit(self._make, number + 1)}
        return future.result()

    def close(self) -> None:
        """End its thread."""
        self._thread.shutdown(cancel_futures=True)
