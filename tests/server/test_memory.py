"""Models in memory: which stay, and what happens when there is not enough of it."""

import json
import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from torch import Tensor
from typer.testing import CliRunner

from v2a.cards import ModelCard, card
from v2a.delivery import read_ixml, read_wav
from v2a.errors import GenerationError
from v2a.media import source_digest
from v2a.models import load_model
from v2a.models.base import Conditions, Model
from v2a.models.pocket import PocketModel
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import time_pb2, worker_pb2
from v2a_server.command import serve
from v2a_server.warm import WarmModels
from v2a_server.worker import Frugality, TorchEngine
from v2a_server.worker_loop import Report


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def warm(said: list[str]) -> WarmModels[str]:
    def load(name: str) -> str:
        said.append(f"+{name}")
        return name

    sizes = {"a": 40, "b": 40, "c": 40, "large": 500}
    return WarmModels(load, sizes.__getitem__, lambda: said.append("-"), max_bytes=100, unload_after_s=3600)


def used(warm: WarmModels[str], names: Sequence[str]) -> str:
    for name in names:
        assert warm.get(name) == name
    return "".join(name for name in ("a", "b", "c", "large") if name in warm)


def test_the_models_that_were_used_last_stay_within_the_budget(warm: WarmModels[str], said: list[str]) -> None:
    assert used(warm, "aba") == "ab"
    assert used(warm, "c") == "ac"
    assert said == ["+a", "+b", "+c", "-"]
    assert used(warm, ["large"]) == "large"
    assert used(warm, "ab") == "ab"


def test_models_that_nobody_uses_go(said: list[str]) -> None:
    warm = WarmModels(str, len, lambda: said.append("-"), max_bytes=100, unload_after_s=0)
    warm.get("a")
    warm.drop_idle()
    assert "a" not in warm
    assert said == ["-"]


