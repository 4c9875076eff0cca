"""What the benchmarks of MMAudio measure is what they say."""

import json
import math
import sys

import pytest
import torch
from torch import Tensor

from benchmarks.mmaudio import memory, speed
from benchmarks.mmaudio.__main__ import main
from benchmarks.mmaudio.floors import work_of
from benchmarks.mmaudio.solvers import SPREAD, exact_velocity
from benchmarks.solvers import SOLVERS
from v2a.models.mmaudio.variants import VARIANTS
from v2a.sampling import linear_times


def test_speed_times_every_stage_against_a_floor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "FILM_SIZE", (144, 256))
    assert main(["speed", "--variant", "tiny_16k", "--device", "cpu", "--dtype", "float32", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    stages = result["stages"]
    assert set(stages) == {
        *("frames", "clip", "synchformer", "text", "conditions", "vae", "vocoder"),
        *("step", "step, two passes", "step of four takes"),
    }
    for name, figures in stages.items():
        assert figures["s"] > 0
        assert name == "frames" or figures["floor_s"] > 0
    assert result["four_takes_s"] > result["four_takes_from_cached_features_s"] > 0
    assert result["precision"]["flow"] == "float32"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
@pytest.mark.parametrize("room", [[], ["--room", "0.001"]])
def test_memory_is_told_of_every_stage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, room: list[str]
) -> None:
    monkeypatch.setattr(memory, "FILM_SIZE", (144, 256))
    monkeypatch.setenv("V2A_MODELS", "")  # put back in the end
    assert main(["memory", "--variant", "tiny_16k", "--dtype", "float32", *room]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.endswith(" |")]
    assert [row[0] for row in rows[1:]] == ["libraries", "loading", "looking", "two steps of 4 takes", "decoding"]
    for _, most, end in rows[1:]:
        assert 0 < float(end) <= float(most)


def test_an_unknown_variant_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed", "--variant", "huge"]) == 2
    assert "no variant 'huge': choose from mmaudio-small-16k" in capsys.readouterr().err


def test_arithmetic_is_that_of_the_published_networks() -> None:
    """Others counted 64.4 TF for CLIP, 9.5 for Synchformer, 0.053 and 0.90 for VAE and vocoder, 57.3 GF a pass."""
    works = work_of(
        VARIANTS["mmaudio-small-16k"], dict.fromkeys(("flow", "vae", "vocoder", "sync", "clip"), torch.float32)
    )
    flop = {stage: work.flop for stage, work in works.items()}
    assert flop["clip"] == pytest.approx(64.4e12, rel=0.005)
    assert flop["synchformer"] == pytest.approx(9.5e12, rel=0.01)
    assert flop["vae"] == pytest.approx(0.053e12, rel=0.02)
    assert flop["vocoder"] == pytest.approx(0.90e12, rel=0.03)
    # Tokens share their modulation, most of all where there are no pictures; both branches read the same latents;
    # takes share the modulation.
    assert 2 * 53.0e9 < flop["step, two passes"] < 2 * 53.4e9
    assert flop["step"] < 0.95 * flop["step, two passes"]
    assert flop["step of four takes"] < 0.98 * 4 * flop["step"]
    assert works["step"].weight_bytes == pytest.approx(4 * 157.2e6, rel=0.01)


@pytest.mark.parametrize(
    ("name", "order"), [("Euler", 1), ("Adams–Bashforth 2", 2), ("DPM-Solver++ 2M", 2), ("midpoint", 2)]
)
def test_solvers_converge_as_they_should(name: str, order: int) -> None:
    solver, _ = SOLVERS[name]

    def velocity(x: Tensor, t: float) -> Tensor:  # x = sin 3t + e^−t is its solution
        return 3 * math.cos(3 * t) - (x - math.sin(3 * t))

    def error(n: int) -> float:
        end = solver(velocity, torch.ones(1, dtype=torch.float64), linear_times(n))
        return abs(end.item() - math.sin(3) - math.exp(-1))

    assert error(64) / error(128) == pytest.approx(2**order, rel=0.25)


def test_the_exact_flow_is_the_mean_of_all_straight_paths_through_a_point() -> None:
    generator = torch.Generator().manual_seed(0)
    centres, t = torch.tensor([[[-1.0]], [[1.5]]]), 0.6
    sounds = centres[torch.randint(2, (2_000_000,), generator=generator), 0, 0]
    sounds = sounds + SPREAD * torch.randn(len(sounds), generator=generator)
    noises = torch.randn(len(sounds), generator=generator)
    at = (1 - t) * noises + t * sounds
    for x in (-0.5, 0.2, 1.0):
        near = (at - x).abs() < 0.01
        mean = float((sounds - noises)[near].mean())
        assert exact_velocity(torch.tensor([[[x]]]), t, centres).item() == pytest.approx(
            mean, abs=0.1
        )  # five standard errors
