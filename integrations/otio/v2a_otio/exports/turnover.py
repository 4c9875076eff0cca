"""What an export is made of: the cut's picture and sounds on the grid of one format, and what that costs.

The copy handed to an adapter is built anew from exact times and holds nothing but plain clips and gaps, since
adapters crash on, or silently change, much of what timelines hold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import opentimelineio as otio

from v2a.audio import sample_at
from v2a.delivery import wav_info
from v2a_otio.events import Cut, Event
from v2a_otio.exports.addresses import path_of
from v2a_otio.exports.losses import Loss
from v2a_otio.plan import RATE_HZ, Plan
from v2a_otio.tracks import PlacedFile, layout

_DAY_S = 24 * 60 * 60
_ZERO = Fraction(0)
_HALF = Fraction(1, 2)
ROUNDED_START, ROUNDED_END, ROUNDED_SOURCE = "start", "end", "place in the file"
# Where no timecode exists at the timeline's own rate (16, 18, 200/11 frames a second), this one is written.
_FALLBACK = Fraction(24)
SMPTE_RATES = frozenset(Fraction(rate) for rate in (24, 25, 30, 48, 50, 60)) | frozenset(
    Fraction(nominal * 1000, 1001) for nominal in (24, 30, 60)
)


@dataclass(frozen=True)
class Master:
    """The master, read by its exports.

    timeline: the user's own, without the new tracks. plans: of all events. files: the finished sounds, their paths
    relative to folder.
    """

    timeline: otio.schema.Timeline
    cut: Cut
    plans: Sequence[Plan]
    files: Sequence[PlacedFile]
    folder: Path


@dataclass(frozen=True)
class Planned:
    """Where the master has something: a stretch of a file over a stretch of the timeline, in exact seconds.

    source_s: from the file's first frame or sample. first_s: the timecode there; length_s: the file's length.
    """

    event: int
    name: str
    file: str
    start_s: Fraction
    end_s: Fraction
    source_s: Fraction
    first_s: Fraction
    length_s: Fraction
    speed: Fraction = Fraction(1)


@dataclass(frozen=True)
class Item:
    """The same on a format's grid, in whole units: frames, or samples. start, end: from the timeline's start."""

    plan: Planned
    start: int
    end: int
    source: int
    first: int
    length: int


@dataclass(frozen=True)
class Lane:
    """A track. channels: of its files, 0 for pictures."""

    name: str
    kind: Literal["picture", "sound"]
    items: tuple[Item, ...]
    channels: int = 0


@dataclass(frozen=True)
class Turnover:
    """All that goes into an export. grid: units a second. rate: the frames a second of its timecode."""

    name: str
    rate: Fraction
    grid: Fraction
    origin_s: Fraction
    lanes: tuple[Lane, ...]
    losses: tuple[Loss, ...]

    @property
    def origin(self) -> int:
        """The timecode of the timeline's start, in frames."""
        return nearest(self.origin_s, self.rate)

    @property
    def sounds(self) -> tuple[Lane, ...]:
        """The tracks of sound."""
        return tuple(lane for lane in self.lanes if lane.kind == "sound")

    @property
    def pictures(self) -> tuple[Lane, ...]:
        """The track of the picture, or none."""
        return tuple(lane for lane in self.lanes if lane.kind == "picture")

    @property
    def end(self) -> int:
        """The end of the last item."""
        return max((item.end for lane in self.lanes for item in lane.items), default=0)


def nearest(time_s: Fraction, grid: Fraction) -> int:
    """The unit of a grid nearest to a time; halves go up."""
    return (time_s * grid + _HALF).__floor__()


def turnover(master: Master, *, picture: bool, samples: bool, exact_source: bool, most_sounds: int | None) -> Turnover:
    """The master on a format's grid, with what rounding and missing tracks cost.

    picture: whether the format gets the picture. samples: its grid is samples, else frames. exact_source: it
    says exactly where in a file a clip begins. most_sounds: tracks of sound it can have.
    """
    cut = master.cut
    losses: list[Loss] = []
    rate = cut.rate if cut.rate in SMPTE_RATES else _FALLBACK
    if rate != cut.rate:
        losses.append(
            Loss(
                "frame rate",
                f"no timecode exists at {float(cut.rate):g} frames a second: it is written at {float(rate):g}",
            )
        )
    grid = Fraction(RATE_HZ) if samples else rate
    lanes = []
    if picture:
        shots = [_shot(plan, cut) for plan in master.plans if not _unseen(plan.event)]
        lanes.append(_lane("V1", "picture", shots, grid, losses, exact_source=exact_source))
    tracks, by_path = layout(master.files)
    for number, track in enumerate(tracks):
        sounds = [_sound(by_path[item.path], master.folder, cut.origin_s) for item in track.items]
        if most_sounds is not None and number >= most_sounds:
            text = f"it is left out: there is room for {most_sounds} tracks of sound"
            losses += [Loss("sound tracks", text, sound.event, track=track.name) for sound in sounds]
            continue
        lane = _lane(track.name, "sound", sounds, grid, losses, exact_source=exact_source)
        lanes.append(replace(lane, channels=wav_info(Path(sounds[0].file)).channels))
    return Turnover(
        printable(cut.name) or "V2A",
        rate,
        grid,
        cut.origin_s,
        tuple(lane for lane in lanes if lane.items),
        tuple(losses),
    )