def test_long_work_is_use_until_its_end(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr("v2a_server.warm.time.monotonic", lambda: now_s[0])
    warm = WarmModels(str, len, lambda: said.append("-"), max_bytes=100, unload_after_s=600)
    with warm.using("a"):
        now_s[0] = 1_000.0
    warm.drop_idle()
    assert "a" in warm
    now_s[0] = 1_600.0
    warm.drop_idle()
    assert "a" not in warm


class Told:
    """Hears what an engine says, as the server does."""

    def __init__(self) -> None:
        self.takes: list[str] = []
        self.warnings: list[str] = []

    def __call__(self, message: worker_pb2.FromWorker) -> None:
        if message.HasField("take"):
            self.takes.append(message.take.path)
        if message.HasField("warning"):
            self.warnings.append(message.warning)


@pytest.fixture
def run(tmp_path: Path, make_film: Callable[..., Path]) -> worker_pb2.ToWorker.Run:
    film = make_film(tmp_path / "film.mp4", rate=Fraction(25), n_frames=30)
    second, start = time_pb2.Rational(num=1, den=1), time_pb2.Rational(num=0, den=1)
    piece = pb.Piece(source_start=start, source_end=second, presented_start=start, presented_end=second)
    spec = pb.GenerationSpec(
        clip=pb.Clip(source_digest=source_digest(film, Fraction(0), Fraction(1)), pieces=[piece]),
        model="pocket",
        model_digest=card("pocket").digest,
        sampling=pb.Sampling(takes=1, steps=4),
    )
    return worker_pb2.ToWorker.Run(request_id="job", attempt=1, spec=spec, source_path=str(film), out_dir=str(tmp_path))


def made(engine: TorchEngine, run: worker_pb2.ToWorker.Run) -> tuple["np.typing.NDArray[np.float32]", list[str]]:
    told = Told()
    engine.run(run, Report(run, told, set()))
    (name,) = told.takes
    return read_wav(Path(run.out_dir) / name).samples, told.warnings


def limit(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let the model run out of memory with more rows than these in a batch."""
    velocity = PocketModel.velocity

    def limited(self: PocketModel, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        if len(t) > rows:
            raise torch.OutOfMemoryError("Tried to allocate more than there is")
        return velocity(self, x, t, conditions)

    monkeypatch.setattr(PocketModel, "velocity", limited)


def copy_pocket(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install it twice more in a folder of models, as `second` and `third`."""
    monkeypatch.setenv("V2A_MODELS", str(folder))
    shipped = card("pocket").parts[0].file.parent
    for name in ("second", "third"):
        shutil.copytree(shipped, folder / name, ignore=shutil.ignore_patterns("*.md", "*.csv", "*.py"))
        copied = folder / name / "card.json"
        copied.write_text(json.dumps({**json.loads(copied.read_text()), "name": name}))


def note_loads(monkeypatch: pytest.MonkeyPatch, broken: str = "") -> list[str]:
    """The names of the models that are loaded from now on; all of them are pocket. broken: one that a bug is met in."""
    loaded: list[str] = []

    def load(name: str, *_: str) -> Model:
        if name == broken:
            raise KeyError(name)
        loaded.append(name)
        return load_model("pocket", "cpu")

    monkeypatch.setattr("v2a.load_model", load)
    return loaded


def test_out_of_memory_is_answered_by_smaller_batches_and_then_by_an_error(
    run: worker_pb2.ToWorker.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TorchEngine("cpu", ["pocket"], Frugality(threads=1))
    usual, warnings = made(engine, run)
    assert warnings == []
    limit(monkeypatch, 1)
    frugal, warnings = made(engine, run)
    assert "memory was short" in warnings[0]
    assert np.abs(frugal - usual).max() < 1e-3
    limit(monkeypatch, 0)
    with pytest.raises(GenerationError, match="ran out of memory: ask for a shorter range"):
        made(engine, run)


def test_only_what_may_stay_is_loaded_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_pocket(tmp_path, monkeypatch)
    weights = card("pocket").n_bytes
    loaded = note_loads(monkeypatch)
    for room, expected in (
        (0, ["pocket"]),
        (2 * weights, ["pocket", "second"]),
        (8 << 30, ["pocket", "second", "third"]),
    ):
        loaded.clear()
        TorchEngine("cpu", ["pocket", "second", "third"], Frugality(threads=1, keep_loaded_bytes=room))
        assert loaded == expected
    loaded.clear()
    TorchEngine("cpu", ["pocket", "mmaudio-small-16k=random", "third"], Frugality(threads=1, keep_loaded_bytes=6 << 30))
    assert loaded == ["pocket", "third"], "random weights count as those that are published"


def test_a_model_that_cannot_be_loaded_does_not_keep_others_from_work(
    run: worker_pb2.ToWorker.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    copy_pocket(tmp_path / "models", monkeypatch)
    loaded = note_loads(monkeypatch, broken="second")
    engine = TorchEngine("cpu", ["second", "third"], Frugality(threads=1))
    assert loaded == ["third"]
    assert "the model 'second' cannot be loaded" in caplog.text
    made(engine, run)
    assert loaded == ["third", "pocket"]


def test_without_a_name_only_the_first_model_is_loaded_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_pocket(tmp_path / "models", monkeypatch)
    started: list[tuple[list[str], list[str]]] = []

    def start(_: object, cards: Callable[[], dict[str, ModelCard]], workers: list[list[str]], **__: object) -> None:
        started.append((list(cards()), [word for word in workers[0] if word in ("pocket", "second", "third")]))

    monkeypatch.setattr("v2a_server.app.run", start)
    program = typer.Typer()
    program.command()(serve)
    for options in ([], ["--model", "third", "--model", "second"]):
        done = CliRunner().invoke(program, ["--store", str(tmp_path), *options])
        assert done.exit_code == 0, done.output
    assert started == [(["pocket", "second", "third"], ["pocket"]), (["third", "second"], ["third", "second"])]


@pytest.mark.parametrize(("model", "precision"), [("pocket", "float32"), ("mmaudio-tiny-16k=random", "float16")])
def test_a_precision_holds_for_the_models_that_can_compute_in_it(
    run: worker_pb2.ToWorker.Run, model: str, precision: str
) -> None:
    run.spec.model, run.spec.model_digest = model, card(model).digest
    made(TorchEngine("cpu", [model], Frugality(threads=1), "float16"), run)
    assert f"computed in {precision}" in str(read_ixml(Path(run.out_dir) / "mix.0.wav"))


def test_other_bugs_are_not_taken_for_want_of_memory(
    run: worker_pb2.ToWorker.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TorchEngine("cpu", ["pocket"], Frugality(threads=1))

    def wrong(*_: object) -> Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(PocketModel, "velocity", wrong)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        made(engine, run)
