"""Plans for new tracks, and the comparison of a plan with what a host then holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from v2a_plugin.timeline import Range, free_tracks


@dataclass(frozen=True)
class Sound:
    """A finished file and the timeline range, in seconds, that it is for. take is 0-based."""

    path: Path
    start_s: Fraction
    end_s: Fraction
    name: str
    layer: str
    take: int = 0


@dataclass(frozen=True)
class Placed:
    """One item of a track: a file over [start_s, end_s) of the timeline."""

    path: Path
    start_s: Fraction
    end_s: Fraction
    name: str


@dataclass(frozen=True)
class TrackPlan:
    """A track to be made, its items in order of time. take is 0-based."""

    name: str
    layer: str
    take: int
    items: tuple[Placed, ...]


def plan_tracks(sounds: Iterable[Sound]) -> tuple[TrackPlan, ...]:
    """One track for each layer and take, in order of take and first appearance of the layer.

    Tracks are named "V2A effects", "V2A effects take 2". Items of a track never overlap: sounds that do (two
    sides of a dissolve, handles) go checkerboard to a further track, "V2A effects B".
    """
    groups: dict[tuple[int, str], list[Sound]] = {}
    for sound in sounds:
        groups.setdefault((sound.take, sound.layer), []).append(sound)
    plans: list[TrackPlan] = []
    for take, layer in sorted(groups, key=lambda key: key[0]):
        name = f"V2A {layer}" if take == 0 else f"V2A {layer} take {take + 1}"
        for lane, items in enumerate(_lanes(groups[take, layer])):
            plans.append(TrackPlan(name if lane == 0 else f"{name} {_letter(lane)}", layer, take, items))
    return tuple(plans)


def differences(plan: Sequence[TrackPlan], read_back: Sequence[TrackPlan]) -> list[str]:
    """What a host holds otherwise than planned, as sentences for people. Empty: verified."""
    found = {track.name: track for track in read_back}
    sentences: list[str] = []
    for track in plan:
        other = found.get(track.name)
        if other is None:
            sentences.append(f"track '{track.name}' is missing")
            continue
        if len(track.items) != len(other.items):
            sentences.append(f"track '{track.name}' holds {len(other.items)} items instead of {len(track.items)}")
            continue
        for wanted, got in zip(track.items, other.items, strict=True):
            sentences += _item_differences(track.name, wanted, got)
    return sentences


def _lanes(sounds: Sequence[Sound]) -> list[tuple[Placed, ...]]:
    lanes: list[list[Placed]] = []
    ranges: list[list[Range]] = []
    for sound in sorted(sounds, key=lambda sound: sound.start_s):
        wanted = Range(sound.start_s, sound.end_s)
        lane = free_tracks(ranges, wanted)
        if lane == len(lanes):
            lanes.append([])
            ranges.append([])
        lanes[lane].append(Placed(sound.path, sound.start_s, sound.end_s, sound.name))
        ranges[lane].append(wanted)
    return [tuple(items) for items in lanes]


def _letter(lane: int) -> str:
    return chr(ord("A") + lane) if lane < 26 else str(lane + 1)


def _item_differences(track: str, wanted: Placed, got: Placed) -> list[str]:
    where = f"'{wanted.name}' on track '{track}'"
    sentences = []
    if got.path != wanted.path:
        sentences.append(f"{where} plays {got.path} instead of {wanted.path}")
    if got.start_s != wanted.start_s:
        sentences.append(f"{where} starts at {_seconds(got.start_s)} instead of {_seconds(wanted.start_s)}")
    if got.end_s != wanted.end_s:
        sentences.append(f"{where} ends at {_seconds(got.end_s)} instead of {_seconds(wanted.end_s)}")
    if got.name != wanted.name:
        sentences.append(f"{where} is named '{got.name}'")
    return sentences


def _seconds(time_s: Fraction) -> str:
    return f"{float(time_s):.6f} s"
