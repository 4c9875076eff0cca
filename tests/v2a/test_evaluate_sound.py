"""Measures of the sound itself, and of what it is, on noise, clicks, tones and steps."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.signal import butter, sosfilt

from v2a.evaluate import spectra
from v2a.evaluate.classifier import Classifier, folds, statistics
from v2a.evaluate.sound import join_percentiles, lossless
from v2a.evaluate.wordlist import CLASSES, UNWANTED, class_of
from v2a.models.pocket.codec import Codec
from v2a.train import vocabulary

RATE = 48_000

Samples = npt.NDArray[np.float32]


def noise(seconds: float, seed: int = 0) -> Samples:
    return np.asarray(0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE)), np.float32)


def low(samples: Samples, hz: float = 2_000.0) -> Samples:
    return np.asarray(sosfilt(butter(8, hz, fs=RATE, output="sos"), samples), np.float32)


def tone(seconds: float, hz: float) -> Samples:
    return np.asarray(0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE), np.float32)


def clicks(seconds: float, seed: int = 0) -> Samples:
    out = np.zeros(round(seconds * RATE), np.float32)
    out[np.random.default_rng(seed).integers(0, len(out), round(6 * seconds))] = 0.9
    return out


def test_noise_is_as_rough_as_theory_says() -> None:
    assert spectra.roughness(noise(1), RATE) == pytest.approx(5.57, abs=0.3)
    assert spectra.roughness(np.zeros(RATE, np.float32), RATE) == 0.0


def test_rolloff_peak_and_attack() -> None:
    assert spectra.rolloff_hz(low(noise(1)), RATE) == pytest.approx(2_000, rel=0.2)
    assert spectra.rolloff_hz(noise(1), RATE) == pytest.approx(0.99 * RATE / 2, rel=0.02)
    between = np.asarray(np.sin(np.pi / 4 + np.pi / 2 * np.arange(RATE)), np.float32)  # peaks lie between samples
    assert spectra.true_peak_dbtp(between) > 20 * np.log10(np.abs(between).max()) + 2
    assert spectra.true_peak_dbtp(np.zeros(100, np.float32)) == -120
    smeared = np.convolve(clicks(1), np.hanning(2_400) / 1_200, "same").astype(np.float32)
    assert spectra.attack(smeared, RATE) < 0.5 * spectra.attack(clicks(1), RATE)


def test_distances_tell_other_spectra_from_other_takes_of_the_same() -> None:
    a, b, c = (spectra.long_term(x, RATE) for x in (noise(2), 3 * noise(2, seed=1), low(noise(2, seed=2))))
    assert spectra.spectral_distance(a, b) < 1
    assert spectra.spectral_distance(a, c) > 5
    assert spectra.mel_distance(noise(1), noise(1), RATE) == 0
    assert spectra.log_spectral_distance(noise(1), np.float32(2) * noise(1), RATE) == pytest.approx(6.02, abs=0.01)


def test_the_classifier_tells_noise_clicks_and_tones_apart() -> None:
    made = [(0, noise(1, k)) for k in range(6)]
    made += [(1, clicks(1, k)) for k in range(6)]
    made += [(2, tone(1, 300 + 100 * k)) for k in range(6)]
    rows, kinds = [statistics(samples, RATE) for _, samples in made], [kind for kind, _ in made]
    classifier = Classifier(rows, kinds, 3)
    for kind, other in ((0, noise(1, 9)), (1, clicks(2, 9)), (2, tone(1, 750))):
        probabilities = classifier.probabilities(statistics(other, RATE))
        assert probabilities.argmax() == kind
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_folds_never_split_a_family() -> None:
    groups = ["a", "a", "b", "c", "c", "d", "e", "f"]
    fold = folds(groups, [0, 0, 0, 0, 0, 1, 1, 1], 3)
    assert fold[0] == fold[1]
    assert fold[3] == fold[4]
    assert set(fold) == {0, 1, 2}


def test_a_lossless_code_costs_no_more_than_its_phases() -> None:
    codec = lossless(Codec())  # its own code is not fitted and keeps nothing
    samples = noise(0.96)
    decoded = codec.decode(codec.encode(torch.from_numpy(samples)[None])[0], 0).numpy()
    assert spectra.mel_distance(samples, decoded, RATE) < 2


def test_a_step_at_a_join_sticks_out_and_an_even_noise_does_not() -> None:
    even = noise(20)
    stretches = [(6.0, 7.0), (13.0, 14.0)]
    assert max(level for _, level in join_percentiles(even, RATE, stretches)) < 100
    stepped = even.copy()
    stepped[round(6.5 * RATE) :] *= 3
    first, second = join_percentiles(stepped, RATE, stretches)
    assert first == (100.0, 100.0)
    assert second[1] < 100


def test_paraphrases_are_words_that_training_never_used() -> None:
    assert len(CLASSES) >= 15
    said = {phrase for kind in (*vocabulary.EVENT_CLASSES, *vocabulary.BED_CLASSES) for phrase in kind.phrases}
    said |= {phrase for phrases in vocabulary.MOTION_PHRASES.values() for phrase in phrases}
    assert not {words for one in CLASSES for words in one.paraphrases} & said
    names = [one.name for one in CLASSES]
    for pair in UNWANTED:
        assert all(CLASSES[names.index(name)].kind == "ambience" for name in pair)


def test_labels_find_their_class() -> None:
    found = {label: class_of(label) for label in ("rain", "rain thunder", "wind chimes", "Dog bark", "rifle cock")}
    names = {label: None if k is None else CLASSES[k].name for label, k in found.items()}
    assert names == {"rain": "rain", "rain thunder": None, "wind chimes": None, "Dog bark": "dog", "rifle cock": None}
