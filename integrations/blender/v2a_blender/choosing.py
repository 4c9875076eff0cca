# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes a job: which strips or ranges, which go by path and which are rendered first, with which words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from .timing import Mapping, Piece, StripFacts, UncertainError, map_strip, needs_length

SELECTED, RANGE, EDIT = "SELECTED", "RANGE", "EDIT"
_BY_PATH = ("MOVIE", "IMAGE")
_OF_ALL_BELOW = ("ADJUSTMENT", "MULTICAM")
_NO_PICTURE = ("SOUND", "TEXT")
MARKER = re.compile(r"(?i)\s*v2a(-\w+)*\s*(:|$)")
_SECONDS = re.compile(r"\d{1,9}(/[1-9]\d{0,9})?", re.ASCII)
_KINDS = {
    "SCENE": "a scene",
    "META": "a meta strip",
    "MOVIECLIP": "a clip of the clip editor",
    "MASK": "a mask",
}


class RefusedError(Exception):
    """What was pressed for cannot be asked for. The text is for the user and says what to do."""


@dataclass(frozen=True)
class Layer:
    """A stem to be made, and its own words; "" takes those of the whole."""

    name: str
    prompt: str = ""


@dataclass(frozen=True)
class Wishes:
    """What the panel says. layers: none is one mix. handles_s: seconds on either side."""

    prompt: str = ""
    negative: str = ""
    preset: str = ""
    layers: tuple[Layer, ...] = ()
    takes: int = 1
    seed: int = 0
    quality: str = "standard"
    model: str = ""
    handles_s: Fraction = Fraction(0)
    output: str = ""


@dataclass(frozen=True)
class Edit:
    """The edit as read. rate: frames a second. markers: (frame, text). readable: endings of images that go by path.
    film_length: frames of a film, asked only where they matter."""

    rate: Fraction
    rounding: str
    strips: tuple[StripFacts, ...]
    markers: tuple[tuple[int, str], ...] = ()
    readable: tuple[str, ...] = ()
    film_length: Callable[[str], int] = lambda path: 0


@dataclass(frozen=True)
class Asked:
    """One sound to be made for frames [start, end).

    mapping: how the medium is shown, where it goes by path. show: the strips that are rendered, none for all;
    rendered: the frames that the rendered film shows; why: the reason for rendering, for people.
    """

    name: str
    start: int
    end: int
    strip: StripFacts | None = None
    mapping: Mapping | None = None
    show: tuple[str, ...] = ()
    rendered: tuple[int, int] = (0, 0)
    why: str = ""
    words: tuple[tuple[int, str], ...] = ()

    @property
    def is_rendered(self) -> bool:
        """Whether its picture has to be rendered first."""
        return self.mapping is None


def choose(
    edit: Edit, scope: str, wanted: tuple[int, int] = (0, 0), handles_s: Fraction = Fraction(0)
) -> tuple[list[Asked], list[str]]:
    """The sounds to ask for, and a sentence for each strip that is left out. wanted: the frames of RANGE.

    SELECTED makes one sound for each selected picture strip, and for each selected text strip that lies over none of
    them; RANGE and EDIT one for the range, cut where strips with words begin and end. Raises RefusedError.
    """
    pictures = [strip for strip in edit.strips if strip.kind not in _NO_PICTURE]
    if scope == SELECTED:
        asked, refused = _selected(edit, pictures, handles_s)
    else:
        first, last = _extent(pictures)
        if scope == EDIT:
            wanted = first, last
        elif wanted[0] < last and wanted[1] > first:  # what is black at either end wants no sound
            wanted = max(wanted[0], first), min(wanted[1], last)
        asked = [_over(edit, pictures, stretch, handles_s) for stretch in _stretches(edit, wanted, pictures)]
        refused = []
    return [replace(one, words=_words(edit, one)) for one in asked], refused


