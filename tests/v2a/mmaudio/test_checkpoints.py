"""Checkpoints are read where they hold tensors and nothing else; nothing in them is ever run."""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.v2a.mmaudio.checkpoints import TINY, Shell, checkpoint, tensors
from v2a.errors import UsageError
from v2a.models.mmaudio.checkpoints import read_checkpoint
from v2a.models.mmaudio.convert import convert, expected
from v2a.models.mmaudio.parts import PARTS

Save = Callable[[Any, Path], None]


def _archive(document: Any, path: Path) -> None:
    torch.save(document, path)


def _older(document: Any, path: Path) -> None:
    torch.save(document, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("save", [_archive, _older])
def test_published_checkpoints_become_files_of_their_tensors(part: str, save: Save, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pth", tmp_path / "a.safetensors"
    save(checkpoint(part), source)
    assert convert(source, target, expected(TINY.name, part), part, "{}") == len(tensors(part))
    written, wanted = load_file(target), tensors(part)
    assert written.keys() == wanted.keys()
    assert all(torch.equal(written[key], wanted[key]) for key in wanted)
    first = target.read_bytes()
    convert(source, target, expected(TINY.name, part), part, "{}")
    assert target.read_bytes() == first, "the same checkpoint gives the same bytes"
    # What was converted once is taken as it is.
    again = tmp_path / "again.safetensors"
    convert(target, again, expected(TINY.name, part), part, "{}")
    assert again.read_bytes() == first


def test_views_and_shared_numbers_are_written_out(tmp_path: Path) -> None:
    wanted = tensors("vae")
    wide = torch.randn(80, 2)
    shared = wanted | {"data_mean": wide[None, :, :1], "data_std": wide[None, :, :1]}
    torch.save(shared, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "a.safetensors", expected(TINY.name, "vae"), "vae", "{}")
    assert torch.equal(load_file(tmp_path / "a.safetensors")["data_std"], wide[None, :, :1])


@pytest.mark.parametrize("save", [_archive, _older])
@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (lambda marker: Shell(f"touch {marker}"), "posix.system"),
        (lambda _: torch.nn.Linear, "torch.nn.modules.linear.Linear"),
        (lambda _: eval, "__builtin__.eval"),
        (lambda _: torch.Size([1]), "torch.Size"),
        (lambda _: torch.zeros(2).numpy(), "numpy._core.multiarray._reconstruct"),
    ],
)
def test_a_pickle_that_wants_more_than_tensors_is_refused(
    extra: Callable[[Path], Any], named: str, save: Save, tmp_path: Path
) -> None:
    path, marker = tmp_path / "a.pth", tmp_path / "marker"
    save({"a": torch.zeros(2), "b": extra(marker)}, path)
    with pytest.raises(UsageError, match=rf"a\.pth is refused: it would run {named}, .* Nothing was run") as refused:
        read_checkpoint(path)
    assert "\n" not in str(refused.value)
    assert not marker.exists()


def _with_pickle(path: Path, pickled: bytes) -> None:
    """An archive of torch's whose pickle was replaced."""
    whole = io.BytesIO()
    torch.save({"a": torch.zeros(4)}, whole)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w") as changed:
        for entry in archive.infolist():
            changed.writestr(entry.filename, pickled if entry.filename.endswith(".pkl") else archive.read(entry))


_FOUR, _BILLION = b"K\x04", b"J\x00\xca\x9a;"


def _rebuilt(arguments: bytes) -> bytes:
    return b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def _tensor(numel: bytes, offset: bytes, size: bytes) -> bytes:
    storage = b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + numel
    rest = offset + size + b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)R"
    return _rebuilt(b"((X\x07\x00\x00\x00storage" + storage + b"tQ" + rest + b"t")


