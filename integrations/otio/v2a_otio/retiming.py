"""How fast a clip plays: the rules for speed effects, one place for all formats.

A clip's source_range.duration is what it lasts on the timeline; the media that it consumes is that times its
speed, and source_range holds the media that is used, so that one which plays backwards begins at its end.
Several effects on one item multiply, and so do those of compositions around it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import opentimelineio as otio

# Below this many percent, a "speed" in FCP7 XML is more likely a factor: some writers confuse the two.
_LEAST_PERCENT = 4
_FASTEST = 10_000


@dataclass(frozen=True)
class Retime:
    """speed: media seconds a presented second; negative backwards, 0 for a held frame.

    scales_start: where the item says its start in presented time from the medium's first frame, as FCP7 XML does.
    others: names of effects that leave time alone. refusal: why the speed cannot be followed.
    """

    speed: Fraction = Fraction(1)
    scales_start: bool = False
    others: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the model sees otherwise than the editor does."""
        if not self.others:
            return ()
        return (f"heard without its picture effects: {', '.join(sorted(set(self.others)))}",)


def retime_of(item: otio.core.Item) -> Retime:
    """The constant speed that an item's effects give it."""
    speed = Fraction(1)
    scales_start = False
    others = []
    for effect in item.effects:
        if isinstance(effect, otio.schema.LinearTimeWarp):
            scalar = effect.time_scalar
            if not math.isfinite(scalar) or abs(scalar) > _FASTEST:
                return Retime(refusal=f"its speed is {scalar:g}, which means nothing: set it again in the editor")
            speed *= Fraction(scalar).limit_denominator(10_000)
        elif isinstance(effect, otio.schema.TimeEffect) or not isinstance(effect, otio.schema.Effect):
            named = effect.effect_name if isinstance(effect, otio.schema.Effect) else type(effect).__name__
            return Retime(
                refusal=f"its time effect '{named or effect.name}' is not a constant speed: render the clip in the "
                "editor"
            )
        elif (remap := _remap(effect)) is not None:
            factor, refusal = _remapped(remap)
            if refusal:
                return Retime(refusal=refusal)
            speed *= factor
            scales_start = scales_start or factor != 1
        else:
            others.append(effect.effect_name or effect.name or "effect")
    return Retime(speed, scales_start, tuple(others))


def _remap(effect: otio.schema.Effect) -> dict[str, str] | None:
    """The parameters of an FCP7 time remap, which its reader leaves in metadata alone."""
    noted = effect.metadata.get("fcp_xml", {})
    if not isinstance(noted, Mapping) or str(noted.get("effectid", "")).lower() != "timeremap":
        return None
    given: Any = noted.get("parameter", [])
    entries = [given] if isinstance(given, Mapping) else list(given)
    return {str(entry.get("parameterid", "")).lower(): str(entry.get("value", "")).upper() for entry in entries}


def _remapped(parameters: Mapping[str, str]) -> tuple[Fraction, str]:
    """The factor of a time remap, or why it cannot be followed."""
    if parameters.get("variablespeed", "0") not in ("0", "FALSE", ""):
        return Fraction(1), "its speed changes within the clip (time remap): render the clip in the editor"
    try:
        percent = Fraction(parameters.get("speed") or "100")
    except ValueError:
        return Fraction(1), f"its speed is '{parameters['speed']}', which is no number: set it again in the editor"
    if parameters.get("reverse") == "TRUE" or percent < 0:
        return Fraction(1), (
            "it plays backwards, and FCP7 XML does not say from which frame: export the timeline as .otio or AAF, or "
            "render the clip"
        )
    if percent < _LEAST_PERCENT:
        return Fraction(1), (
            f"its speed of {float(percent):g} percent may be meant as a factor: export the timeline as .otio or AAF"
        )
    return percent / 100, ""
