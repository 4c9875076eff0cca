"""Scenes that nobody drew: only what would be heard in them.

Drawing costs more than composing; how words and cues become sound can be learnt without pictures.
"""

import numpy as np

from v2a.train.scenes.film import DURATION_S, Heard
from v2a.train.scenes.motion import event_times
from v2a.train.vocabulary import CONTINUOUS_MOTIONS, EVENT_CLASSES

_STRIKING = sorted({motion for kind in EVENT_CLASSES for motion in kind.motions})
_CONTINUOUS = sorted(CONTINUOUS_MOTIONS)


_STUDIES = 0.55


def imagine(rng: np.random.Generator) -> tuple[Heard, ...]:
    """What is heard in a film of 8 s: a study of one sound, or as films have it, now and then several together.

    In studies a word is met with nothing but its sound, and that again and again.
    """
    if rng.random() < _STUDIES:
        if rng.random() < 0.3:
            return (Heard(str(rng.choice(_CONTINUOUS)), 0.0, float(DURATION_S), ()),)
        shortest = rng.uniform(0.25, 0.7)
        times = event_times(rng, float(DURATION_S), shortest, shortest * rng.uniform(1.2, 2.5))
        return (_struck(rng, times),)
    n_striking = int(rng.choice([0, 1, 2], p=[0.25, 0.6, 0.15]))
    n_continuous = int(rng.choice([0, 1, 2], p=[0.6, 0.35, 0.05]))
    heard = [_striking(rng) for _ in range(n_striking)]
    for _ in range(n_continuous):
        start, end = (0.0, float(DURATION_S)) if rng.random() < 0.7 else sorted(rng.uniform(0, DURATION_S, 2))
        if end - start > 1.0:
            heard.append(Heard(str(rng.choice(_CONTINUOUS)), float(start), float(end), ()))
    return tuple(heard)


def _striking(rng: np.random.Generator) -> Heard:
    if rng.random() < 0.2:  # a few events in a long silence
        times = sorted(rng.uniform(0.1, DURATION_S - 0.3, int(rng.integers(1, 4))).tolist())
    else:
        shortest = rng.uniform(0.15, 0.6)
        times = event_times(rng, float(DURATION_S), shortest, shortest * rng.uniform(1.5, 5.0))
    if rng.random() < 0.3:
        first, last = sorted(rng.uniform(0, DURATION_S, 2))
        times = [time for time in times if first <= time <= last]
    return _struck(rng, times)


def _struck(rng: np.random.Generator, times: list[float]) -> Heard:
    loud = rng.uniform(0.5, 1.0)
    events = tuple((time, float(np.clip(loud * rng.normal(0.9, 0.2), 0.1, 1.0))) for time in times)
    return Heard(str(rng.choice(_STRIKING)), 0.0, float(DURATION_S), events)
