"""All networks against another implementation's numbers and manifests; and that a difference is found."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from benchmarks.mmaudio.__main__ import SHARED, main
from benchmarks.mmaudio.parity import checks
from v2a.models.mmaudio.flow import FlowTransformer, Lengths
from v2a.models.mmaudio.variants import FlowConfig
from v2a.models.mmaudio.weights import random_weights

FILES = (
    "bigvgan_v1",
    "bigvgan_v2",
    "dit_v1",
    "dit_v2",
    "frames",
    "mel_16k",
    "mel_44k",
    "synchformer",
    "vae_128",
    "vae_80",
)


def _shared(name: str) -> Path:
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not here")
    return SHARED / name


@pytest.mark.parametrize("name", FILES)
def test_every_output_is_that_of_another_implementation(name: str) -> None:
    found = list(checks(_shared(f"{name}.safetensors")))
    assert found
    assert {check.output: check.errors for check in found if not check.met} == {}


def test_all_published_configurations_have_the_published_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", "--manifests", str(_shared("manifest.json").parent)]) == 0
    assert capsys.readouterr().out.count("| 0 |") == 10


def test_a_key_of_another_shape_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("manifest.json", "manifest_aux.json"):
        found = json.loads(_shared(name).read_text())
        found.get("small_16k", {})["latent_mean"] = [1, 1, 21]
        (tmp_path / name).write_text(json.dumps(found))
    assert main(["manifest", "--manifests", str(tmp_path)]) == 1
    assert "small_16k: latent_mean is [1, 1, 20] and [1, 1, 21] as published" in capsys.readouterr().out
    (tmp_path / "manifest_aux.json").write_text("{}")
    assert main(["manifest", "--manifests", str(tmp_path)]) == 2
    assert "not the same: bigvgan_16k, bigvgan_v2_44k" in capsys.readouterr().err


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file of fixtures made here, of a width and heads that nobody has published."""
    facts = {"hidden_dim": 96, "num_heads": 4, "depth": 2, "fused_depth": 1, "latent_dim": 5, "v2": True}
    lengths = {"latent_seq_len": 11, "clip_seq_len": 4, "sync_seq_len": 8, "text_seq_len": 3}
    dims = {"clip_dim": 6, "sync_dim": 7, "text_dim": 8}
    with random_weights(0):
        flow = FlowTransformer(FlowConfig(96, 4, 2, 1, 5, v2=True, clip_dim=6, sync_dim=7, text_dim=8, text_tokens=3))
        io = {
            "clip": torch.randn(2, 4, 6),
            "sync": torch.randn(2, 8, 7),
            "text": torch.randn(2, 3, 8),
            "negative_text": torch.randn(2, 3, 8),
            "latent": torch.randn(2, 11, 5),
            "t": torch.rand(2),
        }
    flow.for_inference(torch.float32)
    io["flow"] = flow(io["latent"], io["t"], flow.prepare(io["clip"], io["sync"], io["text"], _lengths(lengths)))
    tensors = {f"weights/{key}": value.contiguous() for key, value in flow.state_dict().items()}
    path = tmp_path / "own.safetensors"
    metadata = {key: json.dumps(value) for key, value in {**facts, **lengths, **dims}.items()}
    save_file({**tensors, **{f"io/{key}": value for key, value in io.items()}}, path, metadata)
    return path


def _lengths(facts: dict[str, int]) -> Lengths:
    return Lengths(facts["latent_seq_len"], facts["clip_seq_len"], facts["sync_seq_len"])


def test_a_difference_is_missed_and_another_width_is_none(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", str(own.parent)]) == 0
    tensors = load_file(own)
    with safe_open(own, "pt") as file:
        metadata = file.metadata()
    tensors["io/flow"] += 1e-3
    save_file(tensors, own, metadata)
    assert main(["parity", str(own.parent)]) == 1
    assert "**missed**" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"io/what": torch.ones(1)}, "a fixture of nothing that is known here: it holds what"),
        ({"elsewhere": torch.ones(1)}, "it holds 'elsewhere' beside weights/ and io/"),
        ({"io/flow": torch.ones(1)}, "says nothing of 'hidden_dim'"),
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tensors: dict[str, torch.Tensor], said: str
) -> None:
    save_file(tensors, tmp_path / "odd.safetensors")
    assert main(["parity", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_an_empty_folder_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", str(tmp_path)]) == 2
    assert "give the folder of fixtures" in capsys.readouterr().err
