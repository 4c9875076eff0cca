"""Words → vectors, by hashed character n-grams.

A word's vector is the mean of its n-grams' vectors (Bojanowski et al. 2017), so that words never heard in training
still land near those they resemble, and no vocabulary file has to agree with the weights.
"""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

_BUCKETS = 12_288
_DIM = 64
MAX_WORDS = 12
_STOP_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "at",
        "by",
        "for",
        "from",
        "in",
        "into",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
    }
)


def words_of(text: str) -> list[str]:
    """The words that are read: lower case, without stop words, the first 12."""
    found = [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in _STOP_WORDS]
    return found[:MAX_WORDS]


@lru_cache(maxsize=16_384)
def _buckets(word: str) -> tuple[int, ...]:
    marked = f"<{word}>"
    grams = {marked} | {marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1)}
    return tuple(sorted(zlib.crc32(gram.encode()) % _BUCKETS for gram in grams))


class TextEncoder(nn.Module):
    """Texts → a row a word."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.grams = nn.EmbeddingBag(_BUCKETS, _DIM, mode="mean")
        self.project = nn.Sequential(nn.Linear(_DIM, dim), nn.GELU(), nn.Linear(dim, dim))
        self._dim = dim

    def forward(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Texts → words (B, 12, D), zero where there is none, and mask (B, 12), True where there is one."""
        device = self.grams.weight.device
        texts_words = [words_of(text) for text in texts]
        flat = [_buckets(word) for words in texts_words for word in words]
        mask = torch.zeros(len(texts), MAX_WORDS, dtype=torch.bool, device=device)
        for row, words in enumerate(texts_words):
            mask[row, : len(words)] = True
        out = torch.zeros(len(texts), MAX_WORDS, self._dim, device=device)
        if flat:
            indices = torch.tensor([index for grams in flat for index in grams], device=device)
            lengths = torch.tensor([0, *[len(grams) for grams in flat[:-1]]], device=device)
            vectors = self.project(self.grams(indices, lengths.cumsum(0)))
            out = out.masked_scatter(mask[..., None], vectors.to(out.dtype))
        return out, mask
