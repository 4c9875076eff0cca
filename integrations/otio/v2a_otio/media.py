"""Finding the film behind an event."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from v2a.media import VideoInfo, probe
from v2a_otio.bundles import unpacked
from v2a_otio.covering import Coverage, Film, cover, developed
from v2a_otio.events import Event
from v2a_otio.relinking import Shelf, first_of
from v2a_plugin.sequences import SUFFIXES, Images, ImageSequence, chosen, facts, sequences_in, still

__all__ = ["Coverage", "Film", "Library", "cover", "developed"]

log = logging.getLogger(__name__)

_ZERO = Fraction(0)


@dataclass
class Library:
    """Media by the timeline's names: where it says, else anywhere under the media roots.

    folder: the timeline's own. source_rate: read every film as if its frames came at this rate; source_rates: those
    of a reel, or of a film's name with or without suffix. rate: the timeline's, which images without a rate have.
    bundle: the archive that media lie in.
    """

    folder: Path
    roots: Sequence[Path] = ()
    source_rate: Fraction | None = None
    source_rates: Mapping[str, Fraction] = field(default_factory=dict)
    rate: Fraction = Fraction(24)
    bundle: Path | None = None
    _films: dict[tuple[Path, Fraction | None], VideoInfo] = field(default_factory=dict)
    _sequences: dict[tuple[Path, Images], ImageSequence] = field(default_factory=dict)

    def find(self, event: Event) -> Film:
        """The film of an event. Raises MediaError or NotFoundError that says what to do."""
        source_rate = self._rate(event)
        images = event.medium.images
        if images is not None:
            for folder in candidates(images.folder or ".", self.folder):
                if os.path.isdir(folder):  # noqa: PTH112 - takes folders that are closed, too
                    return self._of_images(event, self._chosen(folder.resolve(), images), source_rate)
        for path in candidates(event.medium.url, self.folder):
            # Unlike Path.is_file, this takes names that are too long and folders that are closed as well.
            if os.path.isfile(path):  # noqa: PTH113
                path = path.resolve()
                if path.suffix.lower() in SUFFIXES:
                    return self._of_images(event, _around(path, event), source_rate)
                return self._of_film(event, path, source_rate)
            if os.path.isdir(path):  # noqa: PTH112
                return self._of_images(event, self._chosen(path.resolve(), Images(str(path))), source_rate)
        if self.bundle is not None and (inside := unpacked(self.bundle, event.medium.url)):
            return self._of_film(event, inside, source_rate)
        found = self._shelf.find(event, rate_given=source_rate is not None)
        if found.images is not None:
            return self._of_images(event, found.images, source_rate)
        return self._of_film(event, found.path, source_rate)

    def _rate(self, event: Event) -> Fraction | None:
        """How the user wants an event's medium read: as its reel is, as its name is, as all are."""
        medium = event.medium
        names = (event.reel, medium.name, unquote(medium.name), os.path.splitext(medium.name)[0])  # noqa: PTH122
        given = {name.casefold(): rate for name, rate in self.source_rates.items()}
        return next((given[name.casefold()] for name in names if name and name.casefold() in given), self.source_rate)

    def _of_film(self, event: Event, path: Path, source_rate: Fraction | None) -> Film:
        info = self._probed(path, source_rate)
        return Film(info, _first(event, info), source_rate)

    def _of_images(self, event: Event, images: ImageSequence, source_rate: Fraction | None) -> Film:
        said = event.medium.images
        rate = source_rate or (said.rate if said is not None else None) or self.rate
        info = self._film_of(images, rate)
        first_s = _ZERO if images.is_still else _first_image(event, images, info)
        return Film(info, first_s, source_rate, images)

    def _chosen(self, folder: Path, images: Images) -> ImageSequence:
        key = (folder, images)
        if key not in self._sequences:
            self._sequences[key] = chosen(folder, images)
        return self._sequences[key]

    def _probed(self, path: Path, source_rate: Fraction | None) -> VideoInfo:
        key = (path, source_rate)
        if key not in self._films:
            self._films[key] = probe(path, source_rate)
        return self._films[key]

    def _film_of(self, images: ImageSequence, rate: Fraction) -> VideoInfo:
        key = (images.path, rate)
        if key not in self._films:
            self._films[key] = facts(images, rate)
        return self._films[key]

    @cached_property
    def _shelf(self) -> Shelf:
        def look(path: Path, images: ImageSequence | None, event: Event) -> VideoInfo:
            source_rate = self._rate(event)
            if images is None:
                return self._probed(path, source_rate)
            return self._film_of(images, source_rate or self.rate)

        return Shelf(self.roots, look)


def _around(path: Path, event: Event) -> ImageSequence:
    """What an image's address means: that picture alone, or the sequence that it is one of."""
    length_s = event.medium.duration_s
    if length_s is None or length_s > 1:
        for images in sequences_in(path.parent):
            if path.name in images.names.values() and not images.is_still:
                return images
    return still(path)


def _first_image(event: Event, images: ImageSequence, info: VideoInfo) -> Fraction:
    """The timecode of a sequence's first image: as the timeline says, else its number, where the range fits it."""
    if event.medium.start_s is not None:
        return event.medium.start_s
    number_s = images.first / info.rate
    return number_s if number_s <= event.shown_s <= number_s + info.duration_s else _ZERO


def _first(event: Event, info: VideoInfo) -> Fraction:
    """The timecode of a film's first frame: as the timeline says, else its own where the range fits."""
    if event.medium.start_s is not None:
        return event.medium.start_s
    first_s = first_of(info)
    if first_s is None:
        if info.timecode is not None:
            log.warning("%s: its timecode '%s' cannot be read", info.path, info.timecode)
        return _ZERO
    return first_s if first_s <= event.shown_s <= first_s + info.duration_s else _ZERO


def candidates(url: str, folder: Path) -> list[Path]:
    """The paths that a target_url may mean. URLs other than files are never fetched."""
    try:
        parts = urlsplit(url)
    except ValueError:  # file://[…
        return []
    if not url or "\0" in url or (len(parts.scheme) > 1 and parts.scheme != "file"):
        return []  # a scheme of one letter is a Windows drive
    if parts.scheme == "file":
        # A path without its leading slashes (file:x.mov) is relative.
        return [folder / url2pathname(parts.path)]
    return [folder / url, folder / unquote(url)]
