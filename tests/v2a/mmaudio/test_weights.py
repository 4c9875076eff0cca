"""Weights that do not fit are refused in one line, and change nothing."""

import pytest
import torch
from torch import Tensor, nn

from v2a.errors import UsageError
from v2a.models.mmaudio.weights import load_strictly, random_weights


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