def wishes_of(made: dict[str, Any]) -> Wishes:
    """What a sound was asked for with, as its strip says. Raises RefusedError."""
    try:
        seed = int(made.get("seed", 0))
        handles = [*map(str, made.get("handles", ()))]
    except (TypeError, ValueError, OverflowError):
        seed, handles = -1, []
    if seed < 0 or not all(_SECONDS.fullmatch(handle) for handle in handles):
        raise RefusedError("what this strip says of its sound is damaged: select its film, and press Generate Sound")
    return Wishes(
        negative=str(made.get("negative", "")),
        layers=(Layer(made["layer"], str(made.get("prompt", ""))),),
        seed=seed,
        quality=str(made.get("quality", "standard")),
        model=str(made.get("model", "")),
        handles_s=max(map(Fraction, handles), default=Fraction(0)),
    )


def is_word(text: str) -> bool:
    """Whether a marker or a text strip speaks to us: "v2a: rain", "v2a-effects-cue"."""
    return MARKER.match(text) is not None


def word_strips(strips: Iterable[StripFacts]) -> list[StripFacts]:
    """The text strips whose words are meant for us: those that say so, and those that are selected."""
    texts = [strip for strip in strips if strip.kind == "TEXT" and strip.text.strip()]
    return [strip for strip in texts if is_word(strip.text) or (strip.selected and not strip.muted)]


def job(asked: Asked, edit: Edit, wishes: Wishes, tag: Any, render: dict[str, Any] | None = None) -> dict[str, Any]:
    """The job as the bridge takes it. render: command, film and folder, where the picture is rendered."""
    rate = edit.rate
    available = tuple(frame / rate for frame in asked.rendered)
    pieces: tuple[Piece, ...] = ()
    source: dict[str, Any]
    if asked.mapping is None:
        source = {"render": dict(render or {}, n_frames=asked.rendered[1] - asked.rendered[0])}
    else:
        pieces, available = asked.mapping.pieces, asked.mapping.available
        strip = asked.strip
        assert strip is not None  # noqa: S101 - a mapping is of a strip
        source = {"film": strip.path} if strip.kind == "MOVIE" else {"images": list(strip.images), "rate": str(rate)}
    return {
        "name": asked.name,
        "source": source,
        "pieces": [{"source": _texts(piece.source), "presented": _texts(piece.presented)} for piece in pieces],
        "range": _texts((asked.start / rate, asked.end / rate)),
        "available": _texts(available),
        "handles": str(wishes.handles_s),
        "rate": str(rate),
        "layers": [
            {"name": layer.name, "prompt": layer.prompt or wishes.prompt, "negative": wishes.negative}
            for layer in wishes.layers or (Layer("mix"),)
        ],
        "preset": wishes.preset,
        "markers": [{"time": str(Fraction(frame) / rate), "text": text} for frame, text in asked.words],
        "takes": wishes.takes,
        "seed": wishes.seed,
        "quality": wishes.quality,
        "model": wishes.model,
        "output": wishes.output,
        "tag": tag,
    }


def _selected(edit: Edit, pictures: Sequence[StripFacts], handles_s: Fraction) -> tuple[list[Asked], list[str]]:
    chosen = [strip for strip in edit.strips if strip.selected]
    made_into = {name for strip in chosen for name in strip.inputs}
    shots = [strip for strip in chosen if strip.kind not in _NO_PICTURE and strip.name not in made_into]
    asked: list[Asked] = []
    refused: list[str] = []
    for strip in shots:
        if strip.muted:
            refused.append(f"'{strip.name}' is muted: unmute it or its channel, or select other strips")
        elif strip.missing:
            refused.append(f"'{strip.name}': {strip.missing} is not there: set its path under Strip › Source")
        else:
            one = _of_strip(edit, strip)
            if one.is_rendered and one.start < 0:
                refused.append(
                    f"'{strip.name}' begins before frame 0, which Blender cannot render: move it to the right"
                )
            else:
                asked.append(one)
    for text in chosen:
        if text.kind == "TEXT" and text.text.strip() and not text.muted and not any(_concerns(text, s) for s in shots):
            asked.append(_over(edit, pictures, (text.start, text.end), handles_s, text.name))
    if not asked and not refused:
        raise RefusedError(
            "no strip with a picture is selected: select film, image, scene, meta or effect strips, "
            "or choose the frame range or the whole edit"
        )
    return sorted(asked, key=lambda one: (one.start, one.name)), refused


