"""Where a job's sounds go in a host that has channels, and whether they are there."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2a.errors import ConflictError, UsageError
from v2a.version import __version__
from v2a_plugin.bridge.fields import Fields
from v2a_plugin.bridge.journal import Record
from v2a_plugin.placement import DEPARTMENTS

# As Blender numbers colours: each department has its own.
_COLORS = {"dialogue": 3, "effects": 5, "ambience": 4, "music": 6, "mix": 7}
_LAST_CHANNEL = 128
# Hosts cut names: Blender after 63 bytes.
_MAX_NAME_BYTES = 60
_COPY = re.compile(r"\.\d{3}")

Stretch = tuple[int, int]


@dataclass
class Channel:
    """What a host's track holds. taken: frames [start, end) of it."""

    number: int
    name: str = ""
    locked: bool = False
    muted: bool = False
    taken: list[Stretch] = field(default_factory=list)

    @property
    def is_unnamed(self) -> bool:
        """Whether nobody gave it a name: hosts call it by its number."""
        return not self.name or self.name.endswith(f" {self.number}")

    def is_free(self, start: int, end: int) -> bool:
        """Whether nothing of it is in [start, end)."""
        return not any(taken[0] < end and start < taken[1] for taken in self.taken)


@dataclass(frozen=True)
class Wishes:
    """What a host says of its timeline. replaced: stretches by channel that it clears first; takes None: all."""

    rate: Fraction
    channels: dict[int, Channel]
    first: int
    takes: tuple[int, ...] | None
    replaced: Mapping[int, Sequence[Stretch]]


def read_wishes(params: Fields) -> Wishes:
    """The parameters of `plan`. Raises UsageError."""
    rate, first = params.rate("rate"), params.whole("first", 1)
    replaced: dict[int, list[Stretch]] = {}
    for fields in params.objects("replace", []):
        replaced.setdefault(fields.whole("channel"), []).append((fields.whole("start"), fields.whole("end")))
        fields.close()
    channels: dict[int, Channel] = {}
    for fields in params.objects("channels"):
        number = fields.whole("number")
        taken = [_stretch(item, fields.name("taken")) for item in fields.items("taken", [])]
        name, locked, muted = fields.text("name", ""), fields.flag("locked", False), fields.flag("muted", False)
        fields.close()
        free = replaced.get(number, ())
        channels[number] = Channel(number, name.strip(), locked, muted, list(_without(taken, free)))
    takes = params.items("takes", []) or None
    if takes is not None and not all(isinstance(take, int) for take in takes):
        raise UsageError(f"{params.name('takes')} must be numbers of takes")
    if not 1 <= first <= _LAST_CHANNEL:
        raise UsageError(f"{params.name('first')} must be a channel, 1 to {_LAST_CHANNEL}")
    return Wishes(rate, channels, first, tuple(takes) if takes else None, replaced)


def plan(record: Record, wishes: Wishes) -> list[dict[str, Any]]:
    """One item for each layer and take, from the lowest channel to the highest (`docs/bridge.md`).

    Raises ConflictError where the job has no sounds, UsageError where there is no room.
    """
    takes = [take for take in record.takes if wishes.takes is None or take["take"] in wishes.takes]
    if not takes:
        raise ConflictError("the job has no such sounds: wait until it has succeeded, or make it again")
    start_s, end_s = map(Fraction, record.parameters["range"])
    start, end = _frame(start_s, wishes.rate), _frame(end_s, wishes.rate)
    offset, tail = (_frame(Fraction(handle), wishes.rate) for handle in record.handles)
    board = _Board(wishes, start - offset, end + tail)
    items = []
    departments = list(DEPARTMENTS)
    several = len({take["layer"] for take in record.takes}) > 1, len({take["take"] for take in record.takes}) > 1
    for layer in sorted({take["layer"] for take in takes}, key=departments.index):
        own = sorted((take for take in takes if take["layer"] == layer), key=lambda take: _order(take, wishes))
        for place, take in enumerate(own):
            name = f"V2A {DEPARTMENTS[layer]}" + (f" {place + 1}" if place else "")
            channel, name, is_new = board.claim(name, is_heard=not place)
            items.append(
                {
                    "layer": layer,
                    "take": take["take"],
                    "path": take["path"],
                    "name": _item_name(record, take, *several),
                    "channel": channel,
                    "channel_name": name,
                    "new_channel": is_new,
                    "start": start,
                    "end": max(end, start + 1),
                    "offset": offset,
                    "tail": tail,
                    "n_samples": take["n_samples"],
                    "rate_hz": take["rate_hz"],
                    "muted": bool(place),
                    "color": _COLORS[layer],
                    "provenance": _provenance(record, take),
                }
            )
    return items


def verify(items: Iterable[Fields], found: Iterable[Fields]) -> list[str]:
    """What a host holds otherwise than planned, as sentences for people; none: it is as planned."""
    there = {_key(fields): fields for fields in found}
    sentences = []
    for wanted in items:
        layer, take = key = _key(wanted)
        what = f"take {take} of {layer}"
        got = there.get(key)
        if got is None:
            sentences.append(f"{what} is missing on channel {wanted.whole('channel')}")
            continue
        if not _same_file(wanted.text("path"), got.text("path")):
            sentences.append(f"{what} plays {got.text('path')} instead of {wanted.text('path')}")
        for value, words in (
            ("channel", "lies on channel {} instead of {}"),
            ("start", "starts at frame {} instead of {}"),
            ("end", "ends at frame {} instead of {}"),
            ("offset", "hides {} frames before it instead of {}"),
        ):
            if got.whole(value) != wanted.whole(value):
                sentences.append(f"{what} {words.format(got.whole(value), wanted.whole(value))}")
        if got.flag("muted") != wanted.flag("muted"):
            sentences.append(f"{what} is {'muted' if got.flag('muted') else 'heard'}, and should not be")
        # Hosts number what has a name that is there already.
        if got.text("name") != wanted.text("name") and not (
            got.text("name").startswith(wanted.text("name"))
            and _COPY.fullmatch(got.text("name")[len(wanted.text("name")) :])
        ):
            sentences.append(f"{what} is named '{got.text('name')}' instead of '{wanted.text('name')}'")
    return sentences


