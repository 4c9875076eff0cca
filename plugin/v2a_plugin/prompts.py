"""Words for clips out of markers on a timeline, and cues as they are written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from v2a.errors import UsageError
from v2a.request import LAYERS, Cue, LayerName
from v2a_plugin.timeline import parse_time
from v2a_plugin.words import LayerWords, Said, layer_name, layer_words

_STRENGTH = re.compile(r"[01]?\.?\d{1,12}", re.ASCII)
_MARKER = re.compile(
    rf"v2a(?:-({'|'.join(LAYERS)}))?(?:-(not|cue|preset|silent))?\s*(?::\s*(.*))?", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Marker:
    """A marker of a timeline. time_s: presented time in seconds."""

    time_s: Fraction
    name: str = ""
    comment: str = ""


def said_by_markers(markers: Sequence[Marker]) -> Said:
    """What markers say in their names or comments; other markers are passed over.

    "v2a: rain on a roof" is a prompt and "v2a-not: music" what should not be heard (several are joined),
    "v2a-preset: rain" names a preset, "v2a-cue" says that something sounds at the marker's time, "v2a-silent" that
    nothing is to be made. A layer's name may stand behind v2a: "v2a-effects: a door", "v2a-effects-not: music",
    "v2a-effects-cue".

    Raises UsageError for an unknown preset.
    """
    said: dict[tuple[LayerName | None, str], list[str]] = {}
    cues: dict[LayerName | None, list[Cue]] = {}
    for marker in sorted(markers, key=lambda marker: marker.time_s):
        for text in (marker.name, marker.comment):
            found = _MARKER.fullmatch(text.strip())
            if found is None:
                continue
            layer = layer_name(found[1]) if found[1] else None
            kind, words = (found[2] or "").lower(), (found[3] or "").strip()
            if kind == "silent":
                return Said(silent=True)
            if kind == "cue":
                cues.setdefault(layer, []).append(Cue(marker.time_s))
            elif words:
                # A prompt or a preset without a layer's name is for the mix.
                named = layer if kind == "not" else layer or "mix"
                said.setdefault((named, kind), []).append(words)
    loose = ", ".join(said.get((None, "not"), ()))
    layers: dict[LayerName, LayerWords] = {}
    for name in dict.fromkeys([layer for layer, _ in said] + list(cues)):
        if name is not None:
            prompt, negative = (", ".join(said.get((name, kind), ())) for kind in ("", "not"))
            own = layer_words(prompt, negative or loose, (said.get((name, "preset")) or [""])[-1])
            layers[name] = LayerWords(own.prompt, own.negative, tuple(cues[name]) if name in cues else None)
    return Said(layers, layer_words(negative=loose).negative, tuple(cues[None]) if None in cues else None)


def parse_cue(text: str, rate: Fraction, start_s: Fraction = Fraction(0)) -> Cue:
    """The cue that a text names: a time, as `parse_time` reads it, and perhaps a strength: "12.5", "120f@0.4".

    start_s: presented time that the time is counted from. rate: frames a second. Raises UsageError.
    """
    time, at, strength = text.partition("@")
    if at and not _STRENGTH.fullmatch(strength.strip()):
        raise UsageError(f"'{text.strip()}' is no cue: write a time, and after it perhaps @ and a strength up to 1")
    return Cue(start_s + parse_time(time, rate), float(strength) if at else 1.0)


def parse_cues(text: str, rate: Fraction, start_s: Fraction = Fraction(0)) -> tuple[Cue, ...]:
    """The cues that a text names, divided by ";": "1.5; 36f@0.5". Raises UsageError."""
    # ";" also stands before the frames of drop-frame timecode, which is looked for first.
    found = re.findall(r"\s*\d+:\d\d:\d\d;[^;]+|[^;]+", text)
    return tuple(parse_cue(one, rate, start_s) for one in found if one.strip())
