"""Model cards: what a model is, wants and may be used for. Readable without torch.

A card is a JSON file in a folder of the model's name: `v2a/models/NAME/card.json` for what travels in the package,
`models_folder()/NAME/card.json` for what the user has installed. Its digest names card and weights together.
"""

import hashlib
import json
import math
import os
from dataclasses import dataclass, is_dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from v2a.errors import NotFoundError
from v2a.published import how_to_have, published_model, published_models
from v2a.request import QUALITIES, Clip, LayerName, Quality

Schedule = Literal["cosine", "linear"]
Fade = Literal["equal-power", "linear"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]

PRECISIONS: tuple[Precision, ...] = ("auto", "float32", "bfloat16", "float16")

CARD_FILE = "card.json"
SHARED_PARTS = "parts"  # the folder beside those of models

_PACKAGE = Path(__file__).parent / "models"
_RANDOM = "=random"
_LARGEST = 2**31 - 1  # of a card's whole numbers: what clients are told them in
_FROM_ONE = (
    "frame_rate", "sample_rate_hz", "channels", "samples_per_token", "latent_dim", "window_tokens", "takes_together",
    "decode_tokens",
)  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """What a quality means for a model."""

    steps: int
    guidance: float


@dataclass(frozen=True)
class Part:
    """One file of weights. sha256: as recorded when it was installed; None: it was not. source: where it is from."""

    name: str
    file: Path
    sha256: str | None
    n_bytes: int
    licence: str
    source: str


