"""The published configurations of the family, and one of reduced width for tests. Needs no torch.

Every part of a model is built from a config below alone; a `Variant` holds one of each, and what binds them together.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

WINDOW_S = 8  # the length that all of them were trained on
CLIP_RATE_HZ = 8  # pictures a second that CLIP sees
SYNC_RATE_HZ = 25  # and Synchformer
SEGMENT_FRAMES = 16  # Synchformer's segments, each of which becomes SEGMENT_TOKENS
SEGMENT_STRIDE = 8
SEGMENT_TOKENS = 8


@dataclass(frozen=True)
class FlowConfig:
    """The flow transformer. depth counts joint and fused blocks, fused_depth the latter alone.

    v2 is the second revision of the input projections and of the time embedding.
    """

    width: int
    heads: int
    depth: int
    fused_depth: int
    latent_dim: int
    v2: bool = False
    clip_dim: int = 1024
    sync_dim: int = 768
    text_dim: int = 1024
    text_tokens: int = 77


@dataclass(frozen=True)
class VaeConfig:
    """Log-mel spectrograms of data_dim bands ↔ latents of embed_dim, two frames a token."""

    data_dim: int
    embed_dim: int
    hidden_dim: int


@dataclass(frozen=True)
class MelConfig:
    """The log-mel spectrogram that VAE and vocoder speak."""

    sample_rate_hz: int
    n_fft: int
    hop: int
    n_bands: int
    f_max_hz: int
    log10: bool  # else the natural logarithm


@dataclass(frozen=True)
class VocoderConfig:
    """BigVGAN (Lee et al. 2023): tanh and final_bias are those of the last convolution; without tanh, ±1 is a clamp."""

    n_bands: int
    channels: int
    rates: tuple[int, ...]
    kernels: tuple[int, ...]
    block_kernels: tuple[int, ...] = (3, 7, 11)
    block_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    tanh: bool = True
    final_bias: bool = True


@dataclass(frozen=True)
class SyncConfig:
    """Synchformer's video branch: segments of 16 pictures → 8 tokens of `width`."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    patch: int = 16
    tubelet: int = 2
    crop: int = 224


@dataclass(frozen=True)
class ClipConfig:
    """The CLIP model, in open_clip's terms. Its text tower has `embed_dim` as its width."""

    embed_dim: int = 1024
    image_size: int = 384
    patch: int = 14
    vision_width: int = 1280
    vision_layers: int = 32
    vision_head_width: int = 80
    text_layers: int = 24
    text_heads: int = 16
    text_tokens: int = 77
    vocabulary: int = 49_408


@dataclass(frozen=True)
class Variant:
    """One configuration. window_tokens: latent tokens of a window of WINDOW_S, the last one begun but not full."""

    name: str
    flow: FlowConfig
    vae: VaeConfig
    mel: MelConfig
    vocoder: VocoderConfig
    window_tokens: int
    sync: SyncConfig = SyncConfig()
    clip: ClipConfig = ClipConfig()

    @property
    def sample_rate_hz(self) -> int:
        """Of the sound that comes out, mono."""
        return self.mel.sample_rate_hz

    @property
    def samples_per_token(self) -> int:
        """Waveform samples that one latent token covers: two frames of the spectrogram."""
        return 2 * self.mel.hop

    @property
    def latent_rate(self) -> Fraction:
        """Latent tokens a second, exactly."""
        return Fraction(self.sample_rate_hz, self.samples_per_token)

    @property
    def clip_tokens(self) -> int:
        """Pictures of a window that CLIP sees, a token each."""
        return WINDOW_S * CLIP_RATE_HZ

    @property
    def sync_segments(self) -> int:
        """Segments of a window that Synchformer sees."""
        return (WINDOW_S * SYNC_RATE_HZ - SEGMENT_FRAMES) // SEGMENT_STRIDE + 1

    @property
    def sync_tokens(self) -> int:
        """What these segments become."""
        return SEGMENT_TOKENS * self.sync_segments


MEL_16K = MelConfig(sample_rate_hz=16_000, n_fft=1024, hop=256, n_bands=80, f_max_hz=8_000, log10=True)
MEL_44K = MelConfig(sample_rate_hz=44_100, n_fft=2048, hop=512, n_bands=128, f_max_hz=22_050, log10=False)

_VAE_16K = VaeConfig(data_dim=80, embed_dim=20, hidden_dim=384)
_VAE_44K = VaeConfig(data_dim=128, embed_dim=40, hidden_dim=512)

_VOCODER_16K = VocoderConfig(80, 1536, rates=(4, 4, 2, 2, 2, 2), kernels=(8, 8, 4, 4, 4, 4))
_VOCODER_44K = VocoderConfig(
    128, 1536, rates=(8, 4, 2, 2, 2, 2), kernels=(16, 8, 4, 4, 4, 4), tanh=False, final_bias=False
)

_SMALL = FlowConfig(width=448, heads=7, depth=12, fused_depth=8, latent_dim=40)
_MEDIUM = replace(_SMALL, width=896, heads=14)
_LARGE = replace(_MEDIUM, depth=21, fused_depth=14)


def _16k(name: str, flow: FlowConfig) -> Variant:
    return Variant(name, flow, _VAE_16K, MEL_16K, _VOCODER_16K, window_tokens=250)


def _44k(name: str, flow: FlowConfig) -> Variant:
    return Variant(name, flow, _VAE_44K, MEL_44K, _VOCODER_44K, window_tokens=345)


# Everything of it runs on a laptop in a second: there are no weights for it but random ones.
_TINY = Variant(
    "mmaudio-tiny-16k",
    FlowConfig(width=64, heads=1, depth=3, fused_depth=1, latent_dim=20, clip_dim=64, sync_dim=48, text_dim=64),
    VaeConfig(data_dim=80, embed_dim=20, hidden_dim=16),
    MEL_16K,
    replace(_VOCODER_16K, channels=64),
    window_tokens=250,
    sync=SyncConfig(width=48, depth=1, heads=4),
    clip=ClipConfig(
        embed_dim=64, patch=48, vision_width=64, vision_layers=1, vision_head_width=32, text_layers=1, text_heads=2
    ),
)

VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        _16k("mmaudio-small-16k", replace(_SMALL, latent_dim=20)),
        _44k("mmaudio-small-44k", _SMALL),
        _44k("mmaudio-medium-44k", _MEDIUM),
        _44k("mmaudio-large-44k", _LARGE),
        _44k("mmaudio-large-44k-v2", replace(_LARGE, v2=True)),
        _TINY,
    )
}
