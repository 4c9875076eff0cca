"""The master: sound on new tracks of a copy of the timeline, written as `.otio` and read back.

Each layer has a track. Each event has a clip there, whose takes are its media references (`take1`, `take2`), so
that an editor chooses among them on the clip itself. All provenance stands in metadata under the key `v2a`: of the
timeline what holds for all, of a clip what holds for all its takes, of a reference the rest.
"""

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import opentimelineio as otio

from v2a.audio import sample_at
from v2a.errors import StorageError
from v2a.output import whole_file
from v2a_otio.events import Dissolve
from v2a_otio.media import Coverage
from v2a_otio.plan import RATE_HZ
from v2a_otio.times import exact, in_samples
from v2a_plugin.placement import Placed, Sound, TrackPlan, differences, plan_tracks

_DAY_S = 24 * 60 * 60
_ADDRESSES = {
    otio.schema.ExternalReference: "target_url",
    otio.schema.ImageSequenceReference: "target_url_base",
}


@dataclass(frozen=True)
class PlacedFile:
    """A finished WAV for the timeline. path: relative to the timeline's folder, unique. take: from 0.

    opening, closing: the dissolves of the picture, which the sound follows. facts: its provenance.
    """

    path: Path
    name: str
    layer: str
    take: int
    coverage: Coverage
    opening: Dissolve
    closing: Dissolve
    facts: Mapping[str, Any]

    @property
    def event(self) -> int:
        """The number of its event; 0 where its provenance names none."""
        return int(self.facts.get("event", 0))


def write_timeline(
    timeline: otio.schema.Timeline,
    files: Sequence[PlacedFile],
    origin_s: Fraction,
    facts: Mapping[str, Any],
    path: Path,
) -> None:
    """Write the timeline, its own tracks as they are, with one new audio track a layer; verify it.

    Positions are whole samples, each boundary rounded by itself, so that they do not drift. Dissolves become
    dissolves of the sound, as far as the WAVs reach.

    origin_s: timecode of the timeline's first frame. facts: provenance of the whole.
    Raises StorageError where the file cannot be written, or is read back otherwise than planned.
    """
    plan, by_path = layout(files)
    new = timeline.deepcopy()
    new.metadata["v2a"] = dict(facts)
    for track in plan:
        new.tracks.append(_track(track, by_path, origin_s))
    with whole_file(path) as temporary:
        temporary.write_text(otio.adapters.write_to_string(new, adapter_name="otio_json"), encoding="utf-8")
        wrong = _differences(timeline, plan, temporary)
        if wrong:
            raise StorageError(f"{path.name} was not kept, since it reads back wrong: {'; '.join(wrong[:5])}")


def layout(files: Sequence[PlacedFile]) -> tuple[tuple[TrackPlan, ...], dict[Path, PlacedFile]]:
    """The tracks for finished files, the takes of an event and layer as one item; and the files by their paths."""
    takes: dict[tuple[Any, str], list[PlacedFile]] = {}
    for file in files:
        takes.setdefault((file.event or file.path, file.layer), []).append(file)
    sounds = []
    for alternatives in takes.values():
        first, *others = sorted(alternatives, key=lambda file: file.take)
        sounds.append(
            Sound(
                first.path,
                _on_sample(first.coverage.placed.start_s),
                _on_sample(first.coverage.placed.end_s),
                first.name,
                first.layer,
                tuple(file.path for file in others),
            )
        )
    return plan_tracks(sounds), {file.path: file for file in files}


def moved(timeline: otio.schema.Timeline, old: Path, new: Path) -> otio.schema.Timeline:
    """A copy for another folder: relative addresses of media, which hosts read from the timeline's own folder, still
    mean the same files. Nothing else changes.
    """
    copy = timeline.deepcopy()
    way = Path(os.path.relpath(old.resolve(), new.resolve())).as_posix()
    for clip in copy.find_clips():
        for reference in clip.media_references().values():
            field = _ADDRESSES.get(type(reference))
            address = getattr(reference, field) if field else None
            if field and address and not urlsplit(address).scheme and not Path(address).is_absolute():
                setattr(reference, field, posixpath.normpath(f"{way}/{address}"))
    return copy


def read_tracks(timeline: otio.schema.Timeline) -> tuple[TrackPlan, ...]:
    """What the generated tracks of a timeline hold, with exact positions from its start."""
    return tuple(
        TrackPlan(track.name, track.metadata["v2a"]["layer"], tuple(_items(track)))
        for track in timeline.audio_tracks()
        if track.metadata.get("v2a", {}).get("synthetic")
    )


