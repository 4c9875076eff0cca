"""What leaves the house: exact lengths, loudness, broadcast WAV. Loads no torch.

Reading and writing files needs the base install only; `deliver`, `resample` and `loudness_lufs` need the
`server` extra when they are called.
"""

from v2a.delivery.bext import Bext
from v2a.delivery.deliver import Delivered, deliver
from v2a.delivery.labels import Origin
from v2a.delivery.loudness import loudness_lufs
from v2a.delivery.resample import resample
from v2a.delivery.wav import WavInfo, read_bext, read_ixml, read_wav, wav_blocks, wav_info, write_wav, write_wav_blocks

__all__ = [
    "Bext",
    "Delivered",
    "Origin",
    "WavInfo",
    "deliver",
    "loudness_lufs",
    "read_bext",
    "read_ixml",
    "read_wav",
    "resample",
    "wav_blocks",
    "wav_info",
    "write_wav",
    "write_wav_blocks",
]
