"""Finding media that are not where the timeline says: by at least two keys that agree, never by a guess.

Keys of identity are the name (of the file, with or without its suffix) and the reel; keys of position are timecode
(the range that is used lies in the medium's own) and duration. A medium is taken where one of each kind agrees and
none speaks against it, and where it is the only such one. Of 882 shots that an editor's program linked by itself,
734 were once the wrong takes, and nothing said so.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from v2a.errors import MediaError, NotFoundError, UsageError
from v2a.media import VideoInfo
from v2a.media.film import open_container
from v2a_otio.events import Event
from v2a_plugin.sequences import SUFFIXES, ImageSequence, sequences_in
from v2a_plugin.timeline import parse_time

_FILMS = (
    ".mov",
    ".mp4",
    ".m4v",
    ".mxf",
    ".mkv",
    ".avi",
    ".webm",
    ".mpg",
    ".mpeg",
    ".ts",
    ".mts",
    ".dv",
    ".ogv",
    ".flv",
)
# What edit lists keep of a reel's name.
_SHORT_REEL = 8
_SAID = 5


@dataclass(frozen=True)
class Found:
    """A medium under a root: a film, or a sequence of images. reel: as its file says."""

    path: Path
    info: VideoInfo
    images: ImageSequence | None = None
    reel: str = ""


@dataclass(frozen=True)
class Evidence:
    """What speaks for a medium and what against it. identity, position: names of the keys that agree."""

    found: Found
    identity: tuple[str, ...]
    position: tuple[str, ...]
    against: tuple[str, ...]

    @property
    def is_enough(self) -> bool:
        """Whether it may be taken."""
        return bool(self.identity and self.position) and not self.against

    def __str__(self) -> str:
        agree = " and ".join((*self.identity, *self.position)) or "nothing"
        return f"{self.found.path} (agrees by {agree}{''.join(f'; {text}' for text in self.against)})"


def evidence(event: Event, found: Found, rate_given: bool) -> Evidence:
    """Weigh a medium for an event. rate_given: the user says its rate, so that lengths need not agree."""
    position, against = _position(event, found, rate_given)
    identity, strangers = _identity(event, found)
    return Evidence(found, tuple(identity), tuple(position), (*strangers, *against))


def _identity(event: Event, found: Found) -> tuple[list[str], list[str]]:
    names, stems = _names(event)
    own = _own_names(found)
    keys = ["name"] if own & (names | stems) else []
    reel = _plain(event.reel)
    if not reel:
        return keys, []
    if found.reel:
        if _same_reel(reel, _plain(found.reel)):
            return [*keys, "reel"], []
        return keys, [f"its reel is {found.reel}, not {event.reel}"]
    if any(_same_reel(reel, name) for name in own):
        keys.append("reel")
    return keys, []


def _position(event: Event, found: Found, rate_given: bool) -> tuple[list[str], list[str]]:
    keys, against = [], []
    info, medium = found.info, event.medium
    frame_s = 1 / info.rate
    if medium.duration_s is not None:
        if abs(medium.duration_s - info.duration_s) <= frame_s:
            keys.append("duration")
        elif not rate_given:
            against.append(f"it is {float(info.duration_s):.3f} s long, not {float(medium.duration_s):.3f} s")
    first_s = first_of(info)
    if first_s is not None:
        used = sorted((event.media_at(event.record.start_s), event.media_at(event.record.end_s)))
        inside = first_s - frame_s <= used[0] and used[1] <= first_s + info.duration_s + frame_s
        same = not medium.start_s or abs(medium.start_s - first_s) <= frame_s
        if inside and same:
            keys.append("timecode")
        elif medium.start_s or used[1] > info.duration_s + frame_s:
            against.append(f"its timecode begins at {info.timecode}")
    elif found.images is not None and medium.images is not None and medium.images.first == found.images.first:
        keys.append("frame numbers")
    return keys, against


def first_of(info: VideoInfo) -> Fraction | None:
    """The timecode of a film's first frame, as its file says it."""
    if info.timecode is None:
        return None
    # At ten frames a second and below, FFmpeg writes one digit of frames.
    text = re.sub(r"([:;])(\d)$", r"\g<1>0\2", info.timecode)
    try:
        return parse_time(text, info.rate)
    except UsageError:
        return None


def _names(event: Event) -> tuple[set[str], set[str]]:
    """A medium's names as the timeline gives them, and these without suffix."""
    names = {_plain(name) for name in (event.medium.name, unquote(event.medium.name)) if name}
    if event.medium.images is not None:
        names |= {_plain((event.medium.images.prefix or "").strip("._- "))}
    names.discard("")
    return names, {os.path.splitext(name)[0] for name in names}  # noqa: PTH122 - may be no path


def _own_names(found: Found) -> set[str]:
    if found.images is None:
        return {_plain(found.path.name), _plain(found.path.stem)}
    return {_plain(found.path.name), _plain(found.images.prefix.strip("._- ")), _plain(found.images.folder.name)} - {""}


