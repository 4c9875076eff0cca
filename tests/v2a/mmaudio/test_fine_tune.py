"""Fine-tuning: it learns, is the same however it is divided or interrupted, and stops where it must."""

import csv
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

pytest.importorskip("matplotlib")
pytest.importorskip("open_clip")

from tests.v2a.mmaudio.small_training import CONFIG, CPU, LORA, drawn_films, flow, recipe, run
from v2a.errors import BusyError, GenerationError
from v2a.output import alone
from v2a.train.checkpoint import collected
from v2a.train.course import log_row
from v2a.train.crew import Crew, gathered
from v2a.train.mmaudio.draws import Windows
from v2a.train.mmaudio.fine_tune import fine_tune
from v2a.train.mmaudio.lora import LAYERS, adapt, merged
from v2a.train.mmaudio.objective import Objective, spare_memory
from v2a.train.mmaudio.shards import write_shard

ROOT = Path(__file__).parents[3]


def losses(work: Path, name: str = "held in") -> list[float]:
    with (work / "flow" / "held_out.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def farthest(some: dict[str, Tensor], others: dict[str, Tensor]) -> float:
    assert some.keys() == others.keys()
    return max(float((value - others[name]).abs().max()) for name, value in some.items())


@pytest.mark.parametrize("v2", [False, True])
def test_all_weights_learn_three_films_by_heart(tmp_path: Path, v2: bool) -> None:
    run(tmp_path, recipe(150), config=replace(CONFIG, v2=v2))
    first, *_, last = losses(tmp_path)
    assert last < 0.5 * first
    assert (tmp_path / "flow" / "curves.png").stat().st_size > 1_000


def test_lora_learns_and_changes_only_the_layers_that_were_chosen(tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in flow().state_dict().items()}
    after = run(tmp_path, replace(recipe(150, lora=True), lora=replace(LORA, layers="attention")))
    first, *_, last = losses(tmp_path)
    assert last < 0.9 * first
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert before.keys() == after.keys()
    assert changed == {
        name
        for name in before
        if name.removesuffix(".weight").endswith(LAYERS["attention"]) and name.endswith("weight")
    }


@pytest.mark.parametrize("layers", list(LAYERS))
def test_a_merged_model_is_what_the_adapted_one_was(tmp_path: Path, layers: str) -> None:
    options = replace(LORA, layers=layers)
    batch = Windows(tmp_path, drawn_films(tmp_path), seed=0).batch(range(3))
    adapted, plain = flow(), flow()
    adapt(adapted, options)
    with torch.no_grad():
        before = Objective(plain)(batch)
        assert torch.equal(Objective(adapted)(batch), before)  # it begins as it was
        generator = torch.Generator().manual_seed(0)
        for name, value in adapted.named_parameters():
            if name.endswith("lora.up"):
                value.normal_(std=0.1, generator=generator)
        with_additions = Objective(adapted)(batch)
        assert float((with_additions - before).abs().max()) > 1e-2
        plain.load_state_dict(merged(adapted.state_dict(), options))
        assert float((Objective(plain)(batch) - with_additions).abs().max()) < 1e-5


def test_computing_blocks_twice_changes_nothing_but_memory(tmp_path: Path) -> None:
    batch = Windows(tmp_path, drawn_films(tmp_path), seed=0).batch(range(24))
    gradients, kept = [], []
    for sparing in (False, True):
        network, n_bytes = flow(), 0
        if sparing:
            spare_memory(network)

        def count(value: Tensor) -> Tensor:
            nonlocal n_bytes
            n_bytes += 0 if isinstance(value, torch.nn.Parameter) else value.nbytes
            return value

        with torch.autograd.graph.saved_tensors_hooks(count, lambda value: value):
            loss = Objective(network)(batch).mean()
        loss.backward()
        kept.append(n_bytes)
        gradients.append({name: value.grad for name, value in network.named_parameters() if value.grad is not None})
    assert kept[1] < 0.6 * kept[0]
    assert farthest(*gradients) < 1e-6


@pytest.mark.parametrize("lora", [False, True])
def test_a_run_that_was_killed_ends_as_one_that_was_not(
    tmp_path: Path, lora: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = run(whole, recipe(60, lora=lora))

    class KilledError(Exception):
        pass

    def killed(path: Path, row: dict[str, float]) -> None:
        log_row(path, row)
        if row["step"] == 50 and path.name == "log.csv":
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("v2a.train.loop._CHECKPOINT_S", -1.0)  # after every step,
        patch.setattr("v2a.train.loop._CHECKPOINT_SHARE", 1e9)  # however long that takes
        patch.setattr("v2a.train.loop.log_row", killed)
        with pytest.raises(KilledError):
            run(broken, recipe(60, lora=lora))
    assert torch.load(broken / "flow" / "checkpoint.pt")["step"] == 49
    assert farthest(run(broken, recipe(60, lora=lora)), expected) == 0.0
    for name in ("log.csv", "held_out.csv"):
        assert (broken / "flow" / name).read_text() == (whole / "flow" / name).read_text()


def test_ctrl_c_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    expected = run(whole, recipe(60))

    def pressed(path: Path, row: dict[str, float]) -> None:
        log_row(path, row)
        if row["step"] == 25 and path.name == "log.csv":
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr("v2a.train.loop.log_row", pressed)
        with pytest.raises(KeyboardInterrupt):
            run(stopped, recipe(60))
    assert signal.getsignal(signal.SIGINT) is before
    assert 25 <= torch.load(stopped / "flow" / "checkpoint.pt")["step"] <= 26
    assert farthest(run(stopped, recipe(60)), expected) == 0.0


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with alone(tmp_path / "flow"), pytest.raises(BusyError, match=r"another command \(process \d+, .*\) is changing"):
        run(tmp_path, recipe(2))
    run(tmp_path, recipe(2))


@pytest.mark.parametrize(("at_once", "options"), [("2", ["full"]), ("1", ["lora", "shard"])])
def test_two_processes_do_what_one_does(tmp_path: Path, at_once: str, options: list[str]) -> None:
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    call += ["-m", "tests.v2a.mmaudio.small_training", str(tmp_path / "two"), "12", at_once, *options]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    expected = run(tmp_path / "one", recipe(12, lora="lora" in options))
    assert farthest(torch.load(tmp_path / "two" / "tensors.pt"), expected) < 1e-5
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)
    # One process goes on where two stopped.
    gone_on = run(tmp_path / "two", recipe(16, lora="lora" in options))
    assert farthest(gone_on, run(tmp_path / "one", recipe(16, lora="lora" in options))) < 1e-4


def test_each_window_is_seen_once_before_any_is_seen_again(tmp_path: Path) -> None:
    windows = Windows(tmp_path, drawn_films(tmp_path), seed=3)
    batch = windows.batch(range(12))
    turns = [{tuple(row.flatten()[:4].tolist()) for row in batch.mean[turn]} for turn in (slice(6), slice(6, 12))]
    assert len(turns[0]) == 6
    assert turns[0] == turns[1]
    assert not torch.equal(batch.mean[:6], batch.mean[6:])  # but in another order,
    assert not torch.equal(batch.noise[0], batch.noise[1])  # with another noise each
    many = windows.batch(range(4_000))
    assert float((~many.seen).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert float((~many.said).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert float((~many.seen & ~many.said).float().mean()) == pytest.approx(0.01, abs=0.006)


def test_films_that_are_held_out_are_measured_and_not_trained_on(tmp_path: Path) -> None:
    films = drawn_films(tmp_path / "features", 4, n_held_out=1)
    fine_tune(tmp_path, flow(), tmp_path / "features", films, recipe(100), CPU)
    held_in, held_out = losses(tmp_path), losses(tmp_path, "held out")
    assert held_in[-1] < 0.8 * held_in[0]
    assert held_out[-1] > 1.2 * held_in[-1]


def test_half_precision_rounds_what_is_computed_and_not_the_weights(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", recipe(20, rate=3e-3))
    half = run(tmp_path / "half", replace(recipe(20, rate=3e-3), precision="bfloat16"))
    assert {value.dtype for value in half.values()} == {torch.float32}
    assert 0 < farthest(whole, half) < 0.05
    assert losses(tmp_path / "half") == pytest.approx(losses(tmp_path / "whole"), rel=0.02)


def test_a_loss_that_is_no_number_stops_and_the_weights_before_it_are_kept(tmp_path: Path) -> None:
    films = drawn_films(tmp_path / "features")
    fine_tune(tmp_path, flow(), tmp_path / "features", films, recipe(3), CPU)
    spoilt = {name: torch.full((2, *shape), torch.nan) for name, shape in {"mean": (20, 8), "std": (20, 8)}.items()}
    rest = {"clip": torch.zeros(2, 8, 32), "sync": torch.zeros(2, 16, 16), "text": torch.zeros(7, 32)}
    for number in range(3):
        write_shard(tmp_path / "features" / f"{number}.safetensors", spoilt | rest)
    with pytest.raises(GenerationError, match="step 3 is not a number"):
        fine_tune(tmp_path, flow(), tmp_path / "features", films, recipe(9), CPU)
    state = torch.load(tmp_path / "flow" / "checkpoint.pt")
    assert state["step"] == 3
    assert all(value.isfinite().all() for value in state["networks"].values())


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    run(tmp_path, recipe(1))
    path = tmp_path / "flow" / "checkpoint.pt"
    for content in (path.read_bytes()[:-5_000], b"no checkpoint"):
        path.write_bytes(content)
        with pytest.raises(GenerationError, match=r"checkpoint\.pt cannot be read"):
            run(tmp_path, recipe(2))


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    run(tmp_path, recipe(1))
    path = tmp_path / "flow" / "checkpoint.pt"
    state = torch.load(path)
    means = {f"module.{name}": value for name, value in state["averaged"].items()}
    others = [state | {"averaged": means}, state | {"optimiser": {"state": {}, "param_groups": []}}, [state]]
    others += [{name: value for name, value in state.items() if name != missing} for missing in state]
    for other in others:
        torch.save(other, path)
        with pytest.raises(GenerationError, match=r"checkpoint\.pt cannot be read.*another version"):
            run(tmp_path, recipe(2))


def test_only_the_first_process_holds_what_is_written() -> None:
    tensors = {"weight": torch.ones(2)}
    assert collected(tensors, CPU).keys() == tensors.keys()
    assert collected(tensors, Crew(CPU.device, rank=1, size=2)) == {}


def test_the_others_wait_while_the_first_process_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    done = list[str]()
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("torch.distributed.init_process_group", lambda *_, **__: done.append("begun"))
    monkeypatch.setattr("torch.distributed.destroy_process_group", lambda: done.append("ended"))
    monkeypatch.setattr(Crew, "wait", lambda _: done.append("waited"))
    with gathered("cpu"):
        done.append("written")
    assert done == ["begun", "written", "waited", "ended"]


def test_the_first_step_learns(tmp_path: Path) -> None:
    before = flow().state_dict()
    assert farthest(run(tmp_path, recipe(1)), before) > 0


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.v2a.mmaudio.small_training import recipe, run
folder = Path(sys.argv[1])
run(folder, recipe(2))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # as a full disk does, it ends a write halfway
try:
    run(folder, recipe(4))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_where_a_checkpoint_finds_no_room_the_one_before_stays(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="the limit on files that stands for a full disk is POSIX's")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("StorageError"), done.stdout + done.stderr
    assert "checkpoint.pt cannot be written" in done.stdout
    assert torch.load(tmp_path / "flow" / "checkpoint.pt")["step"] == 2
    assert not list((tmp_path / "flow").glob(".*.part"))
