"""Words for clips out of metadata."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from v2a.errors import UsageError
from v2a.request import LAYERS, Cue, LayerName
from v2a_plugin.prompts import parse_cue, parse_cues
from v2a_plugin.words import LayerWords, Said, layer_name, layer_words


def said_by_notes(notes: Sequence[Any], rate: Fraction, start_s: Fraction) -> list[Said]:
    """What metadata says: values of the key "v2a" of a clip, its track and its timeline, the nearest first.

    Each is an object with any of `prompt`, `negative`, `preset`, `cues` (seconds, or times as text, after the
    event's start; one string may hold several, as in a table), `seed`, `silent` (true or false; the nearest
    counts) and `layers`: an object that gives each layer's name such words of its own, or its prompt as text. Words
    beside `layers` are for the layers that have none. Other keys are passed over, and so is the whole object where it
    says `synthetic`: what was generated carries its provenance under the same key.

    rate: frames a second; start_s: presented time of the event's start. Raises UsageError for values that are of
    another kind, and words that cannot be understood.
    """
    said = []
    silence_decided = False
    for note in notes:
        if not isinstance(note, Mapping):
            raise UsageError(f"its metadata under 'v2a' is {_kind(note)} and must be an object with prompt, silent …")
        if note.get("synthetic"):
            continue
        silent = note.get("silent")
        if silent is not None and not isinstance(silent, bool):
            raise UsageError(f"its metadata says silent: {_kind(silent)}: write true or false")
        layers = _layers(note, rate, start_s)
        own = _words(note, rate, start_s)
        if own.prompt is not None and not layers:
            layers = {"mix": LayerWords(own.prompt)}
        layers = {
            name: LayerWords(own.prompt if words.prompt is None else words.prompt, words.negative, words.cues)
            for name, words in layers.items()
        }
        said.append(Said(layers, own.negative, own.cues, bool(silent) and not silence_decided, _seed(note)))
        silence_decided |= silent is not None
    return said


def _layers(note: Mapping[str, Any], rate: Fraction, start_s: Fraction) -> dict[LayerName, LayerWords]:
    layers = note.get("layers", {})
    if not isinstance(layers, Mapping):
        raise UsageError(f"its metadata says layers: {_kind(layers)}: write an object of layers by name")
    # What the metadata itself says not to hear comes before what a layer's preset says.
    common = {"negative": note["negative"]} if "negative" in note else {}
    found = {layer_name(name): _words(_mapping(words, common), rate, start_s) for name, words in layers.items()}
    # OTIO sorts its keys, so their order means nothing.
    return {name: found[name] for name in LAYERS if name in found}


def _mapping(words: Any, common: Mapping[str, Any]) -> Any:
    if isinstance(words, str):
        return {**common, "prompt": words}
    return {**common, **words} if isinstance(words, Mapping) else words


def _words(note: Any, rate: Fraction, start_s: Fraction) -> LayerWords:
    if not isinstance(note, Mapping):
        raise UsageError(f"its metadata gives a layer {_kind(note)}: write its prompt, or an object with prompt …")
    for key in ("prompt", "negative", "preset"):
        if not isinstance(note.get(key, ""), str):
            raise UsageError(f"its metadata says {key}: {_kind(note[key])}: write text")
    words = layer_words(preset=note.get("preset", ""))
    # Metadata, unlike a table's cells, can leave a key out: what is empty here is meant to be.
    own = [
        layer_words(note[key]).prompt or "" if key in note else preset
        for key, preset in (("prompt", words.prompt), ("negative", words.negative))
    ]
    return LayerWords(own[0], own[1], _cues(note["cues"], rate, start_s) if "cues" in note else None)


def _cues(value: Any, rate: Fraction, start_s: Fraction) -> tuple[Cue, ...]:
    if isinstance(value, str):
        return parse_cues(value, rate, start_s)
    if not isinstance(value, Sequence):
        raise UsageError(f"its metadata says cues: {_kind(value)}: write a list of times")
    for cue in value:
        if isinstance(cue, bool) or not isinstance(cue, str | int | float):
            raise UsageError(f"its metadata holds the cue {_kind(cue)}: write seconds (1.5), or a time as text")
    return tuple(parse_cue(cue if isinstance(cue, str) else f"{cue:.12g}", rate, start_s) for cue in value)


def _seed(note: Mapping[str, Any]) -> int | None:
    seed = note.get("seed")
    # Some programs write every number of JSON with a decimal point.
    if isinstance(seed, float) and seed.is_integer():
        seed = int(seed)
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise UsageError(f"its metadata says seed: {_kind(seed)}: write a whole number")
    return seed


def _kind(value: Any) -> str:
    return " ".join(repr(value).split())[:60]
