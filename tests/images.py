"""Image files made by code."""

from fractions import Fraction
from pathlib import Path

import av

from tests.conftest import paint_number

SIZE = (48, 96)
CODECS = {".dpx": ("dpx", "rgb24"), ".tif": ("tiff", "rgb24"), ".png": ("png", "rgb24"), ".jpg": ("mjpeg", "yuvj444p")}


def write_images(folder: Path, suffix: str, numbers: range | list[int], prefix: str = "scan.") -> None:
    """An image for each number, which shows it."""
    folder.mkdir(exist_ok=True)
    codec, pix_fmt = CODECS[suffix]
    for number in numbers:
        context = av.CodecContext.create(codec, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.height, context.width = SIZE
        context.pix_fmt, context.time_base = pix_fmt, Fraction(1, 24)
        if codec == "mjpeg":
            context.color_range = 2
        frame = av.VideoFrame.from_ndarray(paint_number(number, SIZE), format="rgb24").reformat(format=pix_fmt)
        frame.pts = 0
        packets = context.encode(frame) + context.encode(None)
        (folder / f"{prefix}{number:06d}{suffix}").write_bytes(b"".join(bytes(packet) for packet in packets))
