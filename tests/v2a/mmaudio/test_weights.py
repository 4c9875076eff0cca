"""Weights that do not fit are refused in one line, and change nothing."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from v2a.errors import UsageError
from v2a.models.mmaudio.weights import StoredTensors, load_strictly, random_weights


def _tensors() -> dict[str, Tensor]:
    return {"weight": torch.ones(2, 3, dtype=torch.float16), "bias": torch.ones(2)}


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_fits_is_loaded_in_the_modules_precision(device: str) -> None:
    module = nn.Linear(3, 2, device=device, dtype=torch.bfloat16)
    load_strictly(module, _tensors(), "a file")
    assert module.weight.dtype == torch.bfloat16
    assert module.weight.requires_grad
    assert (module.weight.sum() + module.bias.sum()).item() == 8


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bias": None}, "missing: bias"),
        ({"more\nover": torch.ones(1)}, "extra: more?over"),
        ({"weight": torch.ones(3, 2)}, "misshapen: weight is 3×2 instead of 2×3"),
        ({str(k): torch.ones(1) for k in range(9)}, "extra: 0, 1, 2, … (9 in all)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(wrong: dict[str, Tensor | None], said: str) -> None:
    module = nn.Linear(3, 2)
    before = module.weight.clone()
    tensors = {key: value for key, value in {**_tensors(), **wrong}.items() if value is not None}
    with pytest.raises(UsageError) as refused:
        load_strictly(module, tensors, "flow.safetensors")
    assert str(refused.value) == f"flow.safetensors does not fit this model: {said}"
    assert torch.equal(module.weight, before)


def test_random_weights_repeat_and_leave_the_generator_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    with random_weights(5):
        one = nn.Linear(3, 2)
    assert torch.equal(torch.rand(3), expected)
    with random_weights(5):
        again = nn.Linear(3, 2)
    assert torch.equal(one.weight, again.weight)


def test_a_files_tensors_are_read_one_by_one(tmp_path: Path) -> None:
    values = {"b": torch.arange(6).view(2, 3), "a": torch.ones(1, dtype=torch.bfloat16)}
    save_file(values, tmp_path / "some.safetensors")
    stored = StoredTensors(tmp_path / "some.safetensors")
    assert list(stored) == ["a", "b"]
    assert len(stored) == 2
    assert "c" not in stored
    with pytest.raises(KeyError):
        stored["c"]
    for key, value in stored.items():
        assert value.dtype == values[key].dtype
        assert torch.equal(value, values[key])


@pytest.mark.skipif(sys.platform != "linux", reason="says what it has mapped on Linux alone")
def test_what_was_read_of_a_file_leaves_memory_with_the_last_tensor(tmp_path: Path) -> None:
    file = tmp_path / "some.safetensors"
    save_file({"a": torch.ones(1000), "b": torch.ones(1000)}, file)
    module = nn.ParameterDict({"a": torch.zeros(1000), "b": torch.zeros(1000)}).to("meta")
    stored = StoredTensors(file)
    held = stored["a"]
    assert str(file) in Path("/proc/self/maps").read_text()
    del held
    load_strictly(module, stored, "a file")
    assert str(file) not in Path("/proc/self/maps").read_text()
    assert module["b"].sum() == 1000
