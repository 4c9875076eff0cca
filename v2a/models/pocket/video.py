"""Frames → what is seen moving, a feature a token, and the events that are seen.

Shape legend: B batch, T frames (= tokens, 25 a second), H = W = 64 pixels, D features.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

FRAME_SIZE = 64  # pixels, both ways, of what the encoder looks at
WATCHED_SIZE = 2 * FRAME_SIZE  # of the frames that is cut from
_NEAR = 0.3  # what the near view counts
_N_SEEN = 5  # a frame, and the steps from the two before it and to the two after

# An event is where the network is surer than this (best on new films of the training renderer) and surer than two
# tokens either side.
_SEEN = 0.4
APART = 2


class TemporalBlock(nn.Module):
    """Depthwise convolution over time, then a two-layer network; residual."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(dim, dim, (1, kernel), padding=(0, kernel // 2), groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, 2 * dim)
        self.down = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) → (B, T, D)."""
        # As an image of height 1 whose channels lie last in memory: many times faster than Conv1d on a CPU.
        mixed = rearrange(self.mix(rearrange(x, "b t d -> b d 1 t")), "b d 1 t -> b t d")
        out: Tensor = x + self.down(F.gelu(self.up(self.norm(mixed))))
        return out


class CellBlock(nn.Module):
    """A cell of the picture and its neighbours, then its past and future, then a mix of channels; residual. The
    weights are those of every cell: what a reversal of motion looks like does not depend on where it is."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.mix = nn.Conv2d(dim, dim, (kernel, 1), padding=(kernel // 2, 0), groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, n_batch: int) -> Tensor:
        """(B T, C, H, W), channels last in memory → the same."""
        cells = rearrange(self.around(x), "(b t) c h w -> b c t (h w)", b=n_batch)
        mixed = rearrange(self.mix(cells), "b c t s -> b t s c")
        mixed = rearrange(self.out(F.relu(self.norm(mixed))), "b t (h w) c -> (b t) c h w", h=x.shape[2])
        out: Tensor = x + mixed
        return out


@dataclass(frozen=True)
class Sight:
    """What the event head says a token, each (B, T): logit that an event lies in it, where in it (0 … 1) and how
    strong it is (0 … 1)."""

    logit: Tensor
    offset: Tensor
    strength: Tensor


class VideoEncoder(nn.Module):
    """Grey frames with their differences to both neighbours → features, and where an event is seen."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        # Plain rectifiers: on a CPU, smooth ones cost a quarter of the time at these sizes.
        self.fine = nn.Sequential(
            nn.Conv2d(_N_SEEN, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.fine_cells = nn.ModuleList([CellBlock(32, 5)])
        self.near = nn.Sequential(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU())
        self.near_cells = nn.ModuleList([CellBlock(64, 5), CellBlock(64, 7)])
        self.far = nn.Sequential(nn.Conv2d(64, 96, 3, stride=2, padding=1), nn.ReLU())
        self.far_cells = nn.ModuleList([CellBlock(96, 7), CellBlock(96, 7)])
        self.project = nn.Sequential(nn.Linear(96 * (4 * 4 + 2) + 64, dim), nn.LayerNorm(dim))
        for layer in (*self.fine, *self.near, *self.far):
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.temporal = nn.ModuleList([TemporalBlock(dim, kernel) for kernel in (5, 7, 13, 7, 5)])
        self.norm = nn.LayerNorm(dim)
        self.event = nn.Linear(dim, 3)

    def forward(self, grey: Tensor) -> Tensor:
        """Grey frames (B, T, H, W), 0 … 255 → features (B, T, D)."""
        frames = _levelled(grey.float() / 255.0)
        steps = 3 * (frames[:, 1:] - frames[:, :-1])  # from each frame to the next
        steps = F.pad(steps, (0, 0, 0, 0, 2, 2))  # nothing moves before the first and after the last
        n_frames = frames.shape[1]
        seen = torch.stack([frames, *(steps[:, k : k + n_frames] for k in (1, 2, 0, 3))], 2)  # (B, T, 5, H, W)
        n_batch = seen.shape[0]
        x = rearrange(seen, "b t c h w -> (b t) c h w").contiguous(memory_format=torch.channels_last)
        levels = []
        for shrink, cells in (
            (self.fine, self.fine_cells), (self.near, self.near_cells), (self.far, self.far_cells),
        ):  # fmt: skip
            x = shrink(x)
            for block in cells:
                x = block(x, n_batch)
            levels.append(x)
        # Where it is, and that it is somewhere, however small.
        x = torch.cat([x.flatten(1), x.amax((2, 3)), x.mean((2, 3)), levels[1].amax((2, 3))], 1)
        x = self.project(rearrange(x, "(b t) d -> b t d", b=n_batch))
        for block in self.temporal:
            x = block(x)
        out: Tensor = self.norm(x)
        return out

    def see(self, features: Tensor) -> Sight:
        """Features (B, T, D) → what the event head says of each token."""
        logit, offset, strength = self.event(features).float().unbind(-1)
        return Sight(logit, offset.sigmoid(), strength.sigmoid())


def _levelled(frames: Tensor) -> Tensor:
    """Frames (B, T, H, W) about their mean and in units of their contrast, both over 2 s around each frame, so that
    it does not matter how long the film is that a frame stands in."""

    def around(values: Tensor) -> Tensor:  # (B, T) → (B, T)
        return F.avg_pool1d(values[:, None], 51, stride=1, padding=25, count_include_pad=False)[:, 0]

    level = around(frames.mean((2, 3)))
    power = around(frames.square().mean((2, 3)))
    spread = (power - level.square()).clamp_min(0.02**2).sqrt()
    return (frames - level[..., None, None]) / spread[..., None, None]


def watched(eyes: VideoEncoder, grey: Tensor) -> Tensor:
    """Frames (T, 128, 128), 0 … 255 → a row a token (T, D + 3): the features of the whole picture, then the sight.

    The eyes look at the whole, and at its middle from twice as near, where small things are as large as those they were
    trained on. Both say how sure they are of an event; where in the token it is and how strong, the surer one says.
    """
    middle = slice(FRAME_SIZE // 2, FRAME_SIZE // 2 + FRAME_SIZE)
    views = torch.stack([F.avg_pool2d(grey[:, None], 2)[:, 0], grey[:, middle, middle]])
    features = eyes(views)  # (2, T, D)
    sight = eyes.see(features)
    surer = sight.logit.argmax(0, keepdim=True)
    whole, near = sight.logit
    sure = torch.lerp(whole, near, _NEAR)
    where, how = (values.gather(0, surer)[0] for values in (sight.offset, sight.strength))
    return torch.cat([features[0], torch.stack([sure, where, how], -1)], -1)


def seen_events(sight: Sight) -> Tensor:
    """The events, (B, T, 2): where in its token one lies, 0 … 1, and its strength, which is 0 where there is none.

    Whether a token has one, the APART tokens either side decide too.
    """
    certainty = sight.logit.sigmoid()
    highest = F.max_pool1d(certainty[:, None], 2 * APART + 1, stride=1, padding=APART)[:, 0]
    is_event = (certainty > _SEEN) & (certainty == highest)
    # What is surest of the end of a token rounds to the next one.
    offset = sight.offset.clamp_max(1 - torch.finfo(torch.float32).eps)
    return torch.stack([offset, sight.strength], -1) * is_event[..., None]


def to_grey(frames: Tensor) -> Tensor:
    """RGB frames (T, H, W, 3) uint8 → luma (T, H, W), 0 … 255 (BT.601 weights)."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=frames.device)
    return frames.float() @ weights