def _differences(before: otio.schema.Timeline, plan: Sequence[TrackPlan], written: Path) -> list[str]:
    after = otio.adapters.read_from_file(str(written), adapter_name="otio_json")
    own = len(before.tracks)
    wrong = [
        f"its own track {number} ('{track.name}') has changed"
        for number, track in enumerate(before.tracks, start=1)
        if track.to_json_string() != after.tracks[number - 1].to_json_string()
    ]
    new = otio.schema.Timeline()
    new.tracks.extend(track.deepcopy() for track in after.tracks[own:])
    return wrong + differences(plan, read_tracks(new))


def _items(track: otio.schema.Track) -> Iterator[Placed]:
    cursor_s = Fraction(0)
    for item in track:
        if isinstance(item, otio.schema.Transition):
            continue
        end_s = cursor_s + exact(item.trimmed_range().duration)
        if isinstance(item, otio.schema.Clip):
            takes = {key: Path(take.target_url) for key, take in item.media_references().items()}
            chosen = takes.pop(item.active_media_reference_key)
            yield Placed(chosen, cursor_s, end_s, item.name, tuple(takes[key] for key in sorted(takes, key=_number)))
        cursor_s = end_s


def _track(plan: TrackPlan, files: Mapping[Path, PlacedFile], origin_s: Fraction) -> otio.schema.Track:
    track = otio.schema.Track(plan.name, kind=otio.schema.TrackKind.Audio)
    track.metadata["v2a"] = {"layer": plan.layer, "synthetic": True}
    cursor = 0
    before: PlacedFile | None = None
    for item in plan.items:
        after = files[item.path]
        silence = sample_at(item.start_s, RATE_HZ) - cursor
        if silence:
            used = min(_tail(before), silence) if before else 0
            if before:
                _dissolve(track, _samples(before.closing.before_s), used)
            track.append(_gap(silence))
            _dissolve(track, min(_head(after), silence - used), _samples(after.opening.after_s))
        elif before:
            _dissolve(track, _head(after), _tail(before))
        else:
            _dissolve(track, 0, _samples(after.opening.after_s))
        track.append(_clip([files[path] for path in (item.path, *item.takes)], item, origin_s))
        cursor, before = sample_at(item.end_s, RATE_HZ), after
    if before:
        _dissolve(track, _samples(before.closing.before_s), _tail(before))
        if _tail(before):
            track.append(_gap(_tail(before)))
    return track


def _clip(takes: Sequence[PlacedFile], item: Placed, origin_s: Fraction) -> otio.schema.Clip:
    """An event's takes cut to it, the first of them chosen. Media time is the timecode that each WAV carries."""
    file = takes[0]
    whole = file.coverage.whole
    first = sample_at((origin_s + whole.start_s) % _DAY_S, RATE_HZ)
    head = sample_at(item.start_s, RATE_HZ) - sample_at(whole.start_s, RATE_HZ)
    length = sample_at(item.end_s, RATE_HZ) - sample_at(item.start_s, RATE_HZ)
    clip = otio.schema.Clip(name=file.name, source_range=_range(first + head, length))
    clip.set_media_references(
        {f"take{number}": _reference(take, first) for number, take in enumerate(takes, start=1)}, "take1"
    )
    clip.metadata["v2a"] = {
        key: value
        for key, value in file.facts.items()
        if all(key in take.facts and take.facts[key] == value for take in takes)
    }
    return clip


def _reference(take: PlacedFile, first: int) -> otio.schema.ExternalReference:
    return otio.schema.ExternalReference(
        target_url=take.path.as_posix(),
        available_range=_range(first, take.coverage.whole.n_samples(RATE_HZ)),
        metadata={"v2a": dict(take.facts)},
    )


def _number(key: str) -> int:
    """The number of a take from its key; 0 for keys of others."""
    digits = key.removeprefix("take")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _dissolve(track: otio.schema.Track, before: int, after: int) -> None:
    """Append a dissolve that many samples before and after the cut; nothing for a plain cut."""
    if before or after:
        track.append(
            otio.schema.Transition(
                transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
                in_offset=in_samples(before, RATE_HZ),
                out_offset=in_samples(after, RATE_HZ),
            )
        )


def _gap(n_samples: int) -> otio.schema.Gap:
    return otio.schema.Gap(source_range=_range(0, n_samples))


def _range(start: int, length: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(in_samples(start, RATE_HZ), in_samples(length, RATE_HZ))


def _head(file: PlacedFile) -> int:
    """Samples of a sound that are heard before its cut."""
    return sample_at(file.coverage.placed.start_s, RATE_HZ) - sample_at(file.coverage.heard.start_s, RATE_HZ)


def _tail(file: PlacedFile) -> int:
    """Samples of a sound that are heard after its cut."""
    return sample_at(file.coverage.heard.end_s, RATE_HZ) - sample_at(file.coverage.placed.end_s, RATE_HZ)


def _samples(duration_s: Fraction) -> int:
    return sample_at(duration_s, RATE_HZ)


def _on_sample(time_s: Fraction) -> Fraction:
    return Fraction(sample_at(time_s, RATE_HZ), RATE_HZ)
