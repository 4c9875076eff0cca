"""How long does one clip take, and where does the time go?

    python -m benchmarks.speed > benchmarks/speed.md

Makes an 8 s soundtrack of the demo film, warm, at each quality: the stages inside the library, and the whole
command against a running server. Medians of several runs; quote ratios, since machines differ and are shared.
"""

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

import v2a
from v2a.media import VideoFile
from v2a.models.base import Model
from v2a.request import QUALITIES, Clip, Layer, Piece, Quality, Request, Sampling

FILM = Path(__file__).parents[1] / "examples" / "reel.mp4"
CLIP_S = 8
RUNS = 5


def main() -> None:
    """Print the tables as Markdown."""
    print(f"# Speed of `pocket` on a clip of {CLIP_S} s\n")
    print(f"{_processor()}, {os.cpu_count()} cores, torch {torch.__version__} with {torch.get_num_threads()} threads,")
    print(f"Python {platform.python_version()}. Medians of {RUNS} runs after one to warm up, in seconds.\n")
    print("| quality | steps | reading and encoding | sampling | decoding | whole | × real time |")
    print("|---|---|---|---|---|---|---|")
    model = v2a.load_model("pocket", "cpu")
    for quality in QUALITIES:
        runs = [_stages(model, quality) for _ in range(RUNS + 1)][1:]
        stage = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        whole = sum(stage.values())
        print(
            f"| {quality} | {model.card.presets[quality].steps} | {stage['encoding']:.2f} | {stage['sampling']:.2f} "
            f"| {stage['decoding']:.2f} | {whole:.2f} | {CLIP_S / whole:.1f} |"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory of that process: {peak:.0f} MiB.\n")
    print("| whole command, `v2a generate`, server warm | seconds |")
    print("|---|---|")
    for quality in QUALITIES:
        print(f"| {quality} | {statistics.median(_commands(quality)):.2f} |")
    print("| the same request again (from the store) | " + f"{statistics.median(_commands('standard', seed=0)):.2f} |")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _stages(model: Model, quality: Quality) -> dict[str, float]:
    """Seconds a stage of one soundtrack."""
    clip = Clip("0" * 64, (Piece(Fraction(0), Fraction(CLIP_S), Fraction(0), Fraction(CLIP_S)),))
    request = Request(clip, "pocket", model.card.digest, (Layer("mix", "hammer"),), Sampling(quality=quality))
    spent: dict[str, float] = defaultdict(float)
    now, last = "encoding", time.perf_counter()

    def on_step(progress: v2a.Progress) -> None:
        nonlocal now, last
        spent[now] += time.perf_counter() - last
        now, last = progress.stage, time.perf_counter()

    with VideoFile(FILM) as source:
        list(next(v2a.generate(model, source, request, on_step)).blocks)
    spent[now] += time.perf_counter() - last
    return dict(spent)


def _commands(quality: Quality, seed: int | None = None) -> list[float]:
    """Seconds of whole commands, each with a seed never used before unless one is given."""
    took = []
    with tempfile.TemporaryDirectory() as folder:
        for run in range(RUNS + 1):
            fresh = time.time_ns() % 1_000_000_000
            start = time.perf_counter()
            seeded = fresh if seed is None else seed
            asked = f"--prompt hammer --duration {CLIP_S} --quality {quality} --seed {seeded} --json".split()
            command = [sys.executable, "-m", "v2a_plugin", "generate", str(FILM), "-o", f"{folder}/{run}.wav", *asked]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            took.append(time.perf_counter() - start)
    return took[1:]


if __name__ == "__main__":
    main()
