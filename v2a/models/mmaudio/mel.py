"""Waveforms → the log-mel spectrograms that the autoencoders were trained on.

Shape legend: B batch, S samples, M mel bands, F frames.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from v2a.models.mmaudio.variants import MelConfig

_FLOOR = 1e-5
_TINY = 1e-9


class Mel(nn.Module):
    """Magnitudes under Slaney's triangles, as logarithms; it has nothing to learn and nothing to load."""

    window: Tensor
    bands: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        triangles = melscale_fbanks(
            config.n_fft // 2 + 1,
            0.0,
            config.f_max_hz,
            config.n_bands,
            config.sample_rate_hz,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        self.register_buffer("bands", triangles.T.contiguous(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """(B, S) at the config's rate, float32 within ±1 → (B, M, ⌊S / hop⌋)."""
        n_fft, hop = self.config.n_fft, self.config.hop
        edge = (n_fft - hop) // 2
        padded = F.pad(waveform.clamp(-1, 1)[:, None], (edge, edge), mode="reflect")[:, 0]
        spectrum = torch.stft(padded, n_fft, hop, window=self.window, center=False, return_complex=True)
        magnitude = (spectrum.real.square() + spectrum.imag.square() + _TINY).sqrt()  # (B, n_fft / 2 + 1, F)
        mel = (self.bands @ magnitude).clamp_min(_FLOOR)
        return mel.log10() if self.config.log10 else mel.log()
