"""Which cues a layer's sound follows: those that were given, else the events that the model saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from v2a.cards import ModelCard
from v2a.request import MAX_CUES, Clip, Cue, Layer, LayerName

# The layers that sound what is seen to happen; the others go on through it.
_STRUCK: tuple[LayerName, ...] = ("mix", "effects")
# Events seen get times and strengths on these grids, so that they can be written in few digits, and sent back as
# cues mean the very same.
_TIMES_A_SECOND = 10_000
_STRENGTHS = 1_024


@dataclass(frozen=True)
class Following:
    """The cues, inside the clip and ascending, that a layer follows.

    None: there are none to follow, and words and pictures alone decide; empty: nothing strikes.
    seen: nobody gave them; the model looked for them.
    """

    cues: tuple[Cue, ...] | None
    seen: bool

    def sounds(self, layer: Layer, moves: bool) -> bool:
        """Whether there is anything to make a layer of: something asked for, something that strikes, or a picture in
        which something moves (which is no reason for effects where nothing strikes). Else the layer is silent,
        whatever a model would invent."""
        if layer.prompt or self.cues:
            return True
        return moves and not (layer.name == "effects" and self.cues is not None)


def following(layer: Layer, clip: Clip, seen: Sequence[Cue] | None, card: ModelCard) -> Following:
    """What a model lets a layer follow in a clip in which these events were seen; None: it did not look for any."""
    if not card.follows_cues:
        return Following(None, seen=False)
    given = sorted((cue for cue in layer.cues if clip.start_s <= cue.time_s < clip.end_s), key=lambda cue: cue.time_s)
    if given or seen is None or layer.name not in _STRUCK:
        return Following(tuple(given) or None, seen=False)
    # Where nothing is seen to strike, words may still name what does.
    return Following(tuple(seen) if seen or not layer.prompt else None, seen=True)


def cues_from(events: Sequence[tuple[float, float]], clip: Clip, latent_rate: Fraction) -> tuple[Cue, ...]:
    """Events seen, (tokens from the clip's start, strength), as cues; the strongest where they are too many."""
    cues = []
    for position, strength in events:
        exact_s = clip.start_s + Fraction(position) / latent_rate
        # Up, so that an event of the first instant does not fall before the clip.
        time_s = Fraction(ceil(exact_s * _TIMES_A_SECOND), _TIMES_A_SECOND)
        step = min(round(strength * _STRENGTHS), _STRENGTHS)
        if step > 0 and clip.start_s <= time_s < clip.end_s:
            cues.append(Cue(time_s, step / _STRENGTHS))
    strongest = sorted(cues, key=lambda cue: cue.strength, reverse=True)[:MAX_CUES]
    return tuple(sorted(strongest, key=lambda cue: cue.time_s))
