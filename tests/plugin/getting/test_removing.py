"""`v2a models remove` takes a model, and what nobody uses; never another file, and never half."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.getting.publishing import Publication, listing

Run = Callable[..., Any]


@pytest.mark.parametrize("text", ["{", '{"parts": [{"name": "flow", "file": 3}]}', "[" * 100_000])
def test_beside_a_card_that_cannot_be_read_nothing_is_removed(
    text: str, with_tiny: Publication, run_v2a: Run, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    (models / "bad").mkdir()
    (models / "bad" / "card.json").write_text(text)
    before = listing(models)
    for name in ("tiny", "bad"):
        ended = run_v2a("models", "remove", name, "--yes")
        assert ended.status == 1
        assert f"{models / 'bad'} holds no card that can be read" in ended.err
        assert "remove it by hand" in ended.err
    assert listing(models) == before
    shutil.rmtree(models / "bad")
    assert run_v2a("models", "remove", "tiny", "--yes").status == 0
    assert listing(models) == []


def test_a_card_that_names_a_file_elsewhere_removes_nothing(
    with_tiny: Publication, run_v2a: Run, tmp_path: Path
) -> None:
    diary = tmp_path / "diary.txt"
    for file in (str(diary), "../../diary.txt", ".."):
        diary.write_text("dear diary")
        card = tmp_path / "models" / "tiny" / "card.json"
        card.write_text(json.dumps({**json.loads(card.read_text()), "parts": [{"name": "flow", "file": file}]}))
        ended = run_v2a("models", "remove", "tiny", "--yes")
        assert (ended.status, "a part's file is a bare name" in ended.err) == (1, True)
        assert diary.exists()


def test_parts_that_no_model_uses_go_with_any_model(with_tiny: Publication, run_v2a: Run, tmp_path: Path) -> None:
    orphan = tmp_path / "models" / "parts" / f"{'0' * 64}.safetensors"
    orphan.write_bytes(bytes(10**8))
    removed = json.loads(run_v2a("models", "remove", "tiny", "--yes", "--json").out)
    assert removed["n_bytes"] > 10**8
    assert listing(tmp_path / "models") == []
