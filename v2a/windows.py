"""Cutting a long clip into the windows a model was trained on.

Windows are sampled in order; each shares tokens with the one before. Of these it is given the first as already known
and makes the rest anew, over which the old is cross-faded into the new: so a join has no instant.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from v2a.cards import ModelCard


@dataclass(frozen=True)
class Window:
    """Tokens [start, end) of the clip, of which the window before made the first n_shared too."""

    index: int
    start: int
    end: int
    n_shared: int

    @property
    def n_tokens(self) -> int:
        """Length in tokens."""
        return self.end - self.start


def plan_windows(n_tokens: int, card: ModelCard) -> Iterator[Window]:
    """Cover n_tokens by windows as long as the card says, that share at least as many tokens as it says.

    The last window is moved back to full length rather than cut short: models do badly on slivers. A clip shorter than
    a window gets a shorter one, or where the model pads a whole one, which reaches past the clip's end.
    """
    window, overlap = card.window_tokens, card.overlap_tokens
    if n_tokens <= window:
        yield Window(0, 0, window if card.pads else n_tokens, 0)
        return
    end, index = window, 0
    yield Window(0, 0, window, 0)
    while end < n_tokens:
        index += 1
        start = min(end - overlap, n_tokens - window)
        yield Window(index, start, start + window, end - start)
        end = start + window
