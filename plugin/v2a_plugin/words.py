"""Who says what is heard in a clip, and who wins.

Several sources speak of one clip: rows of a table, markers, metadata, the command line. They are asked in order,
the strongest first, by these rules:

1. Silence that any source asks for is kept.
2. The first source that names layers, or gives a prompt (which without a layer's name is one for `mix`), decides
   which layers are made. Without one it is `mix` alone, from the pictures.
3. Each of a layer's prompt, negative and cues comes from the first source that gives it for this layer. Negatives
   without a layer's name are for every layer; cues without one are for `mix`, else for `effects`, else for the
   first layer.
4. The seed comes from the first source that gives one.
5. A preset fills in what the source that names it leaves empty. "-" says: no words, and none from weaker sources.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from v2a.errors import UsageError
from v2a.request import LAYERS, Cue, Layer, LayerName
from v2a_plugin.presets import find_preset

_NOTHING = "-"


@dataclass(frozen=True)
class Words:
    """What is to be heard in one clip. silent: nothing is to be made. seed None: the caller's own."""

    layers: tuple[Layer, ...]
    silent: bool = False
    seed: int | None = None


@dataclass(frozen=True)
class LayerWords:
    """What one source says of one layer. None: nothing; "" and (): that there are none."""

    prompt: str | None = None
    negative: str | None = None
    cues: tuple[Cue, ...] | None = None


@dataclass(frozen=True)
class Said:
    """What one source says of one clip.

    layers: by name, in order. negative, cues: those that name no layer. silent: nothing is to be made. seed None:
    it gives none.
    """

    layers: Mapping[LayerName, LayerWords] = field(default_factory=lambda: MappingProxyType({}))
    negative: str | None = None
    cues: tuple[Cue, ...] | None = None
    silent: bool = False
    seed: int | None = None


def settle(sources: Sequence[Said]) -> Words:
    """The words for a clip, from what its sources say, the strongest first.

    Raises UsageError for words that no request may hold.
    """
    seed = next((said.seed for said in sources if said.seed is not None), None)
    if any(said.silent for said in sources):
        return Words((), silent=True, seed=seed)
    names: Sequence[LayerName] = next((tuple(said.layers) for said in sources if said.layers), ("mix",))
    home = next((name for name in ("mix", "effects") if name in names), names[0])
    return Words(tuple(_layer(name, sources, loose_cues=name == home) for name in names), seed=seed)


def layer_words(prompt: str = "", negative: str = "", preset: str = "") -> LayerWords:
    """What a source says that writes nothing as "": its words, and those of the preset that it names.

    Raises UsageError for an unknown preset.
    """
    more = find_preset(preset) if preset else None
    return LayerWords(
        _given(prompt, more.prompt if more else ""),
        _given(negative, more.negative if more else ""),
    )


def layer_name(text: str) -> LayerName:
    """The layer that a text names; empty is mix. Raises UsageError with the known names."""
    for name in LAYERS:
        if name == (text.strip().lower() or "mix"):
            return name
    raise UsageError(f"unknown layer '{text}': choose from {', '.join(LAYERS)}")


def _given(text: str, preset: str) -> str | None:
    return "" if text == _NOTHING else text or preset or None


def _layer(name: LayerName, sources: Sequence[Said], *, loose_cues: bool) -> Layer:
    own = [said.layers.get(name, LayerWords()) for said in sources]
    pairs = list(zip(own, sources, strict=True))
    prompt = next((words.prompt for words in own if words.prompt is not None), "")
    negatives = (words.negative if words.negative is not None else said.negative for words, said in pairs)
    cues = (words.cues if words.cues is not None or not loose_cues else said.cues for words, said in pairs)
    return Layer(
        name,
        prompt,
        next((negative for negative in negatives if negative is not None), ""),
        next((found for found in cues if found is not None), ()),
    )