def printable(text: str) -> str:
    """A name without characters that spoil lines or XML."""
    return "".join(char if char.isprintable() else "_" for char in text)


def _unseen(event: Event) -> bool:
    """Whether an event shows what only an editor can make: colour, bars."""
    return bool(event.omission) and not event.medium.url


def _shot(plan: Plan, cut: Cut) -> Planned:
    event, film = plan.event, plan.film
    first_s = film.first_s if film is not None else event.medium.start_s or _ZERO
    length_s = film.info.duration_s if film is not None else event.medium.duration_s
    # The range of a clip holds the media that is used, so one that plays backwards begins at its end.
    shown_s = event.shown_s + min(event.speed, _ZERO) * event.record.duration_s - first_s
    return Planned(
        event=event.number,
        name=printable(event.name),
        file=_film(plan),
        start_s=event.record.start_s,
        end_s=event.record.end_s,
        source_s=max(shown_s, _ZERO),
        first_s=first_s,
        length_s=length_s if length_s is not None else max(shown_s, _ZERO) + event.record.duration_s,
        speed=event.speed,
    )


def _film(plan: Plan) -> str:
    """The film of an event, of an image sequence the first image, or what the timeline says where none was found."""
    film = plan.film
    if film is None:
        return printable(path_of(plan.event.medium.url).replace("\\", "/")).strip()
    images = film.images
    return str(film.info.path if images is None else images.folder / next(iter(images.names.values())))


def _sound(file: PlacedFile, folder: Path, origin_s: Fraction) -> Planned:
    whole, placed = file.coverage.whole, file.coverage.placed
    return Planned(
        event=file.event,
        name=printable(file.name),
        file=str((folder / file.path).absolute()),
        start_s=placed.start_s,
        end_s=placed.end_s,
        source_s=placed.start_s - whole.start_s,
        first_s=(origin_s + whole.start_s) % _DAY_S,
        length_s=whole.duration_s,
    )


def _lane(
    name: str,
    kind: Literal["picture", "sound"],
    planned: Sequence[Planned],
    grid: Fraction,
    losses: list[Loss],
    *,
    exact_source: bool,
) -> Lane:
    items = []
    for plan in planned:
        item = _on_grid(plan, grid)
        if item.end <= item.start:
            losses.append(Loss("short events", "it is left out: it is shorter than a frame", plan.event, track=name))
            continue
        items.append(item)
        losses += _costs(name, item, grid, exact_source=exact_source)
    return Lane(name, kind, tuple(items))


def _on_grid(plan: Planned, grid: Fraction) -> Item:
    start, end = nearest(plan.start_s, grid), nearest(plan.end_s, grid)
    # What is heard at a moment stays so: where the edge moves, the place in the file moves with it.
    moved_s = start / grid - plan.start_s
    return Item(
        plan,
        start,
        end,
        source=max(nearest(plan.source_s + moved_s * plan.speed, grid), 0),
        first=nearest(plan.first_s, grid),
        length=max(nearest(plan.length_s, grid), 1),
    )


def _costs(lane: str, item: Item, grid: Fraction, *, exact_source: bool) -> Iterator[Loss]:
    """What rounding to the grid costs an item, where it comes to half a sample or more."""
    plan = item.plan
    source = 0 if exact_source else _in_samples(sync_error_s(item, grid))
    for feature, samples in (
        (ROUNDED_START, _in_samples(item.start / grid - plan.start_s)),
        (ROUNDED_END, _in_samples(item.end / grid - plan.end_s)),
        (ROUNDED_SOURCE, source),
    ):
        if samples:
            yield Loss(feature, "it is rounded to a frame", plan.event, samples, lane)


def sync_error_s(item: Item, grid: Fraction) -> Fraction:
    """How far what is heard or seen lies from where it belongs."""
    plan = item.plan
    return item.source / grid - (plan.source_s + (item.start / grid - plan.start_s) * plan.speed)


def _in_samples(time_s: Fraction) -> int:
    return sample_at(abs(time_s), RATE_HZ)
