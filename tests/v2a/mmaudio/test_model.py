"""The family end to end at reduced width: lengths, seeds, words, threads, stopping, files."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction as F
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import v2a
from benchmarks.mmaudio.installing import install
from tests.v2a.mmaudio.conftest import TINY
from v2a.cards import card
from v2a.errors import CancelledError, GenerationError
from v2a.media import VideoFile
from v2a.models.base import Frames, Model
from v2a.models.mmaudio.model import MMAudioModel, automatic_precision, load, load_part
from v2a.models.mmaudio.parts import PARTS
from v2a.models.mmaudio.seeing import Eyes
from v2a.models.mmaudio.variants import MEL_44K, VARIANTS, VaeConfig
from v2a.request import Clip, Cue, Layer, Piece, Request, Sampling
from v2a.watching import Watching
from v2a.windows import Window

MakeFilm = Callable[..., Path]
WINDOW = Window(0, 0, 250, 0)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, make_film: MakeFilm) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4", F(24_000, 1001), 300, size=(48, 64))


def request(model: Model, start: F, end: F, layer: Layer | None = None, **sampling: int) -> Request:
    return Request(
        clip=Clip("0" * 64, (Piece(start, end, start, end),)),
        model=TINY,
        model_digest=model.card.digest,
        layers=(layer or Layer(),),
        sampling=Sampling(**{"steps": 2, **sampling}),  # type: ignore[arg-type]
    )


def made(model: Model, path: Path, wanted: Request) -> list[npt.NDArray[np.float32]]:
    with VideoFile(path) as film:
        return [take.audio.samples for take in v2a.generate(model, film, wanted, lambda _: None)]


@pytest.fixture(scope="module")
def plain(tiny: Model, path: Path) -> npt.NDArray[np.float32]:
    """The first second, without words."""
    return made(tiny, path, request(tiny, F(0), F(1)))[0]


@pytest.fixture(scope="module")
def seen(tiny: Model) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {"clip": torch.randn(64, 64, generator=generator), "sync": torch.randn(192, 48, generator=generator)}


@pytest.mark.parametrize(
    ("start", "end"), [(F(1, 3), F(2, 3)), (F(1001, 24_000), F(3)), (F(0), F(8)), (F(1, 7), F(12))]
)
def test_a_take_has_exactly_the_clips_samples(tiny: Model, path: Path, start: F, end: F) -> None:
    wanted = request(tiny, start, end)
    (samples,) = made(tiny, path, wanted)
    assert samples.shape == (1, wanted.clip.n_samples(16_000))
    assert np.isfinite(samples).all()
    assert samples.std() > 1e-4


def test_eight_seconds_at_44_100_hz_are_not_480_samples_too_long(
    tiny: Model, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow, large = VARIANTS["mmaudio-tiny-16k"], VARIANTS["mmaudio-large-44k"]
    wide = replace(
        narrow,
        flow=replace(narrow.flow, latent_dim=40),
        vae=VaeConfig(data_dim=128, embed_dim=40, hidden_dim=16),
        mel=MEL_44K,
        vocoder=replace(large.vocoder, channels=64),
        window_tokens=345,
    )
    monkeypatch.setitem(VARIANTS, "wide", wide)
    narrower = replace(tiny.card, variant="wide", sample_rate_hz=44_100, samples_per_token=1024, latent_dim=40)
    whole = replace(narrower, window_tokens=345, decode_tokens=345)
    (samples,) = made(load(whole, torch.device("cpu"), "float32"), path, request(tiny, F(0), F(8)))
    assert samples.shape == (1, 352_800)
    assert np.abs(samples[:, -480:]).max() > 0


def test_the_same_seed_gives_the_same_samples_and_another_seed_others(
    tiny: Model, path: Path, plain: npt.NDArray[np.float32]
) -> None:
    again, other = (made(tiny, path, request(tiny, F(0), F(1), seed=seed))[0] for seed in (0, 6))
    np.testing.assert_array_equal(again, plain)
    assert np.abs(other - plain).max() > 1e-4


def test_takes_made_together_sound_as_alone(tiny: Model, path: Path, plain: npt.NDArray[np.float32]) -> None:
    takes = made(tiny, path, request(tiny, F(0), F(1), takes=3))
    np.testing.assert_allclose(takes[0], plain, rtol=0, atol=1e-4 * np.abs(plain).max())
    assert np.abs(takes[1] - takes[2]).max() > 1e-4


def test_words_are_optional_and_each_changes_the_sound(tiny: Model, path: Path, plain: npt.NDArray[np.float32]) -> None:
    for layer in (Layer(prompt="rain"), Layer(negative_prompt="music")):
        assert np.abs(made(tiny, path, request(tiny, F(0), F(1), layer))[0] - plain).max() > 1e-6


def test_what_is_not_wanted_takes_the_place_of_no_words(tiny: Model, seen: dict[str, Tensor]) -> None:
    def conditions(text: str, negative: str) -> list[dict[str, Tensor]]:
        return [
            {name: value for name, value in vars(side).items() if isinstance(value, Tensor)}
            for side in tiny.prepare(seen, WINDOW, text, negative, None, "mix")
        ]

    given, opposite = conditions("rain", "")
    given_still, opposite_now = conditions("rain", "music")
    for name, value in given.items():
        torch.testing.assert_close(given_still[name], value, rtol=0, atol=0)
    assert not torch.equal(opposite["text"], opposite_now["text"])
    torch.testing.assert_close(opposite["clip"], opposite_now["clip"], rtol=0, atol=0)
    assert not torch.equal(opposite["clip"], given["clip"])  # the opposite sees nothing
    swapped, _ = conditions("music", "")
    torch.testing.assert_close(opposite_now["text"], swapped["text"], rtol=0, atol=0)


def test_requests_of_different_lengths_at_once_give_what_they_give_alone(tiny: Model, path: Path) -> None:
    wanted = [request(tiny, F(0), F(1), seed=1), request(tiny, F(1), F(10), Layer(prompt="rain"), seed=2)]
    alone = [made(tiny, path, one)[0] for one in wanted]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda one: made(tiny, path, one)[0], wanted))
    for samples, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(samples, expected)


def test_it_stops_at_the_next_step(tiny: Model, path: Path) -> None:
    told: list[tuple[str, int]] = []

    def stop(progress: v2a.Progress) -> None:
        told.append((progress.stage, progress.step))
        if told[-1] == ("sampling", 3):
            raise CancelledError("enough")

    with VideoFile(path) as film, pytest.raises(CancelledError):
        list(next(v2a.generate(tiny, film, request(tiny, F(0), F(1), steps=25), stop)).blocks)
    assert told[-4:] == [("sampling", step) for step in range(4)]


def test_what_it_cannot_do_is_said(tiny: Model, path: Path) -> None:
    long = Layer(prompt="rain on a tin roof " * 20, cues=(Cue(F(1, 2)),))
    with VideoFile(path) as film:
        (take,) = v2a.generate(tiny, film, request(tiny, F(0), F(1), long), lambda _: None)
        cues, words = take.warnings
        assert "cues" in cues
        assert "reads 77 tokens" in words
        assert "has 102" in words
        (take,) = v2a.generate(tiny, film, request(tiny, F(0), F(1), Layer(prompt="rain")), lambda _: None)
        assert take.warnings == ()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_sounds_nearly_the_same(tiny: Model, seen: dict[str, Tensor], precision: str) -> None:
    half = v2a.load_model(TINY, "cpu", precision)  # type: ignore[arg-type]
    assert half.precision == precision
    x = torch.randn(1, 250, 20, generator=torch.Generator().manual_seed(1))
    t = torch.full((1,), 0.5)
    velocities = [
        model.velocity(x, t, model.prepare(seen, WINDOW, "rain", "", None, "mix")[0]) for model in (tiny, half)
    ]
    assert velocities[1].dtype == torch.float32
    assert float((velocities[1] - velocities[0]).norm() / velocities[0].norm()) < 0.03
    # What is decoded is not rounded.
    torch.testing.assert_close(half.decode(x[0], 0), tiny.decode(x[0], 0), rtol=0, atol=1e-6)


def test_half_precision_sees_nearly_the_same(tiny: Model, path: Path) -> None:
    clip, windows = Clip("0" * 64, (Piece(F(0), F(1), F(0), F(1)),)), [WINDOW]
    models = tiny, v2a.load_model(TINY, "cpu", "bfloat16")
    with VideoFile(path) as film:
        exact, half = (Watching(model, film, clip, windows, lambda *_: None).seen(WINDOW) for model in models)
    for name, value in exact.items():
        assert half[name].dtype == torch.bfloat16
        assert float((half[name] - value).norm() / value.norm()) < 0.03


@pytest.mark.parametrize(
    ("able", "precision"),
    [({}, "float32"), ({"avx512_bf16": False, "avx2": True}, "float32"), ({"avx512_bf16": True}, "bfloat16"),
     ({"amx_bf16": True}, "bfloat16"), ({"bf16": True}, "bfloat16")],
)  # fmt: skip
def test_the_precision_is_the_processors_own(
    able: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: able)
    assert automatic_precision(torch.device("cpu")) == precision
    assert v2a.load_model(TINY, "cpu").precision == precision


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "float16"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_the_precision_is_the_cuda_devices_own(
    capability: tuple[int, int], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    assert automatic_precision(torch.device("cuda")) == precision


def test_in_turns_it_sounds_the_same(tiny: Model, path: Path, seen: dict[str, Tensor]) -> None:
    """On a CPU they go nowhere, but nothing is used out of its turn."""
    wanted = request(tiny, F(0), F(1), Layer(prompt="rain"))
    expected = made(tiny, path, wanted)[0]
    narrow = MMAudioModel(tiny.card, torch.device("cpu"), "float32", room_bytes=0)
    turns, used = narrow._turns, set[tuple[str | None, str]]()
    assert turns.taken
    with ExitStack() as hooks:
        for name, group in turns._groups.items():
            for part in (part for network in group for part in network.modules()):
                hook = part.register_forward_pre_hook(lambda *_, name=name: used.add((turns._there, name)))
                hooks.callback(hook.remove)
        np.testing.assert_array_equal(made(narrow, path, wanted)[0], expected)
        assert turns._there == "sounding"
        narrow.prepare(seen, WINDOW, "other words", "", None, "mix")
    assert used == {("seeing", "seeing"), ("sounding", "sounding")}


@pytest.mark.parametrize(("room_bytes", "ahead"), [(None, 0), (0, 4)])
def test_it_looks_no_further_than_it_must(
    tiny: Model, monkeypatch: pytest.MonkeyPatch, room_bytes: float | None, ahead: int
) -> None:
    """Where networks take turns, it looks at all windows in one."""
    looked_s = list[F]()

    def see(_: object, __: object, start_s: F, on_part: object) -> tuple[Tensor, Tensor]:
        looked_s.append(start_s)
        return torch.full((64, 64), float(start_s)), torch.full((192, 48), float(start_s))

    monkeypatch.setattr(Eyes, "see", see)
    windows = [Window(index, 125 * index, 125 * index + 250, 125 if index else 0) for index in range(5)]
    model = MMAudioModel(tiny.card, torch.device("cpu"), "float32", room_bytes=room_bytes)
    for index, seen in enumerate(model.encode_video(cast(Frames, None), windows, lambda *_: None)):
        assert looked_s == [tiny.card.token_s(window.start) for window in windows[: max(index, ahead) + 1]]
        assert {name: sorted(set(value.flatten().tolist())) for name, value in seen.items()} == {
            "clip": [float(looked_s[index])], "sync": [float(looked_s[index])]
        }  # fmt: skip


@pytest.fixture
def installed(tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same weights as files, as an installed model of another name; the vocoder's with weight norm."""
    folder = tmp_path / "models" / "mine"
    install(TINY, folder)
    monkeypatch.setenv("V2A_MODELS", str(folder.parent))
    return folder


