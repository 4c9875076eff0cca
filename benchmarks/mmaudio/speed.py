"""How long each stage of a window of 8 s takes with random weights, for one take and for four, and how long it must.

On a CPU, a time is what the process got of the processor, shared out among its threads, since machines are shared; the
wall clock is told of the whole. Of short stages, it is that of the fastest run. A floor is what the stage's matrix
products need at the throughput that large ones reach in the same run, or what reading its weights once takes at the
bandwidth measured, whichever is longer.
"""

import json
import os
import platform
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.mmaudio.floors import Device, Work, elapsed_s, least_s, measured, now_s, work_of
from benchmarks.serving.__main__ import machine
from v2a.cards import Precision
from v2a.errors import UsageError
from v2a.media import VideoFile
from v2a.models import load_model
from v2a.models.mmaudio.model import MMAudioModel
from v2a.models.mmaudio.variants import VARIANTS, WINDOW_S
from v2a.request import Clip, Piece
from v2a.sampling import guided
from v2a.watching import Watching
from v2a.windows import plan_windows

STEPS, GUIDANCE, TAKES = 25, 4.5, 4
TEXT = "waves break on a stony shore, gulls far away"
FILM_SIZE, FILM_RATE = (720, 1280), 25
# Whole clips of 8 s on an H100, as their authors state (README of hkchengrex/MMAudio).
PUBLISHED_H100_S = {
    "mmaudio-small-16k": 1.23,
    "mmaudio-small-44k": 1.30,
    "mmaudio-medium-44k": 1.35,
    "mmaudio-large-44k": 1.96,
    "mmaudio-large-44k-v2": 1.96,
}


def run(variant: str, device: str, dtype: Precision, *, as_json: bool) -> int:
    """Measure, and print one JSON document or tables as Markdown."""
    model = load_model(f"{model_name(variant)}=random", device, dtype)
    assert isinstance(model, MMAudioModel)
    with torch.inference_mode():
        result = _measure(model)
    print(json.dumps(result, indent=2) if as_json else "\n".join(_tables(result)))
    return 0


def model_name(variant: str) -> str:
    """The model of a variant: "small_16k" → "mmaudio-small-16k". Raises UsageError where there is none."""
    name = f"mmaudio-{variant.removeprefix('mmaudio-').replace('_', '-')}"
    if name not in VARIANTS:
        raise UsageError(f"no variant '{variant}': choose from {', '.join(VARIANTS)}")
    return name


def _measure(model: MMAudioModel) -> dict[str, Any]:
    card, device, networks = model.card, model.device, model.networks
    sizes = {part: next(network.parameters()).dtype for part, network in vars(networks).items()}
    load_before, began_s = os.getloadavg()[0], time.perf_counter()
    best = measured(device, set(sizes.values()))
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    window_s = Fraction(WINDOW_S)
    clip = Clip("0" * 64, (Piece(Fraction(0), window_s, Fraction(0), window_s),))
    (window,) = plan_windows(card.n_tokens(clip), card)
    spent: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        VideoFile(make_film(Path(folder) / "film.mp4", FILM_SIZE)) as film,
        _inside(device, {"clip": networks.clip.visual, "synchformer": networks.sync}) as within,
    ):
        watching = Watching(model, film, clip, (window,), _on_part)
        whole = elapsed_s(watching.whole, device)
    seen = watching.seen(window)
    spent["frames"] = whole - sum(within.values())
    spent |= within
    spent["text"] = least_s(lambda: networks.clip.words([TEXT]), device)

    def prepare() -> tuple[Any, Any]:
        return model.prepare(seen, window, TEXT, "", None, "mix")

    prepare()  # the text is remembered from here on, as between windows
    spent["conditions"] = least_s(prepare, device)
    given, opposite = prepare()
    takes = torch.randn(TAKES, window.n_tokens, card.latent_dim, device=device)
    alone = guided(model, given, opposite, GUIDANCE)
    apart = guided(model, given, opposite, GUIDANCE, one_by_one=True)
    four = guided(model, given.repeated(TAKES), opposite.repeated(TAKES), GUIDANCE)
    # In turn, so that what else the machine does meets all three.
    steps: dict[str, list[float]] = defaultdict(list)
    for lap in range(6):
        for stage, velocity, x in (
            ("step, two passes", apart, takes[:1]),
            ("step", alone, takes[:1]),
            ("step of four takes", four, takes),
        ):
            took = elapsed_s(lambda velocity=velocity, x=x: velocity(x, 0.3), device)  # type: ignore[misc]
            if lap:
                steps[stage].append(took)
    spent |= {stage: min(times) for stage, times in steps.items()}
    latents = networks.flow.denormalised(takes[:1])
    spent["vae"] = least_s(lambda: networks.vae.decode(latents), device, 3)
    mel = networks.vae.decode(latents)
    spent["vocoder"] = least_s(lambda: networks.vocoder(mel), device, 2)
    return _result(model, spent, best, work_of(VARIANTS[card.variant], sizes), sizes, load_before) | {
        "measuring_took_s": time.perf_counter() - began_s
    }


