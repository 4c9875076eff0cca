"""Models in memory: which stay, and what happens when there is not enough of it."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from v2a.cards import card
from v2a.delivery import read_wav
from v2a.errors import GenerationError
from v2a.media import source_digest
from v2a.models.base import Conditions
from v2a.models.pocket import PocketModel
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import time_pb2, worker_pb2
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
        if len(x) > rows:
            raise torch.OutOfMemoryError("Tried to allocate more than there is")
        return velocity(self, x, t, conditions)

    monkeypatch.setattr(PocketModel, "velocity", limited)


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


def test_other_bugs_are_not_taken_for_want_of_memory(
    run: worker_pb2.ToWorker.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TorchEngine("cpu", ["pocket"], Frugality(threads=1))

    def wrong(*_: object) -> Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(PocketModel, "velocity", wrong)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        made(engine, run)