@dataclass(frozen=True)
class ModelCard:
    """The facts that callers, the sampler and the written file need.

    family: whose code runs it; variant: which of the family's configurations it is.
    frame_rate: frames a second that the model looks at.
    samples_per_token: of the waveform, for each latent token; latent_dim: numbers a token.
    window_tokens: the length the model was trained on; overlap_tokens: shared by neighbouring windows; pads: a shorter
    clip is made as a whole window, and cut.
    precisions: what it can compute in.
    follows_cues: whether it can be told when something sounds.
    schedule: how its steps lie between 0 (noise) and 1 (sound).
    takes_together: how many takes of a layer share a pass. Where it is more than 1, a take of a request for several
    differs from the same take alone, by less than can be heard.
    guided_until: the time from 0 to 1 at which guidance ends; guidance_rescale: the share, 0 to 1, by which it is kept
    from widening the spread of latents. 1 and 0 are plain classifier-free guidance.
    decode_tokens: latents become sound in stretches so long, which are cross-faded over decode_overlap_tokens:
    at "equal-power" where two decodings of a token differ in phase, "linear" where they are the same waveform.
    parts: the files of its weights; none where they are random.
    """

    name: str
    family: str
    variant: str
    title: str
    description: str
    licence: str
    commercial_use: bool
    layers: tuple[LayerName, ...]
    frame_rate: Fraction
    sample_rate_hz: int
    channels: int
    samples_per_token: int
    latent_dim: int
    window_tokens: int
    overlap_tokens: int
    pads: bool
    precisions: tuple[Precision, ...]
    follows_cues: bool
    schedule: Schedule
    takes_together: int
    guided_until: float
    guidance_rescale: float
    decode_tokens: int
    decode_overlap_tokens: int
    decode_fade: Fade
    presets: dict[Quality, Preset]
    digest: str
    parts: tuple[Part, ...]

    @property
    def latent_rate(self) -> Fraction:
        """Latent tokens a second; seldom whole."""
        return Fraction(self.sample_rate_hz, self.samples_per_token)

    def token_s(self, token: int) -> Fraction:
        """When a token starts, in seconds from the clip's start."""
        return token / self.latent_rate

    def n_tokens(self, clip: Clip) -> int:
        """How many cover a clip; the last may reach past its end."""
        return -(-clip.n_samples(self.sample_rate_hz) // self.samples_per_token)

    @property
    def n_bytes(self) -> int:
        """Of its weights, as their files are large. Random ones are as large as those that were published."""
        if not self.parts:
            return published_model(self.name.removesuffix(_RANDOM)).n_bytes
        return sum(part.n_bytes for part in self.parts)

    def part(self, name: str) -> Part:
        """One of its parts. Raises NotFoundError where the card names none of that name."""
        for part in self.parts:
            if part.name == name:
                return part
        raise NotFoundError(f"the card of '{self.name}' names no part '{name}': install the model again")


def models_folder() -> Path:
    """Where the user's models are: `$V2A_MODELS`, else beside the user's other data. It need not exist."""
    if named := os.environ.get("V2A_MODELS"):
        return Path(named)
    import platformdirs  # only here

    return platformdirs.user_data_path("v2a-studio") / "models"


def model_names() -> list[str]:
    """The models that are installed: those of the package first, then the user's."""
    return list(_folders())


def card(name: str) -> ModelCard:
    """The card of an installed model, or of a published one with random weights: `NAME=random`.

    Raises NotFoundError, with the known names, for any other name, and where a part of the model is missing.
    """
    if name.endswith(_RANDOM):
        return _random_card(name.removesuffix(_RANDOM))
    folders = _folders()
    if name not in folders:
        raise NotFoundError(f"no model named '{name}' is installed; known: {', '.join(folders)}{how_to_have(name)}")
    found = read_card(folders[name])
    if found.name != name:
        raise NotFoundError(f"the card in {folders[name]} is that of '{found.name}': install '{name}' again")
    return found


def read_card(folder: Path) -> ModelCard:
    """Read the card in a model's folder.

    Each part lies beside the card, or in the folder `parts` beside the model's, where models share them. Cheap to
    repeat: a part whose digest is not recorded is hashed again only when its file has changed.
    Raises NotFoundError where a part is missing or the card is not one.
    """
    try:
        text = (folder / CARD_FILE).read_bytes()
        facts = card_facts(text)
        parts = tuple(_part(folder, part) for part in facts["parts"])
        if not parts:
            raise ValueError("it names no parts")
        digest = hashlib.sha256(text)
        for part in parts:
            digest.update((part.sha256 or _sha256(part.file, _stamp(part.file))).encode())
        return _card(facts, digest.hexdigest(), parts)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise NotFoundError(
            f"{folder / CARD_FILE} is not a model's card ({error!r}): install the model again"
        ) from error


def card_facts(text: bytes) -> dict[str, Any]:
    """A card's JSON, of which it is known that its parts have names, and files that are bare names.

    Raises ValueError where that is not so.
    """
    try:
        facts: dict[str, Any] = json.loads(text)
        for part in facts["parts"]:
            _ = part["name"]
            if part["file"] in ("", "..") or Path(part["file"]).name != part["file"]:
                raise ValueError(f"a part's file is a bare name, not {part['file']}")
    except (LookupError, TypeError, RecursionError) as error:
        raise ValueError(repr(error)) from None
    return facts


def part_file(folder: Path, name: str) -> Path | None:
    """Where a part of the model in a folder lies: beside its card, or with those that models share; None: nowhere."""
    places = (folder / name, folder.parent / SHARED_PARTS / name)
    return next((place for place in places if place.is_file()), None)


def _folders() -> dict[str, Path]:
    """Of the installed models, by name."""
    places = (_PACKAGE, models_folder())
    found: dict[str, Path] = {}
    for place in places:
        for path in sorted(place.glob(f"*/{CARD_FILE}")):
            found.setdefault(path.parent.name, path.parent)
    return found


def _part(folder: Path, facts: dict[str, Any]) -> Part:
    file = part_file(folder, facts["file"])
    if file is None:
        raise NotFoundError(f"the part '{facts['name']}' of the model in {folder} is missing: install the model again")
    size = file.stat().st_size
    return Part(facts["name"], file, facts.get("sha256"), size, facts["licence"], facts["source"])


def _stamp(path: Path) -> tuple[int, int, int]:
    """Changes with the file."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=64)
def _sha256(path: Path, _stamp: tuple[int, int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _random_card(name: str) -> ModelCard:
    """Of a published model, to be run without its weights: for measuring and for tests."""
    published = published_models()
    if name not in published:
        raise NotFoundError(
            f"no published model is named '{name}', so it cannot have random weights; known: {', '.join(published)}"
        )
    facts = published[name].facts
    digest = hashlib.sha256(json.dumps([facts, "random"], sort_keys=True).encode()).hexdigest()
    found = _card(facts, digest, ())
    return replace(found, name=name + _RANDOM, title=f"{found.title} (random weights)")


def _card(facts: dict[str, Any], digest: str, parts: tuple[Part, ...]) -> ModelCard:
    """A card's JSON as a value. Raises what is caught in `read_card` where it is none."""
    if lacking := [quality for quality in QUALITIES if quality not in facts["presets"]]:
        raise ValueError(f"its presets lack {', '.join(lacking)}")
    named = dict(facts)
    named["variant"] = facts.get("variant", facts["name"])
    named["layers"] = tuple(facts["layers"])
    named["precisions"] = tuple(facts["precisions"])
    named["frame_rate"] = Fraction(facts["frame_rate"])
    named["presets"] = {quality: Preset(**preset) for quality, preset in facts["presets"].items()}
    named["digest"], named["parts"] = digest, parts
    card = ModelCard(**named)
    _check(card)
    return card


def _check(card: ModelCard) -> None:
    """Raise ValueError unless the facts are of the kinds and in the ranges that everybody counts on."""
    for name, kind in get_type_hints(ModelCard).items():
        value = getattr(card, name)
        if not _is(value, kind) or (kind is int and value > _LARGEST):
            raise ValueError(f"its {name} cannot be {value!r}")
        if name in _FROM_ONE and value < 1:
            raise ValueError(f"its {name} is at least 1, not {value}")
    if not all(1 <= preset.steps <= _LARGEST for preset in card.presets.values()):
        raise ValueError("its presets take at least 1 step")


def _is(value: object, kind: Any) -> bool:
    """Whether a value is of an annotated type. Numbers are finite and not negative, texts can be shown."""
    origin, among = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in among
    if origin is UnionType:
        return any(_is(value, one) for one in among)
    if origin is tuple:
        return isinstance(value, tuple) and all(_is(one, among[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is(key, among[0]) and _is(one, among[1]) for key, one in value.items())
    if is_dataclass(kind):
        return all(_is(getattr(value, name), hint) for name, hint in get_type_hints(kind).items())
    if kind is int:
        return type(value) is int and value >= 0
    if kind is float:
        return isinstance(value, int | float) and type(value) is not bool and math.isfinite(value) and value >= 0
    return isinstance(value, kind) and (kind is not str or value.isprintable())
