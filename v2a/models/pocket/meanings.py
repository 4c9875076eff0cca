"""What words mean, so that a word never heard in training is read as those near it that were.

A table of common English words, each with a short vector, distilled from the sentence encoder all-MiniLM-L6-v2
(Apache-2.0; Wang et al. 2020, Reimers & Gurevych 2019) by `v2a.train.meanings`. It travels in the weights file.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

MEANING_DIM = 64

_VECTORS, _SCALE, _WORDS = "meanings.vectors", "meanings.scale", "meanings.words"


class Meanings:
    """A table word → vector (64,); words are lower case."""

    def __init__(self, words: Sequence[str], vectors: Tensor, scale: Tensor) -> None:
        """vectors: (N, 64) int8, to be multiplied by scale (64,)."""
        self._words, self._vectors, self._scale = words, vectors, scale

    @classmethod
    def none(cls) -> "Meanings":
        """A table that knows no word."""
        return cls((), torch.zeros(0, MEANING_DIM, dtype=torch.int8), torch.ones(MEANING_DIM))

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Meanings":
        """As `tensors` wrote it; without a table, one that knows no word."""
        if _WORDS not in tensors:
            return cls.none()
        words = bytes(tensors[_WORDS].to(torch.uint8).tolist()).decode().split("\n")
        return cls(words, tensors[_VECTORS].to(torch.int8), tensors[_SCALE].float())

    def tensors(self) -> dict[str, Tensor]:
        """For a weights file."""
        if not self._words:
            return {}
        text = torch.tensor(list("\n".join(self._words).encode()), dtype=torch.uint8)
        return {_VECTORS: self._vectors, _SCALE: self._scale, _WORDS: text}

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self._words)}

    def __contains__(self, word: str) -> bool:
        return word in self._rows

    def of(self, words: Sequence[str]) -> Tensor:
        """(n, 64); zeros for a word that is not in the table."""
        if not self._words:
            return torch.zeros(len(words), MEANING_DIM)
        rows = torch.tensor([self._rows.get(word, -1) for word in words])
        return self._vectors[rows.clamp_min(0)] * self._scale * (rows >= 0)[:, None]
