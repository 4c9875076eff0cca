"""What can be told of a film's timing without making a sound: the baselines of the timing measures."""

from fractions import Fraction

from v2a.evaluate.soundtracks import NO_DIGEST, moving
from v2a.evaluate.timing import motion_peaks
from v2a.media.source import FrameSource
from v2a.models.base import Model
from v2a.request import Clip
from v2a.watching import Watching
from v2a.windows import plan_windows

_SIZE = (128, 128)  # pixels, of frames in which motion is looked for


def without_sound(model: Model, source: FrameSource, length_s: Fraction) -> dict[str, list[float]]:
    """The baselines of a film from its start on: for each line of the tables, times in seconds.

    `eyes`: the events that the model itself sees, where it looks for any; `motion peaks`: at its frame rate.
    """
    card, found = model.card, {}
    clip = Clip(NO_DIGEST, moving(Fraction(0), length_s))
    windows = tuple(plan_windows(card.n_tokens(clip), card))
    watching = Watching(model, source, clip, windows, lambda *_: None)
    watching.whole()
    if watching.finds_events():
        found["eyes"] = [float(cue.time_s) for cue in watching.cues]
    middles = [(frame + Fraction(1, 2)) / card.frame_rate for frame in range(int(length_s * card.frame_rate))]
    found["motion peaks"] = motion_peaks(source.read(middles, _SIZE).mean(-1), card.frame_rate)
    return found