class _Board:
    """The channels over the stretch [start, end) that sounds want, and which of them are given away."""

    def __init__(self, wishes: Wishes, start: int, end: int) -> None:
        self._wishes = wishes
        self._start, self._end = start, end
        self._given: set[int] = set()
        self._names = {channel.name for channel in wishes.channels.values()}
        taken = (number for number, one in wishes.channels.items() if not one.is_free(start, end))
        self._top = max(taken, default=0)

    def claim(self, name: str, *, is_heard: bool) -> tuple[int, str, bool]:
        """A channel for a name, what it is called, and whether it has yet to be named so.

        Where another channel has the name, it gets the next number: hosts would write "V2A SFX.001".
        Raises UsageError where all are taken.
        """
        for number in self._candidates(name, is_heard=is_heard):
            is_new = self._wishes.channels.get(number, Channel(number)).name != name
            self._given.add(number)
            self._top = max(self._top, number)
            called = self._unused(name) if is_new else name
            self._names.add(called)
            return number, called, is_new
        raise UsageError(
            f"there is no room for {name}: all channels up to {_LAST_CHANNEL} are taken or locked here. Free one"
        )

    def _unused(self, name: str) -> str:
        base, number = re.sub(r" \d+$", "", name), 2
        while name in self._names:
            name, number = f"{base} {number}", number + 1
        return name

    def _candidates(self, name: str, *, is_heard: bool) -> Iterable[int]:
        channels = self._wishes.channels
        replaced = [number for number in sorted(self._wishes.replaced) if self._fits(number)]
        named = [number for number in replaced if channels.get(number, Channel(number)).name == name]
        if is_heard:
            others = [number for number in replaced if not _is_ours(channels.get(number, Channel(number)).name)]
            yield from (*named, *others)
        else:
            yield from named
        for number, channel in sorted(channels.items()):
            if channel.name == name and not channel.muted and number >= self._wishes.first and self._fits(number):
                yield number
        for number in range(max(self._wishes.first, self._top + 1), _LAST_CHANNEL + 1):
            channel = channels.get(number, Channel(number))
            if self._fits(number) and not channel.muted and channel.is_unnamed:
                yield number

    def _fits(self, number: int) -> bool:
        channel = self._wishes.channels.get(number, Channel(number))
        return number not in self._given and not channel.locked and channel.is_free(self._start, self._end)


def _is_ours(name: str) -> bool:
    return any(name == f"V2A {short}" or name.startswith(f"V2A {short} ") for short in DEPARTMENTS.values())


def _stretch(value: Any, name: str) -> Stretch:
    if isinstance(value, Sequence) and len(value) == 2 and all(isinstance(frame, int | float) for frame in value):
        return int(value[0] // 1), int(-(-value[1] // 1))
    raise UsageError(f"{name} must list [START, END] in frames")


def _without(taken: Iterable[Stretch], free: Iterable[Stretch]) -> Iterable[Stretch]:
    """What is left of taken stretches where others are cleared."""
    left = list(taken)
    for start, end in free:
        left = [
            part
            for one in left
            for part in ((one[0], min(one[1], start)), (max(one[0], end), one[1]))
            if part[0] < part[1]
        ]
    return left


def _frame(time_s: Fraction, rate: Fraction) -> int:
    return (time_s * rate + Fraction(1, 2)).__floor__()


def _order(take: Mapping[str, Any], wishes: Wishes) -> int:
    number: int = take["take"]
    return wishes.takes.index(number) if wishes.takes else number


def _item_name(record: Record, take: Mapping[str, Any], of_layers: bool, of_takes: bool) -> str:
    parts = [take["layer"]] if of_layers else []
    parts.append(f"seed {take['seed']}")
    if of_takes:
        parts.append(f"take {take['take']}")
    end = "".join(f" · {part}" for part in parts)
    room = _MAX_NAME_BYTES - len(end.encode())
    return record.name.encode("utf-8", "replace")[:room].decode("utf-8", "ignore").rstrip() + end


def _provenance(record: Record, take: Mapping[str, Any]) -> dict[str, Any]:
    words = next((layer for layer in record.layers if layer["name"] == take["layer"]), {})
    model = record.model or {}
    return {
        "synthetic": True,
        "software": f"V2A Studio {__version__}",
        "job": record.job,
        "layer": take["layer"],
        "take": take["take"],
        "seed": take["seed"],
        "prompt": words.get("prompt", ""),
        "negative": words.get("negative", ""),
        "quality": record.parameters.get("quality") or "standard",
        "model": model.get("name", ""),
        "licence": model.get("licence", ""),
        "commercial_use": model.get("commercial_use", False),
        "model_digest": model.get("digest", ""),
        "request_id": record.request_id,
        "sha256": take["sha256"],
        "range": list(record.parameters["range"]),
        "handles": list(record.handles),
    }


def _key(fields: Fields) -> tuple[str, int]:
    return fields.text("layer"), fields.whole("take")


def _same_file(one: str, other: str) -> bool:
    if os.path.normcase(os.path.normpath(one)) == os.path.normcase(os.path.normpath(other)):
        return True
    try:
        return Path(one).samefile(other)
    except OSError:
        return False
