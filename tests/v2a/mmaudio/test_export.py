"""Installing what was trained: alone in the models folder, and with parts that are there."""

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("open_clip")

from v2a.cards import card, model_names
from v2a.errors import BusyError, NotFoundError
from v2a.models.mmaudio.parts import PARTS
from v2a.models_folder import ModelsFolder
from v2a.train.mmaudio.export import export

FLOW = {"weight": torch.ones(3)}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelsFolder:
    """A models folder with one model, whose parts lie beside its card or are shared; no network is in them."""
    monkeypatch.setenv("V2A_MODELS", str(tmp_path))
    folder = tmp_path / "mine"
    (tmp_path / "parts").mkdir()
    folder.mkdir()
    listed = []
    for part in PARTS:
        home = folder if part == "vae" else tmp_path / "parts"
        (home / f"{part}.safetensors").write_bytes(part.encode())
        listed.append({"name": part, "file": f"{part}.safetensors", "licence": "MIT", "source": "here"})
    known = json.loads((Path(__file__).parents[3] / "v2a" / "models" / "pocket" / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**known, "name": "mine", "family": "mmaudio", "parts": listed}))
    return ModelsFolder(tmp_path)


def test_parts_are_shared_or_copied(models: ModelsFolder) -> None:
    path = export("new", card("mine"), FLOW, "by a test")
    assert path == models.folder / "new" / "card.json"
    made = card("new")
    assert made.part("clip").file == card("mine").part("clip").file
    assert made.part("vae").file.parent == models.parts
    assert made.part("vae").file.read_bytes() == b"vae"
    assert made.part("flow").file.name == f"{made.part('flow').sha256}.safetensors"


def test_nothing_is_installed_while_another_command_changes_the_folder(models: ModelsFolder) -> None:
    with models.alone(), pytest.raises(BusyError, match="wait until it has ended, then try again"):
        export("new", card("mine"), FLOW, "by a test")
    assert model_names() == ["pocket", "mine"]


def test_a_shared_part_that_went_meanwhile_is_missed(models: ModelsFolder) -> None:
    parent = card("mine")
    parent.part("clip").file.unlink()
    with pytest.raises(NotFoundError, match=r"the part 'clip' of 'new' is gone from .*parts: install the model"):
        export("new", parent, FLOW, "by a test")
    assert "new" not in model_names()
