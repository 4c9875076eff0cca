"""What of the shipped model can be said without listening to it: its eyes, its words, its size."""

from pathlib import Path
from typing import cast

import pytest
import torch

import v2a
from v2a.cards import card
from v2a.models.base import Frames
from v2a.models.pocket import PocketModel
from v2a.models.pocket.flow import WIDTH
from v2a.models.pocket.meanings import MEANING_DIM, Meanings
from v2a.models.pocket.text import TextEncoder
from v2a.models.pocket.video import WATCHED_SIZE, Sight, VideoEncoder, seen_events, watched
from v2a.windows import plan_windows


class Spot(VideoEncoder):
    """Eyes that are as sure as the picture's middle is bright."""

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        return grey[:, :, 24:40, 24:40].mean((2, 3))[..., None].expand(-1, -1, WIDTH) / 25.5 - 5


def spot_eyes() -> Spot:
    eyes = Spot(WIDTH)
    with torch.no_grad():
        eyes.event.weight.fill_(1 / WIDTH)
        eyes.event.bias.zero_()
    return eyes.requires_grad_(False)


def test_the_eyes_are_surer_of_what_they_see_from_near() -> None:
    frames = torch.zeros(5, WATCHED_SIZE, WATCHED_SIZE)
    frames[3, 56:72, 56:72] = 255.0  # fills the middle of the near view, and a quarter of the whole's
    seen = watched(spot_eyes(), frames)
    assert seen.shape == (5, WIDTH + 3)
    sure = seen[:, WIDTH]
    assert int(sure.argmax()) == 3
    assert float(sure[3]) > float(seen[3, 0]) + 1  # the features are the whole's alone


def test_a_word_is_read_by_its_meaning_where_it_has_one() -> None:
    torch.manual_seed(0)
    text = TextEncoder(16).eval().requires_grad_(False)
    text.meanings = Meanings(("gale", "storm"), torch.ones(2, MEANING_DIM, dtype=torch.int8), torch.ones(MEANING_DIM))
    words, mask = text(["gale", "storm", "gun"])
    assert mask.sum(1).tolist() == [1, 1, 1]
    torch.testing.assert_close(words[0], words[1])
    assert float((words[0, 0] - words[2, 0]).abs().max()) > 0.1


def test_all_of_the_model_takes_less_than_forty_megabytes() -> None:
    folder = card("pocket").part("weights").file.parent
    assert sum(path.stat().st_size for path in Path(folder).iterdir() if path.is_file()) < 40_000_000


def test_windows_are_seen_as_the_whole_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """However that is encoded: the features, and the events at the edges."""
    n_tokens = 1_300  # more than two stretches
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(n_tokens, WIDTH + 3, generator=generator)
    rows[:, WIDTH + 1 :] = rows[:, WIDTH + 1 :].sigmoid()
    model = v2a.load_model("pocket", "cpu")
    assert isinstance(model, PocketModel)
    monkeypatch.setattr(PocketModel, "_watched", lambda _, __, start, end, ___: rows[start:end])
    whole = seen_events(Sight(*rows[None, :, WIDTH:].unbind(-1)))[0]
    assert len(whole[:, 1].nonzero()) > 100
    windows = list(plan_windows(n_tokens, model.card))
    seen = list(model.encode_video(cast(Frames, None), windows, lambda *_: None))
    for window, one in zip(windows, seen, strict=True):
        torch.testing.assert_close(one["video"], rows[window.start : window.end, :WIDTH], rtol=0, atol=0)
        torch.testing.assert_close(one["events"], whole[window.start : window.end], rtol=0, atol=0)


def test_an_event_at_the_very_end_of_a_token_lies_in_it() -> None:
    sight = Sight(torch.tensor([[9.0]]), torch.ones(1, 1), torch.ones(1, 1))
    offset, strength = seen_events(sight)[0, 0].tolist()
    assert 0.999 < offset < 1
    assert strength == 1