def _same_reel(one: str, other: str) -> bool:
    """Whether two names of reels are the same, or one is what an edit list leaves of the other."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    return len(short) == _SHORT_REEL and long.startswith(short.rstrip("."))


def _plain(name: str) -> str:
    return name.strip().casefold()


class Shelf:
    """What lies under the media roots."""

    def __init__(self, roots: Sequence[Path], look: Callable[[Path, ImageSequence | None, Event], VideoInfo]) -> None:
        self._roots = roots
        self._look = look
        self._reels: dict[Path, str] = {}

    def find(self, event: Event, rate_given: bool) -> Found:
        """The one medium that two keys agree on. Raises MediaError with what speaks for and against the others."""
        weighed = [evidence(event, found, rate_given) for found in self._named(event)]
        if not any(item.is_enough for item in weighed) and event.reel:
            weighed += [evidence(event, found, rate_given) for found in self._of_reel(event)]
        weighed = [item for item in weighed if item.identity]
        fit = [item for item in weighed if item.is_enough]
        if any("name" in item.identity for item in fit):
            # What edit lists leave of a reel's name fits many: those that have another name are not meant.
            fit = [item for item in fit if "name" in item.identity]
        enough = {item.found.path.resolve(): item for item in fit}
        if len(enough) == 1:
            return next(iter(enough.values())).found
        name = event.medium.name or event.reel or event.name
        if enough:
            raise MediaError(
                f"{name} is there {len(enough)} times: {_listed(enough.values())}. Name a narrower --media-root"
            )
        roots = f" under {', '.join(map(str, self._roots))}" if self._roots else ""
        if weighed:
            raise MediaError(
                f"{name} was not linked, since name or reel must agree{roots}, and timecode or duration, too: "
                f"{_listed(weighed)}. Relink it in the editor"
            )
        if event.medium.url:
            raise MediaError(
                f"the film {name} was not found at {event.medium.url}{' or' if roots else ''}{roots}: name its folder "
                "with --media-root"
            )
        raise MediaError(
            f"the timeline names no film for it, and there is no {name or 'name to look for'}{roots}: relink it in the "
            "editor, or name the film's folder with --media-root"
        )

    def _named(self, event: Event) -> Iterator[Found]:
        names, stems = _names(event)
        wanted = names | stems | ({_plain(event.reel)} if event.reel else set())
        paths: dict[Path, ImageSequence | None] = {}
        for name in sorted(wanted):
            paths |= self._by_name.get(name, {})
        if len(event.reel) == _SHORT_REEL:
            for name, there in self._by_name.items():
                if name.startswith(_plain(event.reel).rstrip(".")):
                    paths |= there
        yield from self._looked(paths, event)

    def _of_reel(self, event: Event) -> Iterator[Found]:
        """Films whose files say that they are of the event's reel."""
        everything = {path: images for there in self._by_name.values() for path, images in there.items()}
        reel = _plain(event.reel)
        wanted: dict[Path, ImageSequence | None] = {
            path: None for path, images in everything.items() if images is None and _plain(self._reel(path)) == reel
        }
        yield from self._looked(wanted, event)

    def _looked(self, paths: dict[Path, ImageSequence | None], event: Event) -> Iterator[Found]:
        for path, images in sorted(paths.items()):
            try:
                info = self._look(path, images, event)
            except (MediaError, NotFoundError):
                continue
            yield Found(path, info, images, "" if images else self._reel(path))

    def _reel(self, path: Path) -> str:
        if path not in self._reels:
            self._reels[path] = _tagged_reel(path)
        return self._reels[path]

    @cached_property
    def _by_name(self) -> dict[str, dict[Path, ImageSequence | None]]:
        """Media by each of their names."""
        names: dict[str, dict[Path, ImageSequence | None]] = defaultdict(dict)
        for root in self._roots:
            for folder, _, files in os.walk(root):
                suffixes = {os.path.splitext(name)[1].lower() for name in files}  # noqa: PTH122
                for name in files:
                    path = Path(folder, name)
                    if path.suffix.lower() in _FILMS:
                        path = path.resolve()
                        names[_plain(name)][path] = names[_plain(Path(name).stem)][path] = None
                for images in sequences_in(Path(folder)) if suffixes & set(SUFFIXES) else ():
                    for own in _own_names(Found(images.path, None, images)):  # type: ignore[arg-type]
                        names[own][images.path] = images
        return dict(names)


def _tagged_reel(path: Path) -> str:
    try:
        with open_container(path) as container:
            for item in (*container.streams, container):
                if reel := item.metadata.get("reel_name"):
                    return str(reel)
    except (MediaError, NotFoundError):
        pass
    return ""


def _listed(weighed: Iterable[Evidence]) -> str:
    items = [str(item) for item in weighed]
    return ", ".join(items[:_SAID]) + (f" and {len(items) - _SAID} more" if len(items) > _SAID else "")
