"""CLIP as MMAudio listens to it: of each picture one vector, of each text the last hidden state of every token.

The network is open_clip's, under the published names; nothing is downloaded here.
Shape legend: T pictures, B texts, L = 77 tokens, D features.
"""

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from open_clip import CLIP
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

from v2a.models.mmaudio.variants import ClipConfig

_ENDS = 2  # tokens that mark where a text begins and ends


class Clip(CLIP):  # type: ignore[misc]  # open_clip has no types
    """Both towers, with the rectifier that the published weights were trained with."""

    def __init__(self, config: ClipConfig) -> None:
        vision = {
            "image_size": config.image_size,
            "patch_size": config.patch,
            "width": config.vision_width,
            "layers": config.vision_layers,
            "head_width": config.vision_head_width,
        }
        text = {
            "context_length": config.text_tokens,
            "vocab_size": config.vocabulary,
            "width": config.embed_dim,
            "layers": config.text_layers,
            "heads": config.text_heads,
        }
        super().__init__(config.embed_dim, vision, text, quick_gelu=True)
        self.attn_mask: Tensor | None = (
            None  # made anew for each text: a network built on the meta device would lose it
        )

    def pictures(self, pictures: Tensor) -> Tensor:
        """(T, 3, side, side) as `frames.for_clip` gives them → (T, D) float32, of length 1 each."""
        return F.normalize(self.visual(pictures).float(), dim=-1)

    def words(self, texts: Sequence[str]) -> Tensor:
        """Texts → (B, L, D) float32, every token of length 1; what follows a text's end counts as well."""
        tokens = _tokenizer()(list(texts), self.context_length).to(self.positional_embedding.device)
        x = self.token_embedding(tokens) + self.positional_embedding
        # Added, and not said by a flag: kernels round otherwise there.
        mask = torch.full((self.context_length,) * 2, float("-inf"), dtype=x.dtype, device=x.device).triu_(1)
        return F.normalize(self.ln_final(self.transformer(x, attn_mask=mask)).float(), dim=-1)


def n_tokens(text: str) -> int:
    """Of a text, with its two ends."""
    return len(_tokenizer().encode(text)) + _ENDS


@cache
def _tokenizer() -> SimpleTokenizer:
    """Its vocabulary comes with open_clip."""
    return SimpleTokenizer()
