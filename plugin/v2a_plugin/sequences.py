"""Image sequences: what is there of one, and a small film of the frames that a sound needs.

The server reads films alone. Models see pictures of a few hundred pixels, so the film is small; it has the
sequence's exact rate, one frame an image, and the same bytes whenever it is made of the same images. Frames that are
missing or damaged are held over from the one before, and reported.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation

from v2a.errors import MediaError, NotFoundError
from v2a.media import VideoInfo
from v2a.output import whole_file

# FFmpeg's readers of single images, by suffix: they take the one file, never a pattern.
_READERS = {
    ".dpx": "dpx_pipe",
    ".tif": "tiff_pipe",
    ".tiff": "tiff_pipe",
    ".png": "png_pipe",
    ".jpg": "jpeg_pipe",
    ".jpeg": "jpeg_pipe",
    ".webp": "webp_pipe",
    ".bmp": "bmp_pipe",
}
SUFFIXES = tuple(_READERS)
_NUMBERED = re.compile(r"^(?P<prefix>.*?)(?P<number>\d{1,12})(?P<suffix>\.\w+)$", re.ASCII)
_MAX_PIXELS = 80_000_000  # 8K scans have half of that
_HEIGHT = 256
_ENCODING = {"preset": "veryfast", "crf": "10", "g": "12", "bf": "0", "threads": "1"}
_SAID_NUMBERS = 8


@dataclass(frozen=True)
class Images:
    """A sequence of image files, one a frame.

    folder: the address of their folder. prefix, suffix: around the number in their names; prefix None: whatever
    the folder holds. first: the number of the first frame, None: the lowest there is; step: from one to the next.
    rate: images a second, None where not said.
    """

    folder: str
    prefix: str | None = None
    suffix: str = ""
    first: int | None = None
    step: int = 1
    rate: Fraction | None = None


@dataclass(frozen=True)
class ImageSequence:
    """Images on the disk, a frame each. names: in the folder, by number, in order. first: the number of frame 0."""

    folder: Path
    prefix: str
    suffix: str
    names: Mapping[int, str]
    first: int
    step: int = 1

    @property
    def path(self) -> Path:
        """How the whole is named: folder/prefix#suffix; a single image by its own name."""
        name = next(iter(self.names.values())) if self.is_still else f"{self.prefix}#{self.suffix}"
        return self.folder / name

    @property
    def is_still(self) -> bool:
        """Whether it is one picture alone."""
        return len(self.names) == 1

    @cached_property
    def n_frames(self) -> int:
        """How many frames there are from the first to the last, missing ones included."""
        return (max(self.names) - self.first) // self.step + 1

    def missing(self, start: int, end: int) -> list[int]:
        """The numbers that no image has, of frames [start, end)."""
        numbers = (self.first + frame * self.step for frame in range(start, end))
        return [number for number in numbers if number not in self.names]

    def image(self, frame: int) -> Path | None:
        """The image of a frame."""
        name = self.names.get(self.first + frame * self.step)
        return None if name is None else self.folder / name


def sequences_in(folder: Path) -> Iterator[ImageSequence]:
    """The sequences, and single numbered images, that a folder holds."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError as error:
        raise MediaError(f"{folder} cannot be read: {error.strerror}") from error
    for name in names:
        fields = _NUMBERED.match(name)
        if fields is not None and fields["suffix"].lower() in _READERS:
            found.setdefault((fields["prefix"], fields["suffix"]), {})[int(fields["number"])] = name
    for (prefix, suffix), numbered in found.items():
        ordered = dict(sorted(numbered.items()))
        yield ImageSequence(folder, prefix, suffix, ordered, min(ordered))


def chosen(folder: Path, images: Images) -> ImageSequence:
    """The sequence that a timeline means in a folder. Raises MediaError where it is not there, or not clear which."""
    there = list(sequences_in(folder))
    meant = [item for item in there if images.prefix in (None, item.prefix) and images.suffix in ("", item.suffix)]
    if not meant:
        raise MediaError(
            f"{folder} holds no images {images.prefix or ''}#{images.suffix}: images are read as "
            f"{', '.join(suffix.lstrip('.') for suffix in SUFFIXES)}"
        )
    if len(meant) > 1:
        names = ", ".join(f"{item.prefix}#{item.suffix}" for item in meant[:5])
        raise MediaError(f"{folder} holds {len(meant)} sequences ({names}): point the timeline at one of them")
    first = meant[0].first if images.first is None else images.first
    return replace(meant[0], first=first, step=images.step)


def still(path: Path) -> ImageSequence:
    """A single image."""
    return ImageSequence(path.parent, path.stem, path.suffix, {0: path.name}, 0)


def listed(paths: Sequence[Path]) -> ImageSequence:
    """Images as a list of absolute paths gives them, whatever their names, the first as frame 0.

    Files that are not there are missing images. Raises NotFoundError where none is there, MediaError for a file whose
    ending is no image's.
    """
    check_endings(paths)
    names = {number: str(path) for number, path in enumerate(paths) if path.is_file()}
    if not names:
        raise NotFoundError(
            f"{paths[0]} is not there, nor any other of {len(paths)} images: they were moved or renamed"
        )
    first = paths[0]
    return ImageSequence(first.parent, first.stem.rstrip("0123456789"), first.suffix, names, 0)


def check_endings(paths: Sequence[Path]) -> None:
    """Raise MediaError for a file whose ending is no image's."""
    for path in paths:
        if path.suffix.lower() not in _READERS:
            raise MediaError(f"{path.name}: images are read as {', '.join(suffix.lstrip('.') for suffix in SUFFIXES)}")


