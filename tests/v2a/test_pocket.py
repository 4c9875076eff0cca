"""What of the shipped model can be said without listening to it: its eyes, its words, its size."""

from pathlib import Path

import torch

from v2a.cards import card
from v2a.models.pocket.flow import WIDTH
from v2a.models.pocket.meanings import MEANING_DIM, Meanings
from v2a.models.pocket.text import TextEncoder
from v2a.models.pocket.video import WATCHED_SIZE, VideoEncoder, watched


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
