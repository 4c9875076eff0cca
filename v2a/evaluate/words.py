"""Do words choose the sound? The pictures show nothing, so that only words can.

A classifier trained on real recordings (`v2a.evaluate.classifier`) says what each sound is:

* `recordings`: recordings of families it was not trained on, by fivefold cross-validation: the ceiling;
* `generated`: ambiences of a held black frame, and events at cues a second apart; asked for by a plain word of the
  training (`words`) and in words that training never used (`paraphrases`). `probability` is what the classifier gives
  the class that was asked for;
* `unwanted words`: two ambiences asked for at once, with and without one of them as the negative prompt, with the
  same seeds: does what is unwanted become less probable?
* `variety`: distance of long-term spectra between takes of one prompt with different seeds, over that between real
  recordings of different families of the class: 1 is as varied as the recordings.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations

import numpy as np

from v2a.audio import Audio
from v2a.evaluate.classifier import Classifier, Numbers, folds, statistics
from v2a.evaluate.report import Counts
from v2a.evaluate.results import Result, ratio, result
from v2a.evaluate.soundtracks import black, cues_at, held, soundtrack
from v2a.evaluate.spectra import Samples, long_term, spectral_distance
from v2a.evaluate.wordlist import CLASSES, UNWANTED, WordClass, class_of
from v2a.models.base import Model
from v2a.request import Layer, Quality, Sampling
from v2a.train.recordings import RATE_HZ, SoundBank

NOTES = {
    "recordings": "Recordings of families the classifier was not trained on; intervals by drawing families again. "
    "`balanced` weighs each class alike.",
    "generated": "What the classifier, trained on the recordings the model was trained on, makes of generated sound; "
    f"chance is {1 / len(CLASSES):.2f}. Intervals by drawing classes again.",
    "unwanted words": "Two ambiences asked for, one of them also unwanted. Intervals by drawing pairs again.",
    "variety": "Mean distance of long-term spectra, dB, between takes and between recordings of a class.",
    "by class": "Top-1 of each class: recordings by cross-validation, with intervals by drawing families again; of the "
    "few takes of one class, intervals say little.",
    "asked and found": "Plain words: rows were asked for, columns are what the classifier found.",
}

log = logging.getLogger(__name__)

_LENGTH = Fraction(6)
_CUES_S = (0.5, 1.5, 2.5, 3.5, 4.5)
_EVENT_S = 0.66  # of an event that is listened to
_BEFORE_S = 0.02
_LONGEST_S = 10  # of a recording
_FOLDS = 5
_MOST_RECORDINGS = 12  # of a class, for their distances
_KINDS = ("ambience", "effects")


@dataclass(frozen=True)
class Recording:
    """A real recording of a class."""

    kind: int
    family: str
    samples: Samples
    rows: Numbers


@dataclass(frozen=True)
class Answer:
    """A generated sound: the class asked for, and what the classifier says."""

    kind: int
    words: str
    audio: Audio
    probabilities: Numbers

    @property
    def right(self) -> bool:
        """True where the class asked for is the most probable."""
        return int(self.probabilities.argmax()) == self.kind

    @property
    def near(self) -> bool:
        """True where it is among the three most probable."""
        return self.kind in self.probabilities.argsort()[-3:]


def recordings(bank: SoundBank) -> list[Recording]:
    """The bank's recordings of all classes."""
    found = []
    for sound in bank.sounds:
        kind = None if sound.role == "music" else class_of(sound.label)
        if kind is not None:
            samples = bank.samples(sound)[: _LONGEST_S * RATE_HZ]
            found.append(Recording(kind, sound.family, samples, statistics(samples, RATE_HZ)))
    return found


def ask(model: Model, one: WordClass, words: str, sampling: Sampling, unwanted: str = "") -> Audio:
    """Six seconds asked for by words alone: an ambience, or events at five cues."""
    cues = cues_at((time, 1.0) for time in _CUES_S) if one.kind == "effects" else ()
    layer = Layer(one.kind, words, unwanted, cues)
    return soundtrack(model, black(), held(_LENGTH), layer, sampling)