def test_weights_are_read_from_a_cards_files(tiny: Model, installed: Path, seen: dict[str, Tensor]) -> None:
    mine = v2a.load_model("mine", "cpu", "float32")
    x = torch.randn(1, 250, 20, generator=torch.Generator().manual_seed(1))
    t = torch.full((1,), 0.5)
    velocities = [
        model.velocity(x, t, model.prepare(seen, WINDOW, "rain", "", None, "mix")[0]) for model in (tiny, mine)
    ]
    torch.testing.assert_close(velocities[0], velocities[1], rtol=0, atol=0)
    torch.testing.assert_close(mine.decode(x[0], 0), tiny.decode(x[0], 0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("part", PARTS)
def test_a_file_that_does_not_fit_is_refused_in_one_line(installed: Path, part: str) -> None:
    file = installed / f"{part}.safetensors"
    whole = load_file(file)
    key = sorted(whole)[0]
    without = {name: value for name, value in whole.items() if name != key}
    for tensors in (without, {**whole, "another": torch.zeros(1)}, {**without, key: torch.zeros(3, 1, 4)}):
        save_file(tensors, file)
        with pytest.raises(GenerationError, match="'mine' cannot be loaded") as caught:
            load_part(card("mine"), part, torch.float32)
        assert "\n" not in str(caught.value)
        assert f"'{part}'" in str(caught.value)
    file.write_bytes(b"\x80\x04nothing of the kind")
    with pytest.raises(GenerationError, match="install it again"):
        load_part(card("mine"), part, torch.float32)


def test_nothing_of_torch_is_changed_by_loading() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    assert isinstance(v2a.load_model(TINY, "cpu"), MMAudioModel)
    torch.testing.assert_close(torch.rand(1), expected, rtol=0, atol=0)
    assert torch.get_default_dtype() == torch.float32
