"""`v2a models get` installs what others published: whole, once, and with its licence."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.plugin.getting.publishing import NON_COMMERCIAL, Publication, described, listing
from tests.v2a.mmaudio.checkpoints import checkpoint, tensors
from v2a import cards, published
from v2a.models.mmaudio.parts import PARTS
from v2a.published import published_models
from v2a_plugin.channel import open_channel
from v2a_plugin.client import Client
from v2a_plugin.local_server import LocalServer

Run = Callable[..., Any]


def test_what_is_installed_is_what_was_published(with_tiny: Publication, tmp_path: Path) -> None:
    card = cards.card("tiny")
    assert (card.family, card.licence, card.commercial_use) == ("mmaudio", NON_COMMERCIAL, False)
    assert [part.name for part in card.parts] == list(PARTS)
    assert [part.licence for part in card.parts] == ["CC-BY-NC-4.0", "MIT", "MIT", "MIT", "MIT"]
    # Whatever is written into a card is in the model's digest, by which made sounds are found again.
    assert card.part("flow").source == f"https://huggingface.co/somebody/tiny/blob/{'0' * 40}/weights/tiny_flow.pth"
    for part in card.parts:
        found, wanted = load_file(part.file), tensors(part.name)
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    assert len(listing(tmp_path / "models")) == 6, "five parts and a card"


def test_what_is_there_already_is_verified_and_said_so(with_tiny: Publication, run_v2a: Run, tmp_path: Path) -> None:
    again = run_v2a("models", "get", "tiny", "--json")
    assert again.status == 0
    assert "all its parts are whole" in again.err
    assert json.loads(again.out)["already_installed"] is True
    assert json.loads(again.out)["licence"] == NON_COMMERCIAL
    clip = cards.card("tiny").part("clip").file
    clip.write_bytes(clip.read_bytes()[:-1] + b"!")
    refused = run_v2a("models", "get", "tiny", "--from", tmp_path / "nowhere")
    assert "is no folder" in refused.err
    mended = run_v2a("models", "get", "tiny", "--from", with_tiny.folder, "--yes")
    assert (mended.status, "is installed, but damaged: clip" in mended.err) == (0, True)
    assert "clip: converting" in mended.err
    assert "flow: converting" not in mended.err
    assert load_file(cards.card("tiny").part("clip").file).keys() == tensors("clip").keys()


def test_its_licence_goes_from_the_list_into_the_sound(
    with_tiny: Publication, run_v2a: Run, v2a_home: Path, film: Path, tmp_path: Path
) -> None:
    try:
        listed = run_v2a("models")
        assert f"{NON_COMMERCIAL} (non-commercial)" in listed.out
        assert "To be had by" not in listed.out, "all that is published here is installed"
        facts = next(
            model for model in json.loads(run_v2a("models", "--json").out)["models"] if model["name"] == "tiny"
        )
        assert (facts["licence"], facts["commercial_use"]) == (NON_COMMERCIAL, False)
        made = run_v2a("generate", film, "--model", "tiny", "--steps", 1, "-o", tmp_path / "made.wav", "--json")
        assert made.status == 0, made.err
        assert json.loads(made.out)["model"]["licence"] == NON_COMMERCIAL
        assert json.loads(made.out)["model"]["digest"] == cards.card("tiny").digest
    finally:
        local = LocalServer(v2a_home)
        if local.listens():
            with Client(open_channel(local.address)) as client:
                os.kill(client.info().pid, signal.SIGTERM)
    assert f"licence: {NON_COMMERCIAL}".encode() in (tmp_path / "made.wav").read_bytes()


def test_parts_are_shared_and_go_with_their_last_model(
    with_tiny: Publication, run_v2a: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(checkpoint("flow", seed=2), with_tiny.folder / "other_flow.pth")
    with_tiny.table["files"]["other"] = described(with_tiny.folder / "other_flow.pth", "flow")
    (model,) = with_tiny.table["models"]
    other = {"card": {**model["card"], "name": "other"}, "parts": {**model["parts"], "flow": "other"}}
    with_tiny.table["models"].append(other)
    with_tiny.publish(monkeypatch, tmp_path / "both.json")
    models = tmp_path / "models"
    got = run_v2a("models", "get", "other", "--from", with_tiny.folder, "--yes")
    assert got.status == 0
    assert got.err.count(": converting") == 1
    assert got.err.count("is here") == 4
    assert len(list(models.glob("parts/*"))) == 6
    assert cards.card("other").digest != cards.card("tiny").digest
    removed = json.loads(run_v2a("models", "remove", "other", "--yes", "--json").out)
    assert removed["n_bytes"] > 0.99 * with_tiny.files["flow"].stat().st_size
    assert len(list(models.glob("parts/*"))) == 5
    assert cards.card("tiny").parts
    assert run_v2a("models", "remove", "tiny", "--yes").status == 0
    assert listing(models) == []
    assert "no model named 'tiny' is installed" in run_v2a("models", "remove", "tiny", "--yes").err


def test_the_table_of_published_models_is_complete() -> None:
    models = published_models()
    sizes = ("small-16k", "small-44k", "medium-44k", "large-44k", "large-44k-v2", "tiny-16k")
    assert list(models) == [f"mmaudio-{size}" for size in sizes]
    for model in models.values():
        if model.name == "mmaudio-tiny-16k":
            assert not model.files
            continue
        assert list(model.files) == list(PARTS)
        assert not model.facts["commercial_use"]
        for file in model.files.values():
            assert file.digests
            assert all(len(value) == {"md5": 32, "sha256": 64}[name] for name, value in file.digests.items())
            assert file.licence.name in model.facts["licence"]
            assert len(file.revision) == 40
        assert {file.licence.name for file in model.files.values()} == {"CC-BY-NC-4.0", "MIT", "Apple-AMLR"}


def test_each_family_has_a_table_of_its_own(tiny: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = tiny.table["models"]
    other = {**tiny.table, "models": [{**model, "card": {**model["card"], "name": "choir", "family": "elsewhere"}}]}
    models = tmp_path / "package" / "models"
    for family, table in (("mmaudio", tiny.table), ("elsewhere", other)):
        (models / family).mkdir(parents=True)
        (models / family / "published.json").write_text(json.dumps(table))
    monkeypatch.undo()
    monkeypatch.setattr(published, "__file__", str(models.parent / "published.py"))
    assert [(name, found.facts["family"]) for name, found in published_models().items()] == [
        ("choir", "elsewhere"), ("tiny", "mmaudio"),
    ]  # fmt: skip


def test_a_card_of_random_weights_has_the_published_facts() -> None:
    for name, model in published_models().items():
        card = cards.card(f"{name}=random")
        assert (card.variant, card.sample_rate_hz, card.parts) == (name, model.facts["sample_rate_hz"], ())
