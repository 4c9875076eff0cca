"""The table of word meanings, distilled from a sentence encoder.

    python -m v2a.train.meanings WORDS ENCODER OUT

WORDS: a file with a word a line (for the shipped table, SCOWL's American list and the encoder's vocabulary); ENCODER: a
folder with all-MiniLM-L6-v2 as `transformers` reads it (that package is needed for this only); OUT: a safetensors file
for `v2a train pocket --meanings`. Each word stands for itself and, in "the sound of …", for what it sounds like; the
sum's principal components are kept.
"""

import re
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from v2a.models.pocket.meanings import MEANING_DIM, Meanings

_BATCH = 512


def distil(words: list[str], vectors: Tensor) -> Meanings:
    """A table of the words' vectors (N, D), D ≥ 64: mean removed, 64 principal components, 8 bits a number."""
    centred = vectors - vectors.mean(0)
    _, axes = torch.linalg.eigh(centred.T @ centred)
    short = centred @ axes.flip(1)[:, :MEANING_DIM]
    short = short / short.norm(dim=1, keepdim=True).clamp_min(1e-6) * MEANING_DIM**0.5
    scale = short.abs().amax(0) / 127
    return Meanings(words, (short / scale).round().to(torch.int8), scale)


def encode(words: list[str], encoder: Path) -> Tensor:
    """Vectors (N, 384) of words, by themselves and as sounds, added up."""
    from transformers import AutoModel, AutoTokenizer

    tokenise, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder).eval()

    @torch.inference_mode()
    def embed(texts: list[str]) -> Tensor:
        batch = tokenise(texts, padding=True, return_tensors="pt")
        mask = batch["attention_mask"][..., None]
        mean = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(mean, dim=1)

    parts = [words[at : at + _BATCH] for at in range(0, len(words), _BATCH)]
    return torch.cat([embed(part) + embed([f"the sound of {word}" for word in part]) for part in parts])


def main(words: Path, encoder: Path, out: Path) -> None:
    """See the module."""
    known = sorted({word for word in words.read_text().split() if re.fullmatch(r"[a-z]{2,14}", word)})
    save_file(distil(known, encode(known, encoder)).tensors(), out)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
