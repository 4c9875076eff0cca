"""Does sound begin when it should, on new scenes of the training renderer?

    python -m benchmarks.scenes WORK

WORK is a folder of `v2a train` (its cut recordings). Scenes have seeds never used in training; `real` is their
composed soundtrack from recordings never trained on, and so what the onset detector can reach at best. `still` holds
the first frame: what is left of the timing then is chance.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import numpy.typing as npt

import v2a
from v2a.audio import Audio
from v2a.evaluate.onsets import Score, onsets, score
from v2a.evaluate.sync import pooled
from v2a.media import VideoInfo
from v2a.models.base import Model
from v2a.request import Clip, Cue, Layer, Piece, Request, Sampling
from v2a.train.recordings import SoundBank
from v2a.train.scenes import Scene, render_scene
from v2a.train.scenes.film import DURATION_S, TOKEN_RATE_HZ
from v2a.train.soundtrack import compose

N_SCENES = 40
TOLERANCES_S = (0.05, 0.1)
SEED = 1 << 40


class SceneFilm:
    """A rendered scene as a film."""

    info = VideoInfo(Path("scene"), Fraction(TOKEN_RATE_HZ), Fraction(DURATION_S), 32, 32, "none", False, None)

    def __init__(self, scene: Scene) -> None:
        self._frames = scene.frames

    def read(self, times_s: Sequence[Fraction], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """See FrameSource.read; frames have the model's size already."""
        shown = self._frames[[min(int(time * TOKEN_RATE_HZ), len(self._frames) - 1) for time in times_s]]
        return np.repeat(shown[..., None], 3, axis=-1)


def main(work: Path) -> None:
    """Print the table as Markdown."""
    model = v2a.load_model("pocket", "cpu")
    bank = SoundBank(work / "sounds", held_out=True)
    scores: dict[tuple[str, float], list[Score]] = defaultdict(list)
    number = done = 0
    while done < N_SCENES:
        rng = np.random.default_rng([SEED, number])
        number += 1
        scene = render_scene(rng)
        track = compose(rng, scene, bank)
        true = [time for time, _ in track.events]
        if not 2 <= len(true) <= 16:
            continue
        done += 1
        words = track.captions["effects"]
        sounds = {
            "real recordings": Audio(track.layers["effects"][None], 48_000),
            "pixels": _make(model, scene, done, "", ()),
            "pixels and words": _make(model, scene, done, words, ()),
            "pixels, words and cues": _make(model, scene, done, words, true),
            "cues on a still picture": _make(model, scene, done, "", true, still=True),
            "still picture": _make(model, scene, done, words, (), still=True),
        }
        for name, audio in sounds.items():
            for tolerance in TOLERANCES_S:
                scores[name, tolerance].append(score(onsets(audio), true, tolerance))
    print(f"{N_SCENES} scenes of {DURATION_S} s, one soundtrack each, `standard`.\n")
    print("| sound | F1 ±50 ms | F1 ±100 ms | precision | recall | onsets | impacts |\n|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(name for name, _ in scores):
        near, far = (pooled(scores[name, tolerance]) for tolerance in TOLERANCES_S)
        print(
            f"| {name} | {near.f1:.2f} | {far.f1:.2f} | {far.precision:.2f} | {far.recall:.2f} "
            f"| {far.n_found} | {far.n_true} |"
        )


def _make(model: Model, scene: Scene, seed: int, words: str, cues: Sequence[float], still: bool = False) -> Audio:
    """One soundtrack of a scene. Precision and recall in the table are at ±100 ms."""
    end = Fraction(0 if still else DURATION_S)
    clip = Clip("0" * 64, (Piece(Fraction(0), end, Fraction(0), Fraction(DURATION_S)),))
    layer = Layer("effects", words, cues=tuple(Cue(Fraction(time).limit_denominator(10_000)) for time in cues))
    request = Request(clip, "pocket", model.card.digest, (layer,), Sampling(seed=seed))
    (take,) = v2a.generate(model, SceneFilm(scene), request, lambda _: None)
    return take.audio


if __name__ == "__main__":
    main(Path(sys.argv[1]))
