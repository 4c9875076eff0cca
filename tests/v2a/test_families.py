"""What the recipe promises to any family: exact times at latent rates that are no whole number, whole windows for short
clips, takes that share a pass, and models that look for no events and take no cues."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction as F

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

import v2a
from tests.v2a.test_decoding import Still
from tests.v2a.watchful_model import small_card
from v2a.cards import Fade
from v2a.decoding import decoded, n_stretches
from v2a.errors import MediaError
from v2a.evaluate.soundtracks import Pictures
from v2a.models.base import Conditions, Frames, OnPart, Seen
from v2a.request import Clip, Cue, Layer, LayerName, Piece, Request, Sampling
from v2a.sampling import noise
from v2a.windows import Window

RATE_HZ = 44_100
STEPS = 3


@dataclass(frozen=True)
class Wanted(Conditions):
    """Latents (B, L, 3) that the flow leads to; wanted: (B,) 1.0, or 0.0 where it leaves the noise as it is."""

    latents: Tensor
    wanted: Tensor


class FractionalModel:
    """A family of its own: 43.07 tokens a second, windows of about a second that it pads, four takes in a pass.

    Its latents are a cue's strength and where in the token it lies, and a constant; its sound is a click of that
    strength at that sample, over that constant. aims: else it leaves the noise as it is, and sounds that.
    rows: of each evaluation. decoded: tokens of each stretch.
    """

    precision = "bfloat16"

    def __init__(self, *, aims: bool = True, fade: Fade = "linear", follows_cues: bool = True) -> None:
        self.card = replace(
            small_card(),
            sample_rate_hz=RATE_HZ, samples_per_token=1_024, latent_dim=3, window_tokens=43, overlap_tokens=8,
            pads=True, follows_cues=follows_cues, schedule="linear", takes_together=4, decode_tokens=100,
            decode_overlap_tokens=10, decode_fade=fade, layers=("mix",),
        )  # fmt: skip
        self.device = torch.device("cpu")
        self.aims = aims
        self.rows: list[int] = []
        self.prepared: list[Window] = []
        self.decoded: list[int] = []

    def encode_video(self, frames: Frames, windows: Sequence[Window], on_part: OnPart) -> Iterator[Seen]:
        for window in windows:
            on_part(window.index, len(windows))
            frames([self.card.token_s(token) for token in range(window.start, window.end)], None)
            yield {"nothing": torch.zeros(1)}

    def seen_events(self, seen: Seen) -> list[tuple[float, float]] | None:
        return None

    def text_warnings(self, text: str) -> list[str]:
        return [f"'{text}' is long"] if len(text) > 10 else []

    def prepare(
        self,
        seen: Seen,
        window: Window,
        text: str,
        negative_text: str,
        cues: Sequence[tuple[float, float]] | None,
        layer: LayerName,
    ) -> tuple[Wanted, Wanted]:
        self.prepared.append(window)
        latents = torch.zeros(1, window.n_tokens, 3)
        latents[..., 2] = 0.25
        for position, strength in cues or ():
            latents[0, int(position), 0], latents[0, int(position), 1] = strength, position % 1
        wanted = Wanted(latents, torch.tensor([float(self.aims)]))
        return wanted, wanted

    def velocity(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        assert isinstance(conditions, Wanted)
        assert len(conditions.latents) == len(t)
        self.rows.append(len(t))
        x = x.repeat(len(t) // len(x), 1, 1)
        return conditions.wanted[:, None, None] * (conditions.latents - x) / (1 - t)[:, None, None]

    def decode(self, latents: Tensor, seed: int) -> Tensor:
        self.decoded.append(len(latents))
        if not self.aims:
            return latents[:, 0].repeat_interleave(self.card.samples_per_token)[None]
        samples = latents[:, 2].repeat_interleave(self.card.samples_per_token)
        for token in (latents[:, 0] > 0.1).nonzero()[:, 0].tolist():
            samples[token * 1_024 + round(latents[token, 1].item() * 1_024)] += latents[token, 0]
        return samples[None]


class Torn(Pictures):
    """A film that cannot be read from some time on."""

    def read(
        self, times_s: Sequence[F], size: tuple[int, int], until_s: Sequence[F] | None = None
    ) -> npt.NDArray[np.uint8]:
        if times_s[-1] > 2:
            raise MediaError("torn")
        return super().read(times_s, size, until_s)


def test_of_a_film_that_is_torn_no_take_is_taken_for_whole() -> None:
    film = Torn(np.arange(100, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(8, 2) * 2, 25)
    takes = list(v2a.generate(FractionalModel(), film, request(F(4), takes=5), lambda _: None))  # of two passes
    assert len(takes) == 5
    for _ in range(2):
        for take in takes:
            with pytest.raises(MediaError, match="torn"):
                list(take.blocks)


def request(duration_s: F, layer: Layer | None = None, start_s: F = F(0), takes: int = 1) -> Request:
    clip = Clip("0" * 64, (Piece(start_s, start_s + duration_s, start_s, start_s + duration_s),))
    sampling = Sampling(seed=7, takes=takes, steps=STEPS, guidance=2.0)
    return Request(clip, "pocket", "", (layer or Layer(prompt="a click"),), sampling)


def make(model: FractionalModel, wanted: Request, *, one_by_one: bool = False) -> list[v2a.Take]:
    return list(v2a.generate(model, Still(F(100)), wanted, lambda _: None, one_by_one=one_by_one))


@pytest.mark.parametrize("start_s", [F(0), F(7, 3)])
def test_cues_sound_at_their_sample_in_every_window(start_s: F) -> None:
    """40 s are 1,723 tokens in 50 windows, decoded in 18 stretches."""
    first = round(start_s * RATE_HZ)
    samples = [3, 44_099, 350_001, 700_123, 1_024_000, 1_763_999]
    cues = tuple(Cue(F(first + sample, RATE_HZ)) for sample in samples)
    (take,) = make(FractionalModel(), request(F(40), Layer(prompt="a click", cues=cues), F(first, RATE_HZ)))
    assert take.audio.n_samples == 40 * RATE_HZ
    assert np.flatnonzero(take.audio.samples[0] > 0.6).tolist() == samples
    assert take.cues == cues


@pytest.mark.parametrize(("fade", "loudest"), [("linear", 0.25), ("equal-power", 0.25 * 2**0.5)])
def test_stretches_of_the_same_waveform_are_joined_without_a_bulge(fade: Fade, loudest: float) -> None:
    (take,) = make(FractionalModel(fade=fade), request(F(10)))
    assert take.audio.samples.max() == pytest.approx(loudest, rel=1e-5)
    assert take.audio.samples.min() == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("duration_s", [F(1, 25), F(3, 10), F(1), F(1001, 1000), F(8)])
def test_lengths_are_exact_and_a_short_clip_is_made_as_a_whole_window(duration_s: F) -> None:
    model, wanted = FractionalModel(), request(duration_s, start_s=F(1, 3))
    (take,) = make(model, wanted)
    assert take.audio.n_samples == wanted.clip.n_samples(RATE_HZ)
    assert {window.n_tokens for window in model.prepared} == {43}
    n_tokens = model.card.n_tokens(wanted.clip)
    assert sum(model.decoded) >= n_tokens
    assert min(model.decoded) >= min(max(n_tokens, 43), 100), "decoded whole, and cut then"


@pytest.mark.parametrize("n_tokens", [43, 100, 101, 109, 110, 111, 191, 200, 201, 345])
def test_no_stretch_is_shorter_than_the_others(n_tokens: int) -> None:
    """And the sound is that of the latents, where neighbouring stretches sound alike."""
    model, latents = FractionalModel(aims=False), torch.rand(n_tokens, 3, generator=torch.Generator().manual_seed(1))
    stretches: list[None] = []
    for n_part in (7, 1_000):
        parts = (latents[start : start + n_part] for start in range(0, n_tokens, n_part))
        blocks = list(decoded(model, parts, n_tokens, 0, lambda: stretches.append(None)))
        samples = np.concatenate([block.samples for block in blocks], axis=1)
        expected = latents[:, 0].repeat_interleave(1_024)[None].numpy()
        np.testing.assert_allclose(samples, expected, rtol=0, atol=1e-6)
    assert {min(n, 100) for n in model.decoded} == {min(n_tokens, 100)}
    assert max(model.decoded) <= 110
    assert len(stretches) == len(model.decoded) == 2 * n_stretches(model.card, n_tokens)


def test_takes_share_a_pass_and_are_those_made_alone() -> None:
    wanted = request(F(9, 10), takes=6)
    model = FractionalModel(aims=False)
    together = [take.audio.samples for take in make(model, wanted)]
    assert model.rows == [8] * STEPS + [4] * STEPS, "four takes, then two, each with guidance"
    alone = FractionalModel(aims=False)
    for take, samples in zip(make(alone, wanted, one_by_one=True), together, strict=True):
        drawn = noise(7, "0" * 64, "mix", take.index, 0, (43, 3))[:, 0].repeat_interleave(1_024)
        np.testing.assert_array_equal(samples[0], drawn[: samples.shape[1]])
        np.testing.assert_array_equal(take.audio.samples, samples)
    assert alone.rows == [1] * (6 * 2 * STEPS)


def test_takes_may_be_heard_in_any_order_and_are_sampled_once() -> None:
    model, wanted = FractionalModel(aims=False), request(F(5), takes=3)
    plain = [take.audio.samples for take in make(model, wanted)]
    n_passes = len(model.rows)
    for take in reversed(make(model, wanted)):
        np.testing.assert_array_equal(take.audio.samples, plain[take.index])
    assert len(model.rows) == 2 * n_passes


def test_takes_that_share_a_pass_still_stream() -> None:
    model = FractionalModel()
    first, *_ = v2a.generate(model, Still(F(100)), request(F(60), takes=3), lambda _: None)
    next(first.blocks)
    assert len(model.prepared) == 3, "the windows of the first 100 tokens"


def test_steps_are_counted_over_passes_and_stretches_over_takes() -> None:
    steps: list[v2a.Progress] = []
    model, wanted = FractionalModel(), request(F(5), takes=6)
    for take in v2a.generate(model, Still(F(100)), wanted, steps.append):
        list(take.blocks)
    for stage, total in (("sampling", 2 * STEPS * 6), ("decoding", 3 * 6)):
        counted = [(step.step, step.total) for step in steps if step.stage == stage]
        assert counted == [(done, total) for done in range(total)], stage


def test_a_model_that_looks_for_no_events_goes_by_words_and_by_whether_anything_moves() -> None:
    (worded,) = make(FractionalModel(), request(F(1)))
    assert worded.audio.samples.any()
    assert (worded.cues, worded.cues_seen) == ((), False)
    (still,) = make(FractionalModel(), request(F(1), Layer()))
    assert not still.audio.samples.any()
    frames = np.zeros((25, 8, 8), np.uint8)
    frames[12:] = 200
    (moving,) = v2a.generate(FractionalModel(), Pictures(frames, 25), request(F(1), Layer()), lambda _: None)
    assert moving.audio.samples.any()


def test_cues_that_a_model_cannot_follow_are_named_and_left_out() -> None:
    model = FractionalModel(follows_cues=False)
    layer = Layer(prompt="a long description", negative_prompt="a long description", cues=(Cue(F(1, 2)),))
    (take,) = make(model, request(F(1), layer))
    assert take.audio.samples.max() == pytest.approx(0.25)
    assert (take.cues, take.cues_seen) == ((), False)
    cues, text = take.warnings
    assert "cannot be given cues" in cues
    assert text == "'a long description' is long"
