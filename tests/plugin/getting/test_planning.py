"""What `v2a models get` says it needs before it begins."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin.getting.publishing import Publication
from v2a.models_folder import ModelsFolder
from v2a.published import published_model
from v2a_plugin.getting import plan


def test_what_was_downloaded_before_needs_no_room_again(tiny: Publication, tmp_path: Path) -> None:
    models = ModelsFolder(tmp_path / "models")
    sizes = {part: path.stat().st_size for part, path in tiny.files.items()}
    first = plan(published_model("tiny"), models, None)
    assert first.n_bytes == sum(sizes.values())
    assert first.n_bytes_needed <= sum(sizes.values()) + max(sizes.values())
    folder = models.downloads / "somebody--tiny"
    folder.mkdir(parents=True)
    (folder / "tiny_flow.pth.part").write_bytes(bytes(1_000))
    (folder / "tiny_clip.pth").write_bytes(tiny.files["clip"].read_bytes())
    later = plan(published_model("tiny"), models, None)
    assert first.n_bytes - later.n_bytes == 1_000 + sizes["clip"]
    assert first.n_bytes_needed - later.n_bytes_needed >= 1_000
    for path in tiny.files.values():
        (folder / path.name).write_bytes(path.read_bytes())
    last = plan(published_model("tiny"), models, None)
    assert (last.n_bytes, last.n_bytes_needed) == (0, max(sizes.values())), "each is converted, and goes"


def test_a_folder_is_walked_once(tiny: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walks, walk = [], Path.rglob

    def counted(self: Path, pattern: str) -> Iterator[Path]:
        walks.append(self)
        return walk(self, pattern)

    monkeypatch.setattr(Path, "rglob", counted)
    deep = tmp_path / "published" / "a" / "b"
    deep.mkdir(parents=True)
    for path in tiny.files.values():
        path.rename(deep / path.name)
    found = plan(published_model("tiny"), ModelsFolder(tmp_path / "models"), tiny.folder).found
    assert found == {part: deep / path.name for part, path in tiny.files.items()}
    assert walks == [tiny.folder]
