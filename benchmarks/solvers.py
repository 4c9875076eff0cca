"""Which solver, over which steps of time, comes nearest to the exact flow for its cost?

    python -m benchmarks.solvers [--seeds N] [--guidance G] > benchmarks/solvers.md

Makes the effects of the demo film's shots, eight seconds each, with cues at their true impacts. The flow is the same
for all solvers; so what they differ by is error. Against Euler in 200 equal steps: distance in latents, relative to
their norm, and of decoded log-mel spectrograms in dB. Whether the error matters: onset F1 at ±50 ms against the cues.
An evaluation is one call of the network (both branches of guidance at once), which is what costs time: Heun and the
midpoint rule take two a step.

The shipped sampler is `v2a.sampling.euler` over `cosine_times`; the others live here for as long as they do not win.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch import Tensor

import v2a
from v2a.audio import Audio
from v2a.evaluate.onsets import onsets, score
from v2a.media import VideoFile
from v2a.models.base import Model
from v2a.request import Clip, Piece
from v2a.sampling import Velocity, cosine_times, guided, linear_times, noise
from v2a.watching import Watching
from v2a.windows import Window

EXAMPLES = Path(__file__).parents[1] / "examples"
CLIP_S = 8
EVALUATIONS = (4, 6, 8, 12, 16, 24, 32)
REFERENCE_STEPS = 200
TOLERANCE_S = 0.05
_FLOOR_DB = -80.0

WORDS = {
    "smithy": "hammer striking an anvil, metal hit",
    "crates": "heavy wooden box drop, wood hit",
    "ball": "ball bouncing on the floor",
}

Times = Sequence[float]
Solver = Callable[[Velocity, Tensor, Times], Tensor]


def euler(velocity: Velocity, x: Tensor, times: Times) -> Tensor:
    """First order, one evaluation a step."""
    for t, after in pairwise(times):
        x = x + (after - t) * velocity(x, t)
    return x


def heun(velocity: Velocity, x: Tensor, times: Times) -> Tensor:
    """Second order, two evaluations a step: the mean of the slopes at both ends."""
    for t, after in pairwise(times):
        slope = velocity(x, t)
        # Velocities are trained below t = 1: the last end is read just before it.
        end = velocity(x + (after - t) * slope, min(after, 1 - 1e-3))
        x = x + (after - t) * (slope + end) / 2
    return x


def midpoint(velocity: Velocity, x: Tensor, times: Times) -> Tensor:
    """Second order, two evaluations a step: the slope half-way."""
    for t, after in pairwise(times):
        half = (t + after) / 2
        x = x + (after - t) * velocity(x + (half - t) * velocity(x, t), half)
    return x


def adams_bashforth(velocity: Velocity, x: Tensor, times: Times) -> Tensor:
    """Second order, one evaluation a step: the slope is continued from the step before (Euler for the first)."""
    before: tuple[float, Tensor] | None = None
    for t, after in pairwise(times):
        slope = velocity(x, t)
        if before is None:
            step = slope
        else:
            ratio = (after - t) / (t - before[0])
            step = slope + ratio / 2 * (slope - before[1])
        x, before = x + (after - t) * step, (t, slope)
    return x


def dpm_multistep(velocity: Velocity, x: Tensor, times: Times) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022) for a straight path: the end is continued, not the slope; one evaluation."""
    before: tuple[float, Tensor] | None = None
    for t, after in pairwise(times):
        end = x + (1 - t) * velocity(x, t)
        last = before is None or after == 1 or before[0] == 0
        if before is not None and not last:
            logs = [math.log(at / (1 - at)) for at in (before[0], t, after)]  # half the log signal-to-noise ratio
            ratio = (logs[1] - logs[0]) / (logs[2] - logs[1])
            guess = end + (end - before[1]) / (2 * ratio)
        else:
            guess = end
        x = (1 - after) / (1 - t) * x + (after - t) / (1 - t) * guess
        before = (t, end)
    return x


def early(n: int) -> Times:
    """Short steps near the noise (shift 2; Esser et al. 2024)."""
    return [k / n / (2 - k / n) for k in range(n + 1)]


def late(n: int) -> Times:
    """Short steps near the sound (shift 1/2)."""
    return [2 * (k / n) / (1 + k / n) for k in range(n + 1)]


