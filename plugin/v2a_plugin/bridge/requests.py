"""What a host asks for, as JSON, and what the server is asked for it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from v2a.errors import UsageError
from v2a.request import MAX_CUES, MAX_DURATION_S, Cue, Layer, LayerName, Piece, Quality, Sampling
from v2a_plugin.bridge.fields import Fields, kind, path_of
from v2a_plugin.prompts import Marker, said_by_markers
from v2a_plugin.timeline import Range
from v2a_plugin.words import LayerWords, Said, layer_name, layer_words, settle

# What is taken where nobody names a model, if the server has it.
USUAL_MODEL = "pocket"
# Layers whose sounds follow events, and so cues.
_EVENTFUL: tuple[LayerName, ...] = ("mix", "effects")
_MAX_NAME_CHARS = 200
_MAX_IMAGES = 1_000_000
_MAX_PIECES = 10_000
_ZERO = Fraction(0)


@dataclass(frozen=True)
class FilmSource:
    """A film. rate: frames a second to read it at instead of its own."""

    path: Path
    rate: Fraction | None = None


@dataclass(frozen=True)
class ImagesSource:
    """Images, a frame each, at a rate."""

    paths: tuple[Path, ...]
    rate: Fraction


@dataclass(frozen=True)
class RenderSource:
    """A command that writes a film of n_frames, in a folder of its own that goes afterwards."""

    command: tuple[str, ...]
    film: Path
    folder: Path
    n_frames: int


Source = FilmSource | ImagesSource | RenderSource


@dataclass(frozen=True)
class Job:
    """A job as it was asked for, checked in itself. range, available and pieces: presented time without handles.

    handle_s: asked for on either side, whole frames of the timeline's rate. model: "" for the server's choice.
    """

    name: str
    source: Source
    pieces: tuple[Piece, ...]
    range: Range
    available: Range
    handle_s: Fraction
    rate: Fraction
    layers: tuple[Layer, ...]
    sampling: Sampling
    model: str
    origin_s: Fraction
    output: Path | None


def read_job(value: Any) -> Job:
    """A job out of JSON. Raises UsageError that names what is wrong."""
    job = Fields(value, "job")
    name = " ".join(job.text("name").split())[:_MAX_NAME_CHARS]
    if not name:
        raise UsageError("job.name is empty: give the job a name")
    rate, span = job.rate("rate"), job.span("range")
    source = _source(Fields(job.raw("source"), "job.source"))
    pieces = _pieces(job.objects("pieces", []))
    available = job.span("available") if "available" in job else None
    if available is not None and not (available.start_s <= span.start_s and span.end_s <= available.end_s):
        raise UsageError("job.available must hold the whole of job.range")
    if isinstance(source, RenderSource):
        if pieces:
            raise UsageError("job.pieces: a render has none, it shows what is presented")
        pieces = _rendered(source, available or span, rate)
    elif not pieces:
        raise UsageError("job.pieces is missing: say which source time is shown when")
    handle_s = job.time("handles", "0")
    if not 0 <= handle_s <= MAX_DURATION_S:
        raise UsageError(f"job.handles must be seconds of zero or more, got {handle_s}")
    asked = Job(
        name=name,
        source=source,
        pieces=_cut(pieces, span),
        range=span,
        available=available or Range(pieces[0].presented_start_s, pieces[-1].presented_end_s),
        handle_s=Fraction(math.floor(handle_s * rate + Fraction(1, 2))) / rate,
        rate=rate,
        layers=_layers(job),
        sampling=Sampling(
            seed=job.whole("seed", 0),
            takes=job.whole("takes", 1),
            quality=cast(Quality, job.text("quality", "standard") or "standard"),
            steps=job.whole("steps", 0),
            guidance=job.number("guidance", 0.0),
        ),
        model=job.text("model", ""),
        origin_s=job.time("origin", "0"),
        output=path_of(text, "job.output") if (text := job.text("output", "")) else None,
    )
    job.raw("tag", "")
    job.close()
    if span.duration_s > MAX_DURATION_S:
        raise UsageError(f"the range is longer than {MAX_DURATION_S // 3600} hours: ask for it in parts")
    return asked


def changed_parameters(parameters: Mapping[str, Any], changes: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """A job's parameters for another try. seed: where the changes give none; their layer is to be made alone.

    Raises UsageError where the job has no such layer.
    """
    changed = {**parameters, "seed": seed, **{key: value for key, value in changes.items() if key != "layer"}}
    wanted = changes.get("layer")
    if wanted is not None:
        if not isinstance(wanted, str):
            raise UsageError(f"layer is {kind(wanted)} and must be text")
        layer = next((layer for layer in read_job(changed).layers if layer.name == layer_name(wanted)), None)
        if layer is None:
            raise UsageError(f"the job has no layer '{wanted}'")
        # What markers and presets said is settled by now, and must not bring other layers back.
        changed["layers"] = [{"name": layer.name, "prompt": layer.prompt, "negative": layer.negative_prompt}]
        changed["cues"] = [{"time": str(cue.time_s), "strength": cue.strength} for cue in layer.cues]
        changed["markers"], changed["preset"] = [], ""
    return changed


def _source(source: Fields) -> Source:
    kinds = [key for key in ("film", "images", "render") if key in source]
    if len(kinds) != 1:
        raise UsageError("job.source must have one of film, images and render")
    found: Source
    if kinds == ["film"]:
        found = FilmSource(source.path("film"), source.rate("rate") if "rate" in source else None)
    elif kinds == ["images"]:
        listed = source.items("images")
        if not 1 <= len(listed) <= _MAX_IMAGES:
            raise UsageError(f"job.source.images must list 1 to {_MAX_IMAGES:,} files, got {len(listed):,}")
        paths = [
            path_of(item if isinstance(item, str) else "", f"job.source.images[{n}]") for n, item in enumerate(listed)
        ]
        found = ImagesSource(tuple(paths), source.rate("rate"))
    else:
        render = Fields(source.raw("render"), "job.source.render")
        command = render.items("command")
        if not command or not all(isinstance(part, str) and "\0" not in part for part in command):
            raise UsageError("job.source.render.command must be a list of texts: a program and its arguments")
        found = RenderSource(tuple(command), render.path("film"), render.path("folder"), render.whole("n_frames"))
        if found.n_frames < 1:
            raise UsageError("job.source.render.n_frames must be 1 or more")
        if found.folder not in found.film.parents or found.folder.parent == found.folder:
            raise UsageError("job.source.render.film must lie in its folder, which goes when the command has ended")
        if not found.folder.name.startswith("v2a"):
            raise UsageError("job.source.render.folder goes when the command has ended: its name must begin with v2a")
        render.close()
    source.close()
    return found


def _rendered(source: RenderSource, available: Range, rate: Fraction) -> tuple[Piece, ...]:
    if available.duration_s * rate != source.n_frames:
        raise UsageError(
            f"job.source.render.n_frames is {source.n_frames}, and what it shows has "
            f"{float(available.duration_s * rate):g} frames"
        )
    return (Piece(_ZERO, available.duration_s, available.start_s, available.end_s),)


def _pieces(found: Sequence[Fields]) -> tuple[Piece, ...]:
    if len(found) > _MAX_PIECES:
        raise UsageError(f"job.pieces must list at most {_MAX_PIECES:,} pieces, got {len(found):,}")
    pieces: list[Piece] = []
    for fields in found:
        source, presented = fields.times("source"), fields.span("presented")
        fields.close()
        if min(source) < 0:
            raise UsageError(f"{fields.name('source')} starts before the film's first frame")
        if pieces and pieces[-1].presented_end_s != presented.start_s:
            raise UsageError(f"{fields.name('presented')} must start where the piece before it ends")
        pieces.append(Piece(*source, presented.start_s, presented.end_s))
    return tuple(pieces)


def _cut(pieces: Sequence[Piece], span: Range) -> tuple[Piece, ...]:
    """What pieces show of a range. Raises UsageError where they do not show the whole of it."""
    if pieces[0].presented_start_s > span.start_s or pieces[-1].presented_end_s < span.end_s:
        raise UsageError("job.pieces must show the whole of job.range")
    cut = []
    for piece in pieces:
        start_s, end_s = max(piece.presented_start_s, span.start_s), min(piece.presented_end_s, span.end_s)
        if start_s < end_s:
            cut.append(Piece(piece.source_at(start_s), piece.source_at(end_s), start_s, end_s))
    return tuple(cut)


def _layers(job: Fields) -> tuple[Layer, ...]:
    """The layers to make: what markers say before what the job says, as `v2a_plugin.words` has it."""
    preset, cues = job.text("preset", ""), _cues(job.objects("cues", []))
    own: dict[LayerName, LayerWords] = {}
    for fields in job.objects("layers", []) or [Fields({}, "job.layers")]:
        name = layer_name(fields.text("name", ""))
        prompt, negative = fields.text("prompt", "").strip(), fields.text("negative", "").strip()
        fields.close()
        if name in own:
            raise UsageError(f"{fields.name('name')}: layer named twice: {name}")
        own[name] = layer_words(prompt, negative, "" if prompt else preset)
    markers = []
    for fields in job.objects("markers", []):
        markers.append(Marker(fields.time("time"), fields.text("text")))
        fields.close()
    words = settle([said_by_markers(markers), Said(own)])
    if words.silent:
        raise UsageError("a marker says v2a-silent: nothing is to be made here")
    return tuple(
        replace(layer, cues=cues) if layer.name in _EVENTFUL and not layer.cues else layer for layer in words.layers
    )


def _cues(found: Sequence[Fields]) -> tuple[Cue, ...]:
    if len(found) > MAX_CUES:
        raise UsageError(f"job.cues must list at most {MAX_CUES:,} cues, got {len(found):,}")
    cues = []
    for fields in found:
        cues.append(Cue(fields.time("time"), fields.number("strength", 1.0)))
        fields.close()
    return tuple(sorted(cues, key=lambda cue: cue.time_s))
