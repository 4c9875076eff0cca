"""Words → vectors, by meaning or else by spelling.

By spelling, a word is the mean of its hashed character n-grams' vectors (Bojanowski et al. 2017), so that any word is
read and lands near those it resembles. By meaning, it is what `meanings` has for it.
"""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from v2a.models.pocket.meanings import MEANING_DIM, Meanings

_BUCKETS = 12_288
_DIM = 64
MAX_WORDS = 12
_BY_SPELLING = 0.2  # of words that have a meaning, in training
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
    """Texts → a row a word: from its meaning where the table has it, else from its spelling.

    Spelling tells little of a word that was never heard: 'gale' is not near 'gun'. In training it now and then stands
    in for the meaning, so that it is learnt.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.grams = nn.EmbeddingBag(_BUCKETS, _DIM, mode="mean")
        self.project = nn.Sequential(nn.Linear(_DIM, dim), nn.GELU(), nn.Linear(dim, dim))
        self.meaning = nn.Sequential(nn.Linear(MEANING_DIM, dim), nn.GELU(), nn.Linear(dim, dim))
        self.norm = nn.LayerNorm(dim)
        self.meanings = Meanings.none()
        self._dim = dim

    def forward(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Texts → words (B, 12, D), zero where there is none, and mask (B, 12), True where there is one."""
        device = self.grams.weight.device
        texts_words = [words_of(text) for text in texts]
        flat = [word for words in texts_words for word in words]
        mask = torch.zeros(len(texts), MAX_WORDS, dtype=torch.bool, device=device)
        for row, words in enumerate(texts_words):
            mask[row, : len(words)] = True
        out = torch.zeros(len(texts), MAX_WORDS, self._dim, device=device)
        if flat:
            grams = [_buckets(word) for word in flat]
            indices = torch.tensor([index for word in grams for index in word], device=device)
            lengths = torch.tensor([0, *[len(word) for word in grams[:-1]]], device=device)
            spelt = self.project(self.grams(indices, lengths.cumsum(0)))
            meant = self.meaning(self.meanings.of(flat).to(device))
            by_meaning = torch.tensor([word in self.meanings for word in flat], device=device)
            if self.training:
                by_meaning &= torch.rand(len(flat), device=device) > _BY_SPELLING
            vectors = self.norm(torch.where(by_meaning[:, None], meant, spelt))
            out = out.masked_scatter(mask[..., None], vectors.to(out.dtype))
        return out, mask