SOLVERS: dict[str, tuple[Solver, int]] = {
    "Euler": (euler, 1),
    "Adams–Bashforth 2": (adams_bashforth, 1),
    "DPM-Solver++ 2M": (dpm_multistep, 1),
    "Heun": (heun, 2),
    "midpoint": (midpoint, 2),
}
SCHEDULES: dict[str, Callable[[int], Times]] = {
    "equal": linear_times,
    "cosine": cosine_times,
    "early": early,
    "late": late,
}


@dataclass(frozen=True)
class Case:
    """One flow to follow, and what is known of where it leads. impacts_s: from its start."""

    velocity: Velocity
    start: Tensor
    impacts_s: Sequence[float]
    exact: Tensor
    exact_mel: Tensor


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--guidance", type=float, default=0.0, help="0: that of the model's standard quality")
    options = parser.parse_args()
    model = v2a.load_model("pocket", "cpu")
    guidance = options.guidance or model.card.presets["standard"].guidance
    cases = list(_cases(model, guidance, options.seeds))
    found = [(case.impacts_s, onsets(_sound(model, case.exact))) for case in cases]
    print(f"# Solvers for `{model.card.name}`, guidance {guidance:g}\n")
    print(f"{len(cases)} soundtracks of {CLIP_S} s. Euler in {REFERENCE_STEPS} steps: F1 {_f1(found):.3f}.\n")
    print("| solver | steps of time | evaluations | error of latents | log-mel, dB | onset F1 ±50 ms | seconds |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name, (solver, cost) in SOLVERS.items():
        for schedule, times in SCHEDULES.items():
            for evaluations in EVALUATIONS:
                row = _row(model, cases, solver, times(evaluations // cost))
                print(f"| {name} | {schedule} | {evaluations} | {row} |", flush=True)


def _row(model: Model, cases: Sequence[Case], solver: Solver, times: Times) -> str:
    far, apart, found, took = [], [], [], []
    for case in cases:
        began = time.process_time()
        made = solver(case.velocity, case.start, times)[0]
        took.append(time.process_time() - began)
        sound = _sound(model, made)
        far.append(float((made - case.exact).norm() / case.exact.norm()))
        apart.append(float((_log_mel(sound) - case.exact_mel).abs().mean()))
        found.append((case.impacts_s, onsets(sound)))
    mean = [float(np.mean(values)) for values in (far, apart)]
    return f"{mean[0]:.3f} | {mean[1]:.2f} | {_f1(found):.3f} | {np.median(took):.2f}"


def _cases(model: Model, guidance: float, n_seeds: int) -> Iterator[Case]:
    card = model.card
    shots = json.loads((EXAMPLES / "impacts.json").read_text())["reel"]["shots"]
    window = Window(0, 0, card.window_tokens, 0)
    end_s = card.token_s(window.end)
    for shot in shots:
        if shot["shot"] not in WORDS:
            continue
        start_s = Fraction(shot["start_s"])
        clip = Clip("0" * 64, (Piece(start_s, start_s + end_s, Fraction(0), end_s),))
        impacts_s = [at_s for at in shot["impacts_s"] if (at_s := Fraction(at) - start_s) < end_s]
        with VideoFile(EXAMPLES / "reel.mp4") as film:
            seen = Watching(model, film, clip, [window], lambda *_: None).seen(window)
        cues = [(float(at_s * card.latent_rate), 1.0) for at_s in impacts_s]
        given, opposite = model.prepare(seen, window, WORDS[shot["shot"]], "", cues, "effects")
        velocity = guided(model, given, opposite, guidance)
        for seed in range(n_seeds):
            start = noise(seed, shot["shot"], "effects", 0, 0, (window.n_tokens, card.latent_dim))[None]
            exact = euler(velocity, start, linear_times(REFERENCE_STEPS))[0]
            yield Case(velocity, start, [float(at_s) for at_s in impacts_s], exact, _log_mel(_sound(model, exact)))


def _sound(model: Model, latents: Tensor) -> Audio:
    return Audio(model.decode(latents, 0).cpu().numpy(), model.card.sample_rate_hz)


def _log_mel(sound: Audio) -> Tensor:
    """dB, (bands, frames), nothing below the floor."""
    from torchaudio.transforms import MelSpectrogram

    power = MelSpectrogram(sound.rate_hz, 2_048, hop_length=480, n_mels=64)(torch.from_numpy(sound.samples)).mean(0)
    return (10 * torch.log10(power + 1e-12)).clamp_min(_FLOOR_DB)


def _f1(found: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float:
    return float(np.mean([score(heard, true, TOLERANCE_S).f1 for true, heard in found]))


if __name__ == "__main__":
    main()