def listen(classifier: Classifier, one: WordClass, audio: Audio) -> Numbers:
    """Probabilities of the classes for what `ask` made."""
    return classifier.probabilities(np.concatenate([statistics(part, audio.rate_hz) for part in parts(one, audio)]))


def parts(one: WordClass, audio: Audio) -> list[Samples]:
    """The stretches of what `ask` made that hold the sound: all of an ambience, what follows each cue of events."""
    mono = audio.samples.mean(0)
    if one.kind == "ambience":
        return [mono]
    starts = [round((time - _BEFORE_S) * audio.rate_hz) for time in _CUES_S]
    return [mono[start : start + round(_EVENT_S * audio.rate_hz)] for start in starts]


def measure_words(
    model: Model, trained: SoundBank, held_out: SoundBank, *, n_seeds: int, quality: Quality
) -> tuple[list[Result], list[Counts]]:
    """The tables of `NOTES`. trained, held_out: the recordings that the model was and was not trained on."""
    known, unknown = recordings(trained), recordings(held_out)
    log.info("cross-validation on %d recordings", len(known) + len(unknown))
    real = [*known, *unknown]
    said = _cross_validated(real)
    classifier = Classifier([one.rows for one in known], [one.kind for one in known], len(CLASSES))
    sampling = Sampling(quality=quality)

    plain = list(_answers(model, classifier, ((k, c.prompt) for k, c in enumerate(CLASSES)), n_seeds, sampling))
    others = ((k, words) for k, c in enumerate(CLASSES) for words in c.paraphrases)
    paraphrased = list(_answers(model, classifier, others, 1, sampling))
    results = [*_of_recordings(real, said), *_of_generated("words", plain), *_of_generated("paraphrases", paraphrased)]
    results += _unwanted(model, classifier, max(n_seeds - 1, 1), sampling)
    results += _variety(real, plain)
    results += _by_class(real, said, {"words": plain, "paraphrases": paraphrased})
    names = [one.name for one in CLASSES]
    cells = [np.bincount([a.probabilities.argmax() for a in plain if a.kind == k], minlength=len(names)).tolist()
             for k in range(len(names))]  # fmt: skip
    return results, [Counts("asked and found", names, names, cells)]


def _cross_validated(real: Sequence[Recording]) -> list[Numbers]:
    """What classifiers say of recordings whose families they were not trained on."""
    fold = folds([one.family for one in real], [one.kind for one in real], _FOLDS)
    said: dict[int, Numbers] = {}
    for number in range(_FOLDS):
        rest = [one for one, k in zip(real, fold, strict=True) if k != number]
        if number not in fold or not rest:
            continue
        classifier = Classifier([one.rows for one in rest], [one.kind for one in rest], len(CLASSES))
        said |= {i: classifier.probabilities(real[i].rows) for i, k in enumerate(fold) if k == number}
    return [said[i] for i in range(len(real))]


def _of_recordings(real: Sequence[Recording], said: Sequence[Numbers]) -> list[Result]:
    sizes = np.bincount([one.kind for one in real], minlength=len(CLASSES))
    results = []
    for name in ("all", *_KINDS):
        sums: dict[str, Numbers] = {}
        for one, p in zip(real, said, strict=True):
            if name in ("all", CLASSES[one.kind].kind):
                weight, right = 1 / sizes[one.kind], float(p.argmax() == one.kind)
                row = np.array([right, 1.0, one.kind in p.argsort()[-3:], right * weight, weight, p[one.kind]])
                sums[one.family] = sums.get(one.family, np.zeros(6)) + row
        rows = np.array(list(sums.values())).reshape(-1, 6)
        columns = {"top-1": (0, 1), "top-3": (2, 1), "balanced top-1": (3, 4), "probability": (5, 1)}
        results += [result("recordings", name, measure, rows[:, list(c)], ratio) for measure, c in columns.items()]
    return results


def _by_class(
    real: Sequence[Recording], said: Sequence[Numbers], generated: dict[str, Sequence[Answer]]
) -> list[Result]:
    results = []
    for k, one in enumerate(CLASSES):
        families: dict[str, list[float]] = {}
        for p, r in zip(said, real, strict=True):
            if r.kind == k:
                families.setdefault(r.family, []).append(float(p.argmax() == k))
        rows = np.array([(sum(right), len(right)) for right in families.values()]).reshape(-1, 2)
        results.append(result("by class", one.name, "recordings", rows, ratio))
        for name, answers in generated.items():
            results.append(result("by class", one.name, name, [float(a.right) for a in answers if a.kind == k]))
    return results


