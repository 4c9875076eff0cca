"""What a device can do at best, and what a network must do at least: matrix products and memory."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from v2a.models.mmaudio.flow import Lengths
from v2a.models.mmaudio.parts import PARTS, blank
from v2a.models.mmaudio.variants import SEGMENT_FRAMES, Variant

_SIDE = {"cpu": 2_048}  # of square matrices: large enough to be bound by arithmetic, small enough to wait for
_SIDE_ELSEWHERE = 8_192
_COPIED_BYTES = 1 << 28  # beyond every cache
_RUNS = 5


@dataclass(frozen=True)
class Device:
    """Measured in the run in which it is compared. flop_s by precision; bandwidth_s: bytes read and written."""

    flop_s: dict[torch.dtype, float]
    bandwidth_s: float


@dataclass(frozen=True)
class Work:
    """Of a stage, for one window: floating-point operations of matrix products, and bytes of weights."""

    flop: float
    weight_bytes: float

    def floor_s(self, device: Device, dtype: torch.dtype) -> float:
        """No faster than arithmetic, and no faster than reading the weights once."""
        return max(self.flop / device.flop_s[dtype], self.weight_bytes / device.bandwidth_s)


def least_s(work: Callable[[], object], device: torch.device, runs: int = _RUNS) -> float:
    """Seconds of the fastest of several runs after one to warm up: what others do can only add to it."""
    work()
    return min(elapsed_s(work, device) for _ in range(runs))


def elapsed_s(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of one run; see `now_s`."""
    began_s = now_s(device)
    work()
    return now_s(device) - began_s


def now_s(device: torch.device) -> float:
    """A clock that is read when a device has done all that it was asked.

    On CPUs it counts the processor's time that this process got, shared out among its threads: what the work would
    take if nobody else were there. Threads that wait for others are not counted.
    """
    if device.type == "cpu":
        return time.process_time() / torch.get_num_threads()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def measured(device: torch.device, dtypes: set[torch.dtype]) -> Device:
    """Multiply large matrices and copy much memory."""
    side = _SIDE.get(device.type, _SIDE_ELSEWHERE)
    flop_s = {}
    for dtype in dtypes:
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        flop_s[dtype] = 2 * side**3 / least_s(lambda a=a, b=b: a @ b, device)  # type: ignore[misc]
    source = torch.zeros(_COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return Device(flop_s, 2 * _COPIED_BYTES / least_s(lambda: target.copy_(source), device))


def work_of(variant: Variant, sizes: dict[str, torch.dtype]) -> dict[str, Work]:
    """All stages of a window, counted on networks without memory. sizes: the precision of each part."""
    parts: dict[str, Any] = {part: blank(part, variant).requires_grad_(False) for part in PARTS}
    flow, config = parts["flow"], variant.flow
    lengths = Lengths(variant.window_tokens, variant.clip_tokens, variant.sync_tokens)
    features = (
        _empty(1, lengths.clip, config.clip_dim),
        _empty(1, lengths.sync, config.sync_dim),
        _empty(1, config.text_tokens, config.text_dim),
    )
    given, opposite = flow.prepare(*features, lengths), flow.prepare(None, None, None, lengths)
    both, t = given.stack(opposite), _empty(1)

    def latents(n: int) -> Tensor:
        return _empty(n, lengths.latents, config.latent_dim)

    def weights(part: str, share: float = 1.0) -> float:
        n_values: int = sum(value.numel() for value in parts[part].parameters())
        return share * n_values * sizes[part].itemsize

    side, crop, clip = variant.clip.image_size, variant.sync.crop, parts["clip"]
    seen = sum(value.numel() for value in clip.visual.parameters()) / sum(value.numel() for value in clip.parameters())
    tokens = torch.zeros(1, variant.clip.text_tokens, dtype=torch.long, device="meta")
    return {
        "clip": Work(_flop(lambda: clip.visual(_empty(variant.clip_tokens, 3, side, side))), weights("clip", seen)),
        "synchformer": Work(
            _flop(lambda: parts["sync"](_empty(variant.sync_segments, SEGMENT_FRAMES, 3, crop, crop))), weights("sync")
        ),
        "text": Work(_flop(lambda: clip.transformer(clip.token_embedding(tokens))), weights("clip", 1 - seen)),
        "conditions": Work(
            _flop(lambda: [flow.prepare(*features, lengths), flow.prepare(None, None, None, lengths)]), 0.0
        ),
        "step, two passes": Work(
            _flop(lambda: [flow(latents(1), t, branch) for branch in (given, opposite)]), 2 * weights("flow")
        ),
        "step": Work(_flop(lambda: flow(latents(1), t, both)), weights("flow")),
        "step of four takes": Work(_flop(lambda: flow(latents(4), t, both.repeated(4))), weights("flow")),
        "vae": Work(_flop(lambda: parts["vae"].decode(latents(1))), weights("vae", 0.5)),
        "vocoder": Work(
            # In one tile: a floor knows of no other.
            _flop(lambda: parts["vocoder"](_empty(1, variant.vae.data_dim, 2 * lengths.latents), sys.maxsize)),
            weights("vocoder"),
        ),
    }


def _empty(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


def _flop(work: Callable[[], object]) -> float:
    # Only the plain way of attention is counted on every device.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.device("meta"):
        work()
    return float(counter.get_total_flops())