@pytest.mark.parametrize(
    ("pickled", "said"),
    [
        (pickle.dumps({"a": OrderedDict()}, 4), "is refused: its pickle uses"),
        (pickle.dumps({"a": [1.5] * 3}, 2)[:-3], "damaged or cut short"),
        (b"\x80\x02(cos\nsystem\nX\x04\x00\x00\x00trueo.", "is refused: it would run os.system"),
        (b"\x80\x02(X\x04\x00\x00\x00trueios\nsystem\n.", "is refused: its pickle uses INST"),
        (b"\x80\x02\x82\x01.", "is refused: its pickle uses EXT1"),
        (b"\x80\x02X\x01\x00\x00\x00aQ.", "torch cannot read it"),
        (_rebuilt(b"X\x01\x00\x00\x00x\x85"), "torch cannot read it"),
        (_tensor(numel=_FOUR, offset=b"K\x00", size=_BILLION), "torch cannot read it"),
        (_tensor(numel=_FOUR, offset=_BILLION, size=_FOUR), "torch cannot read it"),
        (_tensor(numel=_BILLION, offset=b"K\x00", size=_BILLION), "torch cannot read it"),
        (b"\x80\x02K\x01.", "holds no dictionary of tensors"),
    ],
    ids=[
        "newer protocol", "cut short", "object", "instance", "extension", "reference", "arguments", "size", "offset",
        "storage", "no dictionary",
    ],
)  # fmt: skip
def test_a_pickle_that_abuses_what_is_allowed_is_refused(pickled: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    _with_pickle(path, pickled)
    with pytest.raises(UsageError, match=said) as refused:
        read_checkpoint(path)
    assert str(refused.value).startswith("a.pth ")
    assert "\n" not in str(refused.value)


def test_archives_that_unpack_to_more_than_they_are_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        archive.writestr("archive/data/0", bytes(64 << 20))
    with pytest.raises(UsageError, match="its parts are packed"):
        read_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        archive.writestr("archive/code/__torch__.py", "import os")
    with pytest.raises(UsageError, match="programs beside them"):
        read_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing else")
    with pytest.raises(UsageError, match="holds no plain tensors"):
        read_checkpoint(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
@pytest.mark.parametrize("save", [_archive, _older, lambda document, path: save_file(document, path)])
def test_what_is_cut_short_is_refused(save: Save, share: float, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    save(tensors("vae"), path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UsageError, match=r"a\.pth is (damaged|no checkpoint)") as refused:
        convert(path, tmp_path / "b", expected(TINY.name, "vae"), "vae", "{}")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", struct.pack("<Q", 1 << 60) + b"{" + bytes(99), struct.pack("<Q", 2) + b"{]", b"<html>" * 9],
    ids=["empty", "short", "huge header", "no JSON", "a page"],
)
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.pth is (damaged|no checkpoint)"):
        read_checkpoint(path)


def test_a_missing_an_extra_and_a_misshapen_key_are_named(tmp_path: Path) -> None:
    def refusal(part: str, changed: dict[str, Any]) -> str:
        torch.save(changed, tmp_path / "a.pth")
        with pytest.raises(UsageError) as refused:
            convert(tmp_path / "a.pth", tmp_path / "b", expected(TINY.name, part), part, "{}")
        assert not (tmp_path / "b").exists()
        assert "\n" not in str(refused.value)
        return str(refused.value)

    vae = checkpoint("vae")
    lacking = {key: value for key, value in vae.items() if key != "data_mean"}
    assert refusal("vae", lacking) == "a.pth does not fit this model: missing: data_mean"
    assert "extra: more" in refusal("vae", vae | {"more": torch.zeros(1)})
    assert "misshapen: data_mean is 1×2 instead of 1×80×1" in refusal("vae", vae | {"data_mean": torch.zeros(1, 2)})
    assert "misshapen: data_mean is" in refusal("vae", vae | {"data_mean": torch.zeros(1).expand(10**12)})
    assert "beside plain tensors it holds 'data_mean'" in refusal("vae", vae | {"data_mean": 3.0})
    assert "beside plain tensors it holds 'data_mean'" in refusal(
        "vae", vae | {"data_mean": torch.zeros(1, 80, 1, dtype=torch.int64)}
    )
    for part, other in (("flow", "vae"), ("sync", "clip"), ("vocoder", "sync"), ("clip", "flow")):
        assert "missing: " in refusal(part, checkpoint(other)), f"{other} is no {part}"
    assert "its generator is no dictionary" in refusal("vocoder", {"generator": torch.zeros(3)})
    vocoder = checkpoint("vocoder")
    del vocoder["generator"]["conv_pre.weight_g"]
    assert "missing: conv_pre.weight; extra: conv_pre.weight_v" in refusal("vocoder", vocoder)
