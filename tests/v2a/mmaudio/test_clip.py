"""CLIP is built without the network, tells pictures and words apart, and hears no more of a text than it can."""

import open_clip
import pytest
import torch
import torch.nn.functional as F

from v2a.models.mmaudio.clip import Clip, n_tokens
from v2a.models.mmaudio.variants import VARIANTS
from v2a.models.mmaudio.weights import load_strictly

TINY = VARIANTS["mmaudio-tiny-16k"].clip


@pytest.fixture(scope="module")
def clip() -> Clip:
    torch.manual_seed(0)
    network = Clip(TINY)
    network.eval().requires_grad_(False)
    return network


def test_the_published_sizes_are_open_clips_own() -> None:
    with torch.device("meta"):
        ours = Clip(VARIANTS["mmaudio-large-44k-v2"].clip)
        theirs = open_clip.create_model("ViT-H-14-378-quickgelu", pretrained=None, device="meta")
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: value.shape for name, value in theirs.state_dict().items()
    }


def test_features_are_those_of_open_clip(clip: Clip) -> None:
    pictures = torch.randn(2, 3, TINY.image_size, TINY.image_size)
    torch.testing.assert_close(clip.pictures(pictures), clip.encode_image(pictures, normalize=True))
    # Its own way with words ends in one vector: the state at the end of the text, projected.
    texts = ["a dog barks", ""]
    clip.attn_mask = torch.full((77, 77), float("-inf")).triu(1)
    theirs = clip.encode_text(open_clip.tokenize(texts), normalize=True)
    clip.attn_mask = None
    words = clip.words(texts)
    assert words.shape == (2, 77, TINY.embed_dim)
    ends = torch.stack([words[0, 5], words[1, 1]])
    torch.testing.assert_close(F.normalize(ends @ clip.text_projection, dim=-1), theirs, rtol=0, atol=1e-5)


def test_words_know_only_what_comes_before_them(clip: Clip) -> None:
    words = clip.words(["rain on a roof", "rain on a lake"])
    torch.testing.assert_close(words[0, :4], words[1, :4])
    assert not torch.allclose(words[0, 4], words[1, 4])
    torch.testing.assert_close(words.norm(dim=-1), torch.ones(2, 77))


def test_half_precision_hears_nearly_the_same(clip: Clip) -> None:
    half = Clip(TINY).eval().requires_grad_(False)
    half.load_state_dict(clip.state_dict())
    half = half.to(torch.bfloat16)
    likeness = (half.words(["glass breaks"]) * clip.words(["glass breaks"])).sum(-1)
    assert float(likeness.min()) > 0.99
    pictures = torch.randn(1, 3, TINY.image_size, TINY.image_size)
    assert float((half.pictures(pictures.bfloat16()) * clip.pictures(pictures)).sum(-1)) > 0.99


def test_weights_come_from_a_file_into_a_network_that_had_none(clip: Clip) -> None:
    with torch.device("meta"):
        empty = Clip(TINY)
    load_strictly(empty, clip.state_dict(), "CLIP")
    torch.testing.assert_close(empty.eval().words(["wind"]), clip.words(["wind"]))


def test_tokens_of_a_text_are_counted_with_its_ends() -> None:
    assert n_tokens("") == 2
    assert n_tokens("a dog barks") == 6  # `barks` is two
    assert n_tokens("rain " * 76) == 78
