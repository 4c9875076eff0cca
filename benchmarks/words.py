"""Do words choose the sound? Nearest mean spectrum, on ambience words.

    python -m benchmarks.words WORK

WORK is a folder of `v2a train` (its cut recordings). Each word's reference is the mean log-mel spectrum of the
recordings with that label that were trained on; a sound is given to the word whose reference is nearest. The table
says how often that is right for recordings never trained on and for generated sound, with the film held still.
"""

import os
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import numpy.typing as npt
import torch

import v2a
from v2a.media import VideoFile
from v2a.models.pocket import PocketModel
from v2a.request import Clip, Layer, Piece, Request, Sampling
from v2a.train.recordings import SoundBank

FILM = Path(__file__).parents[1] / "examples" / "reel.mp4"
WORDS = (
    "rain",
    "sea waves",
    "fire crackling",
    "helicopter",
    "chainsaw",
    "wind",
    "birds",
    "crickets",
    "train",
    "thunder",
)
SEEDS = 4


def main(work: Path) -> None:
    """Print the table as Markdown."""
    model = v2a.load_model("pocket", "cpu")
    assert isinstance(model, PocketModel)
    mel = model.networks.codec.mel

    def spectrum(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        mean = mel(torch.from_numpy(samples[None]))[0].mean(0).numpy().astype(np.float64)
        return np.asarray(mean - mean.mean())

    trained, held_out = SoundBank(work / "sounds"), SoundBank(work / "sounds", held_out=True)
    references = {word: np.mean(_spectra(trained, word, spectrum), 0) for word in WORDS}

    def nearest(one: npt.NDArray[np.float64]) -> str:
        return min(references, key=lambda word: float(np.square(one - references[word]).sum()))

    real = [(word, nearest(one)) for word in WORDS for one in _spectra(held_out, word, spectrum)]
    made = [(word, nearest(spectrum(_make(model, word, seed)))) for word in WORDS for seed in range(SEEDS)]
    print("| sound | right | of | by chance |\n|---|---|---|---|")
    for name, pairs in (("recordings never trained on", real), ("generated", made)):
        print(f"| {name} | {sum(a == b for a, b in pairs)} | {len(pairs)} | {len(pairs) / len(WORDS):.1f} |")
    print("\n| word | generated, nearest to |\n|---|---|")
    for word in WORDS:
        print(f"| {word} | {', '.join(b for a, b in made if a == word)} |")


def _spectra(
    bank: SoundBank, word: str, spectrum: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]
) -> list[npt.NDArray[np.float64]]:
    return [spectrum(bank.samples(s)) for s in bank.sounds if s.role == "bed" and s.label.startswith(word)]


def _make(model: PocketModel, word: str, seed: int) -> npt.NDArray[np.float32]:
    """Six seconds of ambience for a picture in which nothing moves."""
    still = Piece(Fraction(1), Fraction(1), Fraction(0), Fraction(6))
    request = Request(
        Clip("0" * 64, (still,)), "pocket", model.card.digest, (Layer("ambience", word),), Sampling(seed=seed)
    )
    with VideoFile(FILM) as source:
        (take,) = v2a.generate(model, source, request, lambda _: None)
    return np.asarray(take.audio.samples[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
