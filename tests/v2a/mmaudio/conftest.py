"""The family at reduced width, with random weights."""

from collections.abc import Iterator

import pytest
import torch

import v2a
from v2a.models.base import Model

TINY = "mmaudio-tiny-16k=random"


@pytest.fixture(scope="session")
def tiny() -> Model:
    """In float32: half precision is a matter of its own."""
    return v2a.load_model(TINY, "cpu", "float32")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Tests run beside each other; and what a module shares is made by as many threads as what it is compared with."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