def _answers(
    model: Model, classifier: Classifier, prompts: Iterable[tuple[int, str]], n_seeds: int, sampling: Sampling
) -> Iterator[Answer]:
    for kind, words in prompts:
        log.info("%s: '%s'", CLASSES[kind].name, words)
        for seed in range(n_seeds):
            audio = ask(model, CLASSES[kind], words, replace(sampling, seed=seed))
            yield Answer(kind, words, audio, listen(classifier, CLASSES[kind], audio))


def _of_generated(name: str, answers: Sequence[Answer]) -> list[Result]:
    results = []
    for which in ("all", *_KINDS):
        by_class: dict[int, list[tuple[float, float, float, float]]] = {}
        for a in answers:
            if which in ("all", CLASSES[a.kind].kind):
                row = (float(a.right), float(a.near), float(a.probabilities[a.kind]), 1.0)
                by_class.setdefault(a.kind, []).append(row)
        rows = np.array([np.sum(rows, 0) for rows in by_class.values()]).reshape(-1, 4)
        for column, measure in enumerate(("top-1", "top-3", "probability")):
            results.append(result("generated", f"{name}, {which}", measure, rows[:, [column, 3]], ratio))
    return results


def _unwanted(model: Model, classifier: Classifier, n_seeds: int, sampling: Sampling) -> list[Result]:
    place = {one.name: k for k, one in enumerate(CLASSES)}
    rows = []
    for kept, unwanted in UNWANTED:
        log.info("%s without %s", kept, unwanted)
        one, other = CLASSES[place[kept]], CLASSES[place[unwanted]]
        words = f"{one.prompt}, {other.prompt}"
        row = np.zeros(6)
        for seed in range(n_seeds):
            chosen = replace(sampling, seed=seed)
            before, after = (
                listen(classifier, one, ask(model, one, words, chosen, unwanted=no)) for no in ("", other.prompt)
            )
            bad, good = place[unwanted], place[kept]
            row += [after[bad] < before[bad], before[bad], after[bad], before[good], after[good], 1.0]
        rows.append(row)
    table = np.array(rows)
    measures = ("falls", "unwanted, before", "unwanted, after", "kept, before", "kept, after")
    return [result("unwanted words", "pairs", name, table[:, [k, 5]], ratio) for k, name in enumerate(measures)]


def _variety(real: Sequence[Recording], answers: Sequence[Answer]) -> list[Result]:
    results = []
    for kind in _KINDS:
        rows = []
        for k, one in enumerate(CLASSES):
            made = [long_term(np.concatenate(parts(one, a.audio)), a.audio.rate_hz) for a in answers if a.kind == k]
            between = real_distance([r for r in real if r.kind == k])
            if one.kind == kind and len(made) > 1 and between is not None:
                rows.append((np.mean([spectral_distance(a, b) for a, b in combinations(made, 2)]), between, 1.0))
        table = np.array(rows).reshape(-1, 3)
        results += [
            result("variety", kind, "between takes, dB", table[:, [0, 2]], ratio),
            result("variety", kind, "between recordings, dB", table[:, [1, 2]], ratio),
            result("variety", kind, "takes over recordings", table[:, [0, 1]], ratio),
        ]
    return results


def real_distance(real: Sequence[Recording]) -> float | None:
    """Mean distance of the long-term spectra of a class's recordings of different families; None where it has one."""
    some = one_a_family(real)
    spectra = [long_term(one.samples, RATE_HZ) for one in some]
    distances = [spectral_distance(a, b) for a, b in combinations(spectra, 2)]
    return float(np.mean(distances)) if distances else None


def one_a_family(real: Sequence[Recording]) -> list[Recording]:
    """The first recording of each of up to twelve families."""
    first: dict[str, Recording] = {}
    for one in real:
        first.setdefault(one.family, one)
    return list(first.values())[:_MOST_RECORDINGS]
