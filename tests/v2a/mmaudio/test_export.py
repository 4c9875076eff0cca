"""Installing what was trained: alone in the models folder, and with parts that are there."""

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("open_clip")

from v2a.cards import card, model_names
from v2a.errors import BusyError, NotFoundError, StorageError, UsageError
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


@pytest.fixture
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the training was."""
    return tmp_path_factory.mktemp("work")


def test_parts_are_shared_or_copied(models: ModelsFolder, work: Path) -> None:
    path = export("new", card("mine"), FLOW, "by a test", work)
    assert path == models.folder / "new" / "card.json"
    made = card("new")
    assert made.part("clip").file == card("mine").part("clip").file
    assert made.part("vae").file.parent == models.parts
    assert made.part("vae").file.read_bytes() == b"vae"
    assert made.part("flow").file.name == f"{made.part('flow').sha256}.safetensors"


def test_nothing_is_installed_while_another_command_changes_the_folder(models: ModelsFolder, work: Path) -> None:
    with models.alone(), pytest.raises(BusyError, match="wait until it has ended, then try again"):
        export("new", card("mine"), FLOW, "by a test", work)
    assert model_names() == ["pocket", "mine"]


def test_a_shared_part_that_went_meanwhile_is_missed(models: ModelsFolder, work: Path) -> None:
    parent = card("mine")
    parent.part("clip").file.unlink()
    with pytest.raises(NotFoundError, match=r"the part 'clip' of 'new' is gone from .*parts: install the model"):
        export("new", parent, FLOW, "by a test", work)
    assert "new" not in model_names()


def test_what_the_same_training_made_is_replaced_and_its_part_removed(models: ModelsFolder, work: Path) -> None:
    export("new", card("mine"), FLOW, "10 steps", work)
    first = card("new").part("flow").file
    export("new", card("mine"), {"weight": torch.zeros(3)}, "20 steps", work)
    assert "20 steps" in card("new").description
    assert card("new").part("flow").file != first
    assert not first.exists()
    assert {part.file.name for part in card("new").parts} <= {path.name for path in models.parts.iterdir()}


def test_what_a_run_that_was_killed_had_replaced_goes_with_the_next_one(
    models: ModelsFolder, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export("new", card("mine"), FLOW, "10 steps", work)
    first = card("new").part("flow").file

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ModelsFolder, "drop_unused", killed)
        with pytest.raises(KeyboardInterrupt):
            export("new", card("mine"), {"weight": torch.zeros(3)}, "20 steps", work)
    export("other", card("mine"), {"weight": torch.zeros(3)}, "20 steps", work)
    second = card("new").part("flow").file
    assert second == card("other").part("flow").file
    export("new", card("mine"), {"weight": torch.full((3,), 2.0)}, "30 steps", work)
    assert not first.exists()
    assert second.exists(), "another model uses it"


def test_a_part_that_cannot_be_removed_keeps_no_other_one(
    models: ModelsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [models.parts / f"{name}.safetensors" for name in ("a", "b", "c")]
    for part in parts:
        part.write_bytes(b"")
    tried = []

    def unlink(path: Path) -> None:
        tried.append(path)
        if len(tried) == 1:
            raise PermissionError
        path.rename(path.with_suffix(".gone"))

    monkeypatch.setattr(Path, "unlink", unlink)
    models.drop_unused({part.name for part in parts})
    assert sorted(tried) == parts
    assert [part for part in parts if part.exists()] == tried[:1]


@pytest.mark.parametrize("name", ["new", "mine", "pocket"])
def test_what_another_training_made_is_not_replaced(
    models: ModelsFolder, work: Path, tmp_path: Path, name: str
) -> None:
    export("new", card("mine"), FLOW, "by a test", work)
    before = card(name)
    with pytest.raises(UsageError, match=f"a model named '{name}' already, and it is not from .*choose another name"):
        export(name, card("mine"), {"weight": torch.zeros(3)}, "elsewhere", tmp_path / "other")
    assert card(name) == before


def test_an_export_that_fails_leaves_the_model_that_was_there(
    models: ModelsFolder, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export("new", card("mine"), FLOW, "10 steps", work)
    before = card("new")

    def full(*_: object) -> Path:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(ModelsFolder, "install", full)
        with pytest.raises(StorageError):
            export("new", card("mine"), {"weight": torch.zeros(3)}, "20 steps", work)
    assert card("new") == before
    assert before.part("flow").file.is_file()
    export("new", card("mine"), {"weight": torch.zeros(3)}, "20 steps", work)
    assert "20 steps" in card("new").description