def _result(
    model: MMAudioModel,
    spent: dict[str, float],
    best: Device,
    works: dict[str, Work],
    sizes: dict[str, torch.dtype],
    load_before: float,
) -> dict[str, Any]:
    variant, device = model.card.variant, model.device
    parts = {"clip": "clip", "text": "clip", "synchformer": "sync", "vae": "vae", "vocoder": "vocoder"}
    floors = {stage: work.floor_s(best, sizes[parts.get(stage, "flow")]) for stage, work in works.items()}
    seeing = spent["frames"] + spent["clip"] + spent["synchformer"] + spent["text"] + spent["conditions"]
    decoding = spent["vae"] + spent["vocoder"]
    return {
        "variant": variant,
        "device": str(device),
        "hardware": torch.cuda.get_device_name(device) if device.type == "cuda" else machine().partition(", load")[0],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "load": [round(load_before, 1), round(os.getloadavg()[0], 1)],
        "precision": {part: str(dtype).removeprefix("torch.") for part, dtype in sizes.items()},
        "matmul_tflop_s": {str(dtype).removeprefix("torch."): flop / 1e12 for dtype, flop in best.flop_s.items()},
        "bandwidth_gb_s": best.bandwidth_s / 1e9,
        "stages": {
            stage: {
                "s": took,
                "tflop": works[stage].flop / 1e12 if stage in works else None,
                "floor_s": floors.get(stage),
            }
            for stage, took in spent.items()
        },
        "one_take_s": seeing + STEPS * spent["step"] + decoding,
        "four_takes_s": seeing + STEPS * spent["step of four takes"] + TAKES * decoding,
        "four_takes_from_cached_features_s": STEPS * spent["step of four takes"] + TAKES * decoding,
        "four_times_sampling_and_decoding_s": TAKES * (STEPS * spent["step"] + decoding),
        "two_passes_over_batched_step": spent["step, two passes"] / spent["step"],
        "two_passes_over_batched_step_by_arithmetic": works["step, two passes"].flop / works["step"].flop,
        "peak_memory_gb": _peak_bytes(device) / 1e9,
        "published_h100_s": PUBLISHED_H100_S.get(variant),
    }


def _tables(result: dict[str, Any]) -> Iterator[str]:
    yield f"`{result['variant']}`, {result['device']}: {result['hardware']}; torch {result['torch']} with"
    yield f"{result['threads']} threads; load {result['load'][0]} at the start and {result['load'][1]} at the end."
    rates = ", ".join(f"{rate:.2f} TFLOP/s in {dtype}" for dtype, rate in result["matmul_tflop_s"].items())
    yield f"Large matrix products: {rates}; memory {result['bandwidth_gb_s']:.1f} GB/s.\n"
    yield "| stage | seconds | TFLOP | floor, seconds | floor / measured |\n|---|---|---|---|---|"
    for stage, figures in result["stages"].items():
        if figures["floor_s"] is None:
            yield f"| {stage} | {figures['s']:.3g} | | | |"
        else:
            share = figures["floor_s"] / figures["s"]
            yield f"| {stage} | {figures['s']:.3g} | {figures['tflop']:.3g} | {figures['floor_s']:.3g} | {share:.2f} |"
    yield f"\n| {STEPS} steps, guidance {GUIDANCE:g} | |\n|---|---|"
    yield f"| one take, seconds | {result['one_take_s']:.3g} |"
    yield f"| four takes, seconds | {result['four_takes_s']:.3g} |"
    yield f"| four takes from cached features, seconds | {result['four_takes_from_cached_features_s']:.3g} |"
    yield f"| 4 × (sampling + decoding) of one take, seconds | {result['four_times_sampling_and_decoding_s']:.3g} |"
    yield f"| two separate passes / guided step | {result['two_passes_over_batched_step']:.3f} |"
    yield f"| the same by arithmetic alone | {result['two_passes_over_batched_step_by_arithmetic']:.3f} |"
    yield f"| peak memory, GB | {result['peak_memory_gb']:.2f} |"
    yield f"| measuring took, seconds by the clock | {result['measuring_took_s']:.0f} |"
    if result["published_h100_s"]:
        yield f"| one take on an H100, as its authors state, seconds | {result['published_h100_s']} |"


@contextmanager
def _inside(device: torch.device, networks: dict[str, nn.Module]) -> Iterator[dict[str, Any]]:
    """Seconds spent inside networks meanwhile."""
    spent: dict[str, Any] = dict.fromkeys(networks, 0.0)
    began_s: dict[str, float] = {}
    hooks = []
    for name, network in networks.items():

        def before(_: nn.Module, __: Any, name: str = name) -> None:
            began_s[name] = now_s(device)

        def after(_: nn.Module, __: Any, ___: Tensor, name: str = name) -> None:
            spent[name] += now_s(device) - began_s[name]

        hooks += [network.register_forward_pre_hook(before), network.register_forward_hook(after)]
    try:
        yield spent
    finally:
        for hook in hooks:
            hook.remove()


def make_film(path: Path, size: tuple[int, int]) -> Path:
    """A film of 8 s, (H, W), in which every picture is another: noise that drifts."""
    height, width = size
    coarse = np.random.default_rng(0).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    noise = coarse.repeat(16, 0).repeat(16, 1)
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", FILM_RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(WINDOW_S * FILM_RATE):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(noise, 4 * index, 1), "rgb24")))
        file.mux(stream.encode())
    return path


def _on_part(done: int, total: int) -> None:
    """Nobody watches."""


def _peak_bytes(device: torch.device) -> float:
    """Of the device where it counts, else of the process; with the weights as they were loaded."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if platform.system() == "Darwin" else 1024)
