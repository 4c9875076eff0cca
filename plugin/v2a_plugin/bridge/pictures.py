"""The film that a job's pictures are in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from v2a.errors import NotFoundError
from v2a.media import probe
from v2a.request import Piece
from v2a_plugin.bridge.requests import FilmSource, ImagesSource, Job
from v2a_plugin.sequences import ImageSequence, check_endings, facts, gaps, listed, make_film


@dataclass(frozen=True)
class Picture:
    """A film on the disk, or images that one can be made of.

    duration_s, frame_s: how long the pictures, and one of them, are. rate: frames a second to read the film at, None:
    its own. images: what a film has to be made of first.
    """

    path: Path
    duration_s: Fraction
    frame_s: Fraction
    rate: Fraction | None = None
    images: ImageSequence | None = None


def check_there(job: Job) -> None:
    """A quick look at a job's files, before it is one.

    Raises NotFoundError where its film, or the first and last of its images, are not where it says; MediaError for
    images that cannot be read, by their endings.
    """
    if isinstance(job.source, FilmSource) and not job.source.path.is_file():
        raise _gone(job.source.path)
    if isinstance(job.source, ImagesSource):
        paths = job.source.paths
        check_endings(paths)
        if not paths[0].is_file() and not paths[-1].is_file():
            raise _gone(paths[0])


def picture_of(job: Job, rendered: Path | None) -> Picture:
    """A job's pictures. rendered: what was rendered for it.

    Raises NotFoundError, MediaError.
    """
    if isinstance(job.source, ImagesSource):
        images, rate = listed(job.source.paths), job.source.rate
        info = facts(images, rate)
        return Picture(info.path, info.duration_s, 1 / rate, images=images)
    if isinstance(job.source, FilmSource):
        path, source_rate = job.source.path, job.source.rate
    else:
        path, source_rate = rendered or job.source.film, job.rate
    if not path.is_file():
        raise _gone(path)
    info = probe(path, source_rate)
    return Picture(path, info.duration_s, 1 / info.rate, source_rate)


def developed(picture: Picture, pieces: Sequence[Piece], folder: Path) -> tuple[Path, list[Piece], list[str]]:
    """The film of what pieces show, the pieces in its time, and what is to be said of its images.

    folder: where a film of images is made. Raises MediaError, StorageError.
    """
    if picture.images is None:
        return picture.path, list(pieces), []
    rate, n_frames = 1 / picture.frame_s, picture.images.n_frames
    times_s = [time_s for piece in pieces for time_s in (piece.source_start_s, piece.source_end_s)]
    start = min(math.floor(min(times_s) * rate), n_frames - 1)
    end = max(min(math.ceil(max(times_s) * rate), n_frames), start + 1)
    missing = gaps(picture.images, start, end)
    path, damage = make_film(picture.images, start, end, rate, folder)
    moved = [
        replace(
            piece, source_start_s=piece.source_start_s - start / rate, source_end_s=piece.source_end_s - start / rate
        )
        for piece in pieces
    ]
    return path, moved, [said for said in (missing, damage) if said]


def _gone(path: Path) -> NotFoundError:
    return NotFoundError(f"{path} is not there: it was moved or renamed. Find it again in your edit, and try again")
