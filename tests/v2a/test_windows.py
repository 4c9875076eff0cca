"""Windows cover a clip, overlap, and are never slivers."""

from dataclasses import replace
from itertools import pairwise

import pytest

from v2a.cards import card
from v2a.windows import Window, plan_windows


@pytest.mark.parametrize("n_tokens", [1, 7, 199, 200, 201, 349, 350, 351, 400, 1234, 90_000])
def test_windows_cover_every_token_and_share_the_overlap(n_tokens: int) -> None:
    windows = list(plan_windows(n_tokens, card("pocket")))
    assert windows[0].start == 0
    assert windows[0].n_shared == 0
    assert windows[-1].end == n_tokens
    for before, after in pairwise(windows):
        assert before.end - after.start == after.n_shared
        assert after.n_shared >= 50
        assert after.n_shared < after.n_tokens, "a window must make something new"
    assert all(window.n_tokens == min(n_tokens, 200) for window in windows)
    assert [window.index for window in windows] == list(range(len(windows)))


def test_a_model_that_pads_gets_a_whole_window() -> None:
    padding = replace(card("pocket"), pads=True)
    assert list(plan_windows(7, padding)) == [Window(0, 0, 200, 0)]
    assert list(plan_windows(1234, padding)) == list(plan_windows(1234, card("pocket")))