def facts(images: ImageSequence, rate: Fraction) -> VideoInfo:
    """What a film of the images will be, without making it. Raises MediaError where none of them can be read."""
    picture = _decoded(images.folder / next(iter(images.names.values())))
    return VideoInfo(
        path=images.path,
        rate=rate,
        duration_s=images.n_frames / rate,
        width=picture.width,
        height=picture.height,
        codec=images.suffix.lower().lstrip("."),
        has_audio=False,
        timecode=None,
    )


def gaps(images: ImageSequence, start: int, end: int) -> str:
    """A sentence about images that are missing of frames [start, end); "" where none is.

    Raises MediaError where most of them are.
    """
    missing = images.missing(start, end)
    if not missing:
        return ""
    said = ", ".join(map(str, missing[:_SAID_NUMBERS])) + (" …" if len(missing) > _SAID_NUMBERS else "")
    if 2 * len(missing) > end - start:
        raise MediaError(
            f"{images.path}: {len(missing)} of {end - start} images are missing ({said}): complete the scan"
        )
    return f"{images.path}: {len(missing)} of {end - start} images are missing ({said}): the one before is held"


def make_film(images: ImageSequence, start: int, end: int, rate: Fraction, folder: Path) -> tuple[Path, str]:
    """A film of frames [start, end) in a folder, kept from an earlier run where it is there; and a warning or "".

    Raises MediaError where no image can be read, StorageError.
    """
    path = folder / f"{_digest(images, start, end, rate)}.mp4"
    damage = path.with_suffix(".txt")
    if path.is_file() and damage.is_file():
        return path, damage.read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    damaged: list[int] = []
    with whole_file(path) as part:
        _encode(images, range(start, end), rate, part, damaged)
    said = ", ".join(map(str, damaged[:_SAID_NUMBERS]))
    warning = f"{images.path}: images that cannot be read ({said}): the one before is held" if damaged else ""
    with whole_file(damage) as part:
        part.write_text(warning, encoding="utf-8")
    return path, warning


def is_made(images: ImageSequence, start: int, end: int, rate: Fraction, folder: Path) -> bool:
    """Whether the film of these frames is there from an earlier run."""
    return (folder / f"{_digest(images, start, end, rate)}.txt").is_file()


def _digest(images: ImageSequence, start: int, end: int, rate: Fraction) -> str:
    """What a film is named by: its images by size and time of change, since reading all takes as long as making."""
    listed = []
    for frame in range(start, end):
        image = images.image(frame)
        try:
            found = image.stat() if image else None
        except OSError:
            found = None
        listed.append([str(image), found.st_size, found.st_mtime_ns] if found else None)
    told = json.dumps([listed, str(rate), _HEIGHT, _ENCODING])
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _encode(images: ImageSequence, frames: range, rate: Fraction, path: Path, damaged: list[int]) -> None:
    shown = _first_picture(images, frames)
    height = min(_HEIGHT, shown.height) // 2 * 2 or 2
    width = max(2, round(shown.width * height / shown.height / 2) * 2)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options=dict(_ENCODING))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.codec_context.time_base = 1 / rate
        stream.codec_context.thread_count = 1
        for count, number in enumerate(frames):
            image = images.image(number)
            if image is not None:
                try:
                    shown = _decoded(image)
                except MediaError:
                    damaged.append(images.first + number * images.step)
            small = shown.reformat(width=width, height=height, format="yuv420p", interpolation=Interpolation.AREA)
            small.pts, small.time_base = count, 1 / rate
            container.mux(stream.encode(small))
        container.mux(stream.encode(None))


def _first_picture(images: ImageSequence, frames: range) -> VideoFrame:
    """What is shown until the first image: that image. Raises MediaError where none can be read."""
    failure = MediaError(f"{images.path}: none of the images is there")
    for number in frames:
        image = images.image(number)
        if image is not None:
            try:
                return _decoded(image)
            except MediaError as error:
                failure = error
    raise failure


def _decoded(path: Path) -> VideoFrame:
    """An image file's picture. Raises MediaError."""
    try:
        with av.open(f"file:{path.absolute()}", "r", format=_READERS[path.suffix.lower()]) as container:
            context = container.streams.video[0].codec_context
            if context.width * context.height > _MAX_PIXELS:
                raise MediaError(f"{path} has more than {_MAX_PIXELS:,} pixels: scale it down")
            return next(container.decode(video=0))
    except (av.FFmpegError, OSError, StopIteration, IndexError, KeyError) as error:
        raise MediaError(f"{path} is no image that can be read: {error}") from error
