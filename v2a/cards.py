"""Model cards: what a model is, wants and may be used for. Readable without torch.

A card is the JSON file beside a model's weights; its digest names card and weights together.
"""

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from v2a.errors import NotFoundError
from v2a.request import LayerName, Quality

_MODELS = Path(__file__).parent / "models"
_CARD = "card.json"
_WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Preset:
    """What a quality means for a model."""

    steps: int
    guidance: float


@dataclass(frozen=True)
class ModelCard:
    """The facts that callers, the sampler and the written file need.

    frame_rate: frames a second that the video encoder reads; frame_size: (height, width) in pixels.
    latent_rate_hz: latent tokens a second; latent_dim: numbers a token.
    window_tokens: the length the model was trained on; overlap_tokens: shared by neighbouring windows.
    guided_until: the time from 0 (noise) to 1 (sound) at which guidance ends; guidance_rescale: the share, 0 to 1, by
    which it is kept from widening the spread of latents. 1 and 0 are plain classifier-free guidance.
    """

    name: str
    title: str
    description: str
    licence: str
    commercial_use: bool
    layers: tuple[LayerName, ...]
    frame_rate: Fraction
    frame_size: tuple[int, int]
    sample_rate_hz: int
    channels: int
    latent_rate_hz: int
    latent_dim: int
    window_tokens: int
    overlap_tokens: int
    guided_until: float
    guidance_rescale: float
    presets: dict[Quality, Preset]
    digest: str
    weights: Path

    @property
    def samples_per_token(self) -> int:
        """Waveform samples that one latent token covers; always whole."""
        return self.sample_rate_hz // self.latent_rate_hz


def model_names() -> list[str]:
    """The models that are installed, best known first."""
    return sorted(path.parent.name for path in _MODELS.glob(f"*/{_CARD}"))


def card(name: str) -> ModelCard:
    """The card of an installed model.

    Raises NotFoundError, with the known names, for any other name.
    """
    if name not in model_names():
        raise NotFoundError(f"no model named '{name}' is installed; known: {', '.join(model_names())}")
    return read_card(_MODELS / name)


def read_card(folder: Path) -> ModelCard:
    """Read the card in a model folder (`card.json` beside `weights.safetensors`).

    Cheap to repeat: the weights are hashed again only when one of the two files has changed.
    """
    return _read_card(folder, _stamp(folder / _CARD), _stamp(folder / _WEIGHTS))


def _stamp(path: Path) -> tuple[int, int, int]:
    """Changes with the file."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=32)
def _read_card(folder: Path, *_stamps: tuple[int, int, int]) -> ModelCard:
    text = (folder / _CARD).read_bytes()
    weights = folder / _WEIGHTS
    digest = hashlib.sha256(text)
    with weights.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    facts = json.loads(text)
    height, width = facts["frame_size"]
    return ModelCard(
        name=facts["name"],
        title=facts["title"],
        description=facts["description"],
        licence=facts["licence"],
        commercial_use=facts["commercial_use"],
        layers=tuple(facts["layers"]),
        frame_rate=Fraction(facts["frame_rate"]),
        frame_size=(height, width),
        sample_rate_hz=facts["sample_rate_hz"],
        channels=facts["channels"],
        latent_rate_hz=facts["latent_rate_hz"],
        latent_dim=facts["latent_dim"],
        window_tokens=facts["window_tokens"],
        overlap_tokens=facts["overlap_tokens"],
        guided_until=facts.get("guided_until", 1.0),
        guidance_rescale=facts.get("guidance_rescale", 0.0),
        presets={quality: Preset(**preset) for quality, preset in facts["presets"].items()},
        digest=digest.hexdigest(),
        weights=weights,
    )
