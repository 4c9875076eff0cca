"""Pictures as the two encoders want them: scaled as a float would be, rounded as eight bits are, on any device.

Shape legend: T pictures, H × W pixels.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

# What CLIP was trained with, of values in 0 … 1.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def squashed(pictures: Tensor, side: int) -> Tensor:
    """(T, H, W, 3) uint8 → (T, 3, side, side) uint8, all of the picture, whatever its shape."""
    return _scaled(pictures, side, side)


def centre(pictures: Tensor, side: int) -> Tensor:
    """(T, H, W, 3) uint8 → (T, 3, side, side) uint8: the middle of the picture, whose shorter side fills it."""
    height, width = pictures.shape[1:3]
    shorter = min(height, width)
    # A strip is first cut, at both ends and by whole squares, to the middle one and what the filter needs beside it:
    # scaled, all of it could take gigabytes.
    off_height, off_width = (max((length // shorter - 5) // 2, 0) * shorter for length in (height, width))
    pictures = pictures[:, off_height : height - off_height, off_width : width - off_width]
    height, width = pictures.shape[1:3]
    tall, wide = side * height // shorter, side * width // shorter
    whole = _scaled(pictures, tall, wide)
    # Halves go to the even neighbour, as in the networks' training.
    top, left = round((tall - side) / 2), round((wide - side) / 2)
    return whole[:, :, top : top + side, left : left + side]


def for_clip(pictures: Tensor, dtype: torch.dtype) -> Tensor:
    """(T, 3, H, W) uint8 → the same, by CLIP's mean and spread."""
    mean, spread = (
        pictures.new_tensor(values, dtype=torch.float32)[:, None, None] for values in (_CLIP_MEAN, _CLIP_STD)
    )
    return ((pictures / 255 - mean) / spread).to(dtype)


def for_sync(pictures: Tensor, dtype: torch.dtype) -> Tensor:
    """(T, 3, H, W) uint8 → the same in ±1."""
    return (pictures / 127.5 - 1).to(dtype)


def _scaled(pictures: Tensor, height: int, width: int) -> Tensor:
    """Bicubic with anti-aliasing, as eight-bit scalers do it: clipped between the two directions."""
    upright = rearrange(pictures, "t h w c -> t c h w")
    if upright.device.type == "cpu":
        return F.interpolate(upright, (height, width), mode="bicubic", antialias=True)
    return scaled_as_float(upright, height, width)


def scaled_as_float(upright: Tensor, height: int, width: int) -> Tensor:
    """(T, 3, H, W) uint8 → (T, 3, height, width) uint8, within one grey level of the CPU's, for devices that scale
    no eight-bit pictures."""
    x = upright.float()
    for size in ((upright.shape[2], width), (height, width)):
        x = F.interpolate(x, size, mode="bicubic", antialias=True).clamp_(0, 255)
    return x.round_().to(torch.uint8)
