"""Pictures are scaled as they were for the networks' training, whatever their shape, on any device."""

import pytest
import torch
from einops import rearrange

from tests.v2a.mmaudio.fixtures import fixture
from v2a.models.mmaudio import frames
from v2a.models.mmaudio.frames import centre, for_clip, for_sync, scaled_as_float, squashed


def difference(made: torch.Tensor, expected: torch.Tensor) -> int:
    assert made.shape == expected.shape
    return int((made.int() - expected.int()).abs().max())


def test_pictures_are_those_of_the_published_front_end() -> None:
    given = fixture("frames").io
    pictures = rearrange(given["frames_uint8"], "t c h w -> t h w c").contiguous()
    assert difference(squashed(pictures, 384), given["clip_384_uint8"]) <= 1
    assert difference(centre(pictures, 224), given["sync_224_uint8"]) <= 1
    # On a device that scales only floats:
    assert difference(scaled_as_float(given["frames_uint8"], 384, 384), given["clip_384_uint8"]) <= 1


@pytest.mark.parametrize(("height", "width"), [(90, 160), (160, 90), (225, 224), (224, 224), (1, 3), (700, 31)])
def test_any_shape_of_picture_fills_the_square(height: int, width: int) -> None:
    picture = torch.full((1, height, width, 3), 77, dtype=torch.uint8)
    assert squashed(picture, 384).shape == (1, 3, 384, 384)
    middle = centre(picture, 224)
    assert middle.shape == (1, 3, 224, 224)
    assert (middle == 77).all()


@pytest.mark.parametrize(("height", "width"), [(16, 4096), (4096, 16), (31, 1001), (3, 400), (1, 300), (300, 5000)])
def test_the_ends_of_a_strip_are_not_scaled(height: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waves that are no shorter than the picture, so that a neighbour's value would be told from the right one."""
    across = torch.arange(max(height, width)) / min(height, width)
    wave = (127 + 120 * torch.sin(across * torch.pi)).to(torch.uint8)
    picture = (wave[:, None] if height > width else wave).expand(height, width)[None, ..., None].repeat(1, 1, 1, 3)
    shorter = min(height, width)
    tall, wide = 224 * height // shorter, 224 * width // shorter
    top, left = round((tall - 224) / 2), round((wide - 224) / 2)
    whole = frames._scaled(picture, tall, wide)[:, :, top : top + 224, left : left + 224]
    asked: list[int] = []

    def noted(pictures: torch.Tensor, height: int, width: int) -> torch.Tensor:
        asked.append(height * width)
        return scaled(pictures, height, width)

    scaled = frames._scaled
    monkeypatch.setattr(frames, "_scaled", noted)
    assert difference(centre(picture, 224), whole) <= 1
    assert max(asked) <= 7 * 224 * 224


def test_synchformer_sees_the_middle_and_clip_the_sides_too() -> None:
    picture = torch.zeros(1, 100, 400, 3, dtype=torch.uint8)
    picture[:, :, :100], picture[:, :, 300:] = 255, 255
    assert int(centre(picture, 224).max()) == 0
    assert int(squashed(picture, 384)[..., 0].min()) == 255


def test_values_are_in_the_encoders_ranges() -> None:
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 2, 2)
    sync = for_sync(ends, torch.float32)
    assert (float(sync.min()), float(sync.max())) == (-1.0, 1.0)
    # (x − 0.48145466) / 0.26862954 for red
    torch.testing.assert_close(for_clip(ends, torch.float32)[:, 0, 0, 0], torch.tensor([-1.792263, 1.930336]))