def _of_strip(edit: Edit, strip: StripFacts, name: str = "", stretch: tuple[int, int] | None = None) -> Asked:
    start, end = stretch or (strip.start, strip.end)
    asked = Asked(name or strip.name, start, end, strip)
    try:
        return replace(asked, mapping=_by_path(edit, replace(strip, start=start, end=end)))
    except UncertainError as reason:
        show = () if strip.kind in _OF_ALL_BELOW else (*strip.parents, strip.name)
        return replace(asked, show=show, rendered=(start, end), why=str(reason))


def _by_path(edit: Edit, strip: StripFacts) -> Mapping:
    if strip.kind not in _BY_PATH:
        raise UncertainError(f"it is {_KINDS.get(strip.kind, 'an effect')}")
    if strip.parent_retimed:
        raise UncertainError("the meta strip around it is retimed")
    if strip.strobe > 1:
        raise UncertainError("it is strobed")
    suffixes = {PurePath(image).suffix.lower() for image in strip.images}
    if not suffixes <= set(edit.readable):
        raise UncertainError(f"it is made of {', '.join(sorted(suffixes))} images")
    if needs_length(strip, edit.rate):
        strip = replace(strip, n_media=edit.film_length(strip.path))
    return map_strip(strip, edit.rate, edit.rounding)


def _over(
    edit: Edit, pictures: Sequence[StripFacts], stretch: tuple[int, int], handles_s: Fraction, name: str = ""
) -> Asked:
    """The sound for what is seen over a range: by path where that is one strip, else all of it is rendered."""
    start, end = stretch
    seen = [strip for strip in pictures if not strip.muted and strip.start < end and strip.end > start]
    if not seen:
        raise RefusedError(f"frames {start} to {end} show no picture: choose a range with strips that are not muted")
    name = name or f"frames {start}-{end}"
    if len(seen) == 1 and seen[0].start <= start and seen[0].end >= end and not seen[0].missing:
        found = _of_strip(edit, seen[0], name, stretch)
        if found.mapping is not None:
            return found
    if start < 0:
        raise RefusedError("the range begins before frame 0, which Blender cannot render: choose one from frame 0 on")
    handles = math.ceil(handles_s * edit.rate)
    first, last = _extent(pictures)
    rendered = (max(start - handles, min(first, start), 0), min(end + handles, max(last, end)))
    why = "several strips are seen" if len(seen) > 1 else "it is rendered as it is seen"
    return Asked(name, start, end, rendered=rendered, why=why)


def _extent(pictures: Sequence[StripFacts]) -> tuple[int, int]:
    seen = [strip for strip in pictures if not strip.muted]
    if not seen:
        raise RefusedError("the edit shows no picture: add a strip, or unmute one")
    return min(strip.start for strip in seen), max(strip.end for strip in seen)


def _stretches(edit: Edit, wanted: tuple[int, int], pictures: Sequence[StripFacts]) -> list[tuple[int, int]]:
    """The wanted range, cut where the strips with words in it begin and end; without stretches that show nothing."""
    start, end = wanted
    cuts = {frame for text in word_strips(edit.strips) for frame in (text.start, text.end) if start < frame < end}
    bounds = sorted({start, end, *cuts})
    stretches = list(pairwise(bounds))
    seen = [
        stretch
        for stretch in stretches
        if any(not strip.muted and strip.start < stretch[1] and strip.end > stretch[0] for strip in pictures)
    ]
    return seen or stretches


def _words(edit: Edit, asked: Asked) -> tuple[tuple[int, str], ...]:
    """Markers inside the range, and text strips over it; in order of time."""
    words = [(frame, text) for frame, text in edit.markers if asked.start <= frame < asked.end and is_word(text)]
    for strip in word_strips(edit.strips):
        if _concerns(strip, asked):
            said = " ".join(strip.text.split())
            frame = min(max(strip.start, asked.start), asked.end - 1)
            words.append((frame, said if is_word(said) else f"v2a: {said}"))
    return tuple(sorted(words))


def _concerns(text: StripFacts, asked: Asked | StripFacts) -> bool:
    """Whether a text strip speaks of a range: the middle of one lies in the other."""
    middle, others = (text.start + text.end) / 2, (asked.start + asked.end) / 2
    return asked.start <= middle < asked.end or text.start <= others < text.end


def _texts(pair: Collection[Fraction]) -> list[str]:
    return [str(Fraction(value)) for value in pair]
