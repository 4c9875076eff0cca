"""Films in, films out: probing, frames by presentation time, digests and muxing. Loads no torch."""

from v2a.media.digest import picture_digest, source_digest
from v2a.media.mux import FILM_SUFFIXES, mux
from v2a.media.probe import probe
from v2a.media.source import FrameSource, VideoInfo, check_range
from v2a.media.video import VideoFile

__all__ = [
    "FILM_SUFFIXES",
    "FrameSource",
    "VideoFile",
    "VideoInfo",
    "check_range",
    "mux",
    "picture_digest",
    "probe",
    "source_digest",
]
