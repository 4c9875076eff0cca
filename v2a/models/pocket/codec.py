"""Sound ↔ latents: log-mel spectrogram, a linear code a 40 ms token, and phase recovery.

Shape legend: B batch, S samples, F mel frames (100 a second), M mel bands, L tokens (25 a second), C latent dims.
"""

import torch
import torch.nn.functional as F
import torchaudio.functional as AF
from einops import rearrange
from torch import Tensor, nn

SAMPLE_RATE_HZ = 48_000
N_FFT = 1_920
HOP = 480  # samples: 10 ms
N_MELS = 128
FRAMES_PER_TOKEN = 4
LATENT_DIM = 96

_FLOOR = 1e-4  # amplitude below which a mel band counts as silent
_OFFSET = 2.5
SILENCE = -4.0 + _OFFSET  # the log-mel value of digital silence

_GRIFFIN_LIM_STEPS = 16  # 32 come 0.1 dB nearer, take twice as long, and sharpen attacks too much
_MOMENTUM = 0.99
# A mel frame whose loudest band stays below this log-mel value is faded to digital silence.
_GATE = SILENCE + 0.55
_GATE_SLOPE = 24.0


class Codec(nn.Module):
    """Analysis, the learned linear code, and synthesis."""

    mean: Tensor  # (4M,)
    basis: Tensor  # (4M, C), orthonormal columns
    scale: Tensor  # (C,), latents have about unit variance in all
    window: Tensor
    filters: Tensor  # (bins, M)
    inverse_filters: Tensor  # (M, bins)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FRAMES_PER_TOKEN * N_MELS))
        self.register_buffer("basis", torch.zeros(FRAMES_PER_TOKEN * N_MELS, LATENT_DIM))
        self.register_buffer("scale", torch.ones(LATENT_DIM))
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        filters = AF.melscale_fbanks(
            N_FFT // 2 + 1, 20.0, SAMPLE_RATE_HZ / 2, N_MELS, SAMPLE_RATE_HZ, norm=None, mel_scale="htk"
        )
        filters = filters / filters.sum(0).clamp_min(1e-3)  # each band is a weighted mean of amplitudes
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("inverse_filters", torch.linalg.pinv(filters), persistent=False)

    def mel(self, waveform: Tensor) -> Tensor:
        """Waveform (B, S) → log-mel (B, F, M), F = S / 480; SILENCE where nothing sounds."""
        spectrum = self._stft(waveform)
        amplitude = spectrum.abs()[..., : waveform.shape[-1] // HOP] / N_FFT**0.5  # (B, bins, F)
        return torch.log10(amplitude.transpose(1, 2) @ self.filters + _FLOOR) + _OFFSET

    def patches(self, waveform: Tensor) -> Tensor:
        """Waveform (B, S) → the 40 ms mel patches that tokens code, (B, L, 4M)."""
        return rearrange(self.mel(waveform), "b (l p) m -> b l (p m)", p=FRAMES_PER_TOKEN)

    def fit(self, patches: Tensor) -> None:
        """Choose the linear code from example patches (N, 4M): principal components, tempered variances."""
        self.mean.copy_(patches.mean(0))
        centred = (patches - self.mean).double()
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(patches))
        values, vectors = values.flip(0)[:LATENT_DIM], vectors.flip(1)[:, :LATENT_DIM]
        std = values.clamp_min(1e-6).sqrt()
        # Half-way between raw and whitened: loud directions keep some of their weight in the loss.
        tempered = std.sqrt()
        self.basis.copy_(vectors)
        self.scale.copy_(1 / (tempered * (std / tempered).square().mean().sqrt()))

    def encode(self, waveform: Tensor) -> Tensor:
        """Waveform (B, S) → latents (B, L, C)."""
        return (self.patches(waveform) - self.mean) @ self.basis * self.scale

    def bands_below(self, bandwidth_hz: float) -> int:
        """How many mel bands have their peak below a frequency."""
        peaks_hz = self.filters.argmax(0) * (SAMPLE_RATE_HZ / N_FFT)
        return int((peaks_hz <= bandwidth_hz).sum())

    def silence(self) -> Tensor:
        """The latent (C,) of a silent token."""
        return (SILENCE - self.mean) @ self.basis * self.scale

    def decode_mel(self, latents: Tensor) -> Tensor:
        """Latents (B, L, C) → log-mel (B, F, M), never below SILENCE."""
        patches = (latents / self.scale) @ self.basis.T + self.mean
        return rearrange(patches, "b l (p m) -> b (l p) m", p=FRAMES_PER_TOKEN).clamp_min(SILENCE)

    def decode(self, latents: Tensor, seed: int) -> Tensor:
        """Latents (L, C) → waveform (S,). The seed draws the first phases."""
        log_mel = self.decode_mel(latents[None])[0]  # (F, M)
        amplitude = (10.0 ** (log_mel - _OFFSET) - _FLOOR).clamp_min(0.0)
        # A bed of errors just above the floor would be heard as hiss in what should be silence.
        loudest = log_mel.amax(1, keepdim=True)
        loudest = F.max_pool1d(loudest.T[None], 9, stride=1, padding=4)[0].T
        amplitude = amplitude * torch.sigmoid((loudest - _GATE) * _GATE_SLOPE)
        amplitude = torch.where(loudest > _GATE - 0.25, amplitude, 0.0)
        magnitude = (amplitude @ self.inverse_filters).clamp_min(0.0) * N_FFT**0.5  # (F, bins)
        return self._griffin_lim(magnitude, seed)

    def _griffin_lim(self, magnitude: Tensor, seed: int) -> Tensor:
        """Magnitude (F, bins) → waveform (F × 480,): fast Griffin-Lim (Perraudin et al. 2013).

        Frames lie in rows here. torch.stft and istft have them in columns, and copying took two fifths of the time.
        """
        n_samples, outside = len(magnitude) * HOP, N_FFT // 2
        magnitude = F.pad(magnitude, (0, 0, 0, 1))
        generator = torch.Generator().manual_seed(seed & 0x7FFF_FFFF_FFFF_FFFF)
        phase = torch.rand(magnitude.T.shape, generator=generator).T.to(magnitude.device) * 2 * torch.pi
        coverage = _overlapped(self.window.square().expand(len(magnitude), -1))
        inside = torch.zeros_like(coverage)
        inside[outside : outside + n_samples] = 1 / coverage[outside : outside + n_samples]

        def sound(spectrum: Tensor) -> Tensor:
            """(F + 1, bins) → samples, nothing outside the waveform."""
            return _overlapped(torch.fft.irfft(spectrum, N_FFT).mul_(self.window)).mul_(inside)

        angles = torch.polar(torch.ones_like(magnitude), phase)
        previous = torch.zeros_like(angles)
        for _ in range(_GRIFFIN_LIM_STEPS):
            rebuilt = torch.fft.rfft(sound(magnitude * angles).unfold(0, N_FFT, HOP) * self.window)
            angles = torch.sub(rebuilt, previous, alpha=_MOMENTUM / (1 + _MOMENTUM))
            angles /= angles.abs().clamp_min(1e-12)
            previous = rebuilt
        return sound(magnitude * angles)[outside : outside + n_samples]

    def _stft(self, waveform: Tensor) -> Tensor:
        return torch.stft(
            waveform, N_FFT, HOP, window=self.window, center=True, pad_mode="constant", return_complex=True
        )


def _overlapped(frames: Tensor) -> Tensor:
    """Frames (F, N), each a hop after the one before, added up → ((F - 1) × HOP + N,)."""
    parts = rearrange(frames, "f (part hop) -> part f hop", hop=HOP)
    summed = frames.new_zeros(parts.shape[1] + len(parts) - 1, HOP)
    for index, part in enumerate(parts):
        summed[index : index + len(part)] += part
    return summed.flatten()
