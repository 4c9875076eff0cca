"""Plans for new tracks, and the comparison of a plan with what a host then holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

# How a sound department names what a layer holds, in the order of its tracks.
DEPARTMENTS = {"dialogue": "DX", "effects": "SFX", "ambience": "AMB", "music": "MX", "mix": "MIX"}


@dataclass(frozen=True)
class Sound:
    """The finished files of one layer, and the timeline range, in seconds, that they are for.

    takes: further takes of the same sound, which are alternatives to `path`.
    """

    path: Path
    start_s: Fraction
    end_s: Fraction
    name: str
    layer: str
    takes: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Placed:
    """One item of a track: a file over [start_s, end_s) of the timeline. takes: alternatives to the file."""

    path: Path
    start_s: Fraction
    end_s: Fraction
    name: str
    takes: tuple[Path, ...] = ()


@dataclass(frozen=True)
class TrackPlan:
    """A track to be made, its items in order of time."""

    name: str
    layer: str
    items: tuple[Placed, ...]


def plan_tracks(sounds: Iterable[Sound]) -> tuple[TrackPlan, ...]:
    """One track for each layer, grouped as a sound department expects them: DX, SFX, AMB, MX, then the rest.

    Tracks are named "V2A SFX", "V2A AMB". Items of a track never overlap: sounds that do (two sides of a
    dissolve, handles) go checkerboard to a further track, "V2A SFX B".
    """
    groups: dict[str, list[Sound]] = {}
    for sound in sounds:
        groups.setdefault(sound.layer, []).append(sound)
    order = list(DEPARTMENTS)
    plans: list[TrackPlan] = []
    for layer in sorted(groups, key=lambda layer: order.index(layer) if layer in order else len(order)):
        name = f"V2A {DEPARTMENTS.get(layer, layer)}"
        for lane, items in enumerate(_lanes(groups[layer])):
            plans.append(TrackPlan(name if lane == 0 else f"{name} {_letter(lane)}", layer, items))
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
    for sound in sorted(sounds, key=lambda sound: sound.start_s):
        # In order of time, only the last item of a lane can reach into the next.
        free = (items for items in lanes if items[-1].end_s <= sound.start_s)
        lane = next(free, None)
        if lane is None:
            lanes.append(lane := [])
        lane.append(Placed(sound.path, sound.start_s, sound.end_s, sound.name, sound.takes))
    return [tuple(items) for items in lanes]


def _letter(lane: int) -> str:
    return chr(ord("A") + lane) if lane < 26 else str(lane + 1)


def _item_differences(track: str, wanted: Placed, got: Placed) -> list[str]:
    where = f"'{wanted.name}' on track '{track}'"
    sentences = []
    if got.path != wanted.path:
        sentences.append(f"{where} plays {got.path} instead of {wanted.path}")
    if got.takes != wanted.takes:
        others, instead = (", ".join(map(str, item.takes)) or "none" for item in (got, wanted))
        sentences.append(f"{where} has as further takes {others} instead of {instead}")
    if got.start_s != wanted.start_s:
        sentences.append(f"{where} starts at {_seconds(got.start_s)} instead of {_seconds(wanted.start_s)}")
    if got.end_s != wanted.end_s:
        sentences.append(f"{where} ends at {_seconds(got.end_s)} instead of {_seconds(wanted.end_s)}")
    if got.name != wanted.name:
        sentences.append(f"{where} is named '{got.name}'")
    return sentences


def _seconds(time_s: Fraction) -> str:
    return f"{float(time_s):.6f} s"
