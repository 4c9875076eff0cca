"""Which cues a layer's sound follows: those that were given, else the events that the model sees."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from v2a.cards import ModelCard
from v2a.request import MAX_CUES, Clip, Cue, Layer, LayerName
from v2a.watching import Watching

# The layers that sound what is seen to happen; the others go on through it.
_STRUCK: tuple[LayerName, ...] = ("mix", "effects")
_WORDLESS = "and no words were given: it is silent; say what should be heard"


@dataclass(frozen=True)
class Following:
    """What a layer follows: cues that it was given, those that are seen, or none.

    given: inside the clip and ascending. watching: where it is the events that are seen.
    """

    layer: Layer
    given: tuple[Cue, ...] = ()
    watching: Watching | None = None

    @property
    def seen(self) -> bool:
        """Nobody gave the cues; the model looks for them."""
        return self.watching is not None

    def between(self, start_s: Fraction, end_s: Fraction) -> Sequence[Cue] | None:
        """The cues of a part of the clip that was looked at.

        None: there are none to follow, and words and pictures alone decide; empty: nothing strikes.
        """
        if self.watching is None:
            cues: Sequence[Cue] = self.given
            if not cues:
                return None
        else:
            # Where nothing is seen to strike, words may still name what does.
            if self.layer.prompt and not self.watching.strikes():
                return None
            cues = self.watching.cues
        first, last = (bisect_left(cues, time_s, key=lambda cue: cue.time_s) for time_s in (start_s, end_s))
        return cues[first:last]

    def all(self) -> tuple[Cue, ...]:
        """All cues, which are so many that they can be given back: the clip is looked at to its end."""
        if self.watching is None:
            return self.given
        self.watching.whole()
        strongest = sorted(self.watching.cues, key=lambda cue: cue.strength, reverse=True)[:MAX_CUES]
        return tuple(sorted(strongest, key=lambda cue: cue.time_s))

    def why_silent(self, watching: Watching) -> str | None:
        """Why there is nothing to make a layer of, for the user: it is silent then, whatever a model would invent.

        None: there is something asked for, something that strikes, or a picture in which something moves (which is no
        reason for effects where nothing strikes).
        """
        if self.layer.prompt or self.given:
            return None
        struck_only = self.seen and self.layer.name == "effects"
        if (not struck_only and watching.moves()) or (self.seen and watching.strikes()):
            return None
        return f"{'nothing is seen to strike' if watching.moves() else 'nothing moves in the picture'}, {_WORDLESS}"


def following(layer: Layer, clip: Clip, watching: Watching, card: ModelCard) -> Following:
    """What a model lets a layer follow in a clip."""
    if not card.follows_cues:
        return Following(layer)
    given = sorted((cue for cue in layer.cues if clip.start_s <= cue.time_s < clip.end_s), key=lambda cue: cue.time_s)
    if given or layer.name not in _STRUCK or not watching.finds_events():
        return Following(layer, tuple(given))
    return Following(layer, watching=watching)
