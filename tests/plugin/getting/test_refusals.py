"""What `v2a models get` does not do: go on without consent, open what is not published, install by halves."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.plugin.getting.publishing import PROGRAM, Publication, listing
from tests.v2a.mmaudio.checkpoints import Shell, checkpoint
from v2a import cards, extras

Run = Callable[..., Any]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_it_asks_and_takes_no_for_an_answer(
    answer: str, tiny: Publication, run_v2a: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    ended = run_v2a("models", "get", "tiny", "--from", tiny.folder)
    assert (ended.status, ended.out) == (1, "")
    where = f"https://huggingface.co/somebody/tiny/resolve/{'0' * 40}/weights/tiny_flow.pth\n"
    for shown in (where, "Attribution-NonCommercial", "CC-BY-NC-4.0 (no commercial use)", "are free"):
        assert shown in ended.err
    assert "Install tiny under these licences?" in ended.err
    assert listing(tmp_path / "models") == []


def test_nobody_to_ask_is_no_consent(tiny: Publication, run_v2a: Run, tmp_path: Path) -> None:
    ended = run_v2a("models", "get", "tiny", "--from", tiny.folder)
    assert (ended.status, "add --yes if you agree" in ended.err) == (2, True)
    assert listing(tmp_path / "models") == []


def _refused(run_v2a: Run, tiny: Publication, models: Path) -> str:
    ended = run_v2a("models", "get", "tiny", "--from", tiny.folder, "--yes", "--json")
    assert ended.status in (1, 2)
    assert ended.out == ""
    assert not [name for name in listing(models) if name.endswith(("card.json", ".part"))]
    assert "tiny" not in cards.model_names()
    (line,) = [line for line in ended.err.splitlines() if line.startswith("v2a: ")]
    assert ended.err.endswith(line + "\n"), "one line, and nothing after it"
    return str(line)


def test_a_file_that_is_not_the_published_one_is_not_opened(tiny: Publication, run_v2a: Run, tmp_path: Path) -> None:
    flow = tiny.files["flow"]
    flow.write_bytes(flow.read_bytes()[:-100])
    line = _refused(run_v2a, tiny, tmp_path / "models")
    assert f"error: {flow} is not the file that was published: its MD5 is" in line
    assert flow.exists(), "the user's own file is left alone"
    flow.unlink()
    line = _refused(run_v2a, tiny, tmp_path / "models")
    assert "lacks tiny_flow.pth (https://huggingface.co/somebody/tiny/resolve/" in line


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("code", "tiny_flow.pth is refused: it would run posix.system"),
        ("cut short", "tiny_flow.pth is damaged or cut short"),
        ("another model's", "tiny_flow.pth does not fit this model: missing: "),
    ],
)
def test_a_published_file_that_is_bad_is_refused(
    what: str, said: str, tiny: Publication, run_v2a: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, marker = tiny.files["flow"], tmp_path / "marker"
    if what == "code":
        torch.save({**checkpoint("flow"), "x": Shell(f"touch {marker}")}, flow)
    elif what == "cut short":
        flow.write_bytes(flow.read_bytes()[:-100])
    else:
        torch.save(checkpoint("clip"), flow)
    tiny.sign("flow")
    tiny.publish(monkeypatch, tmp_path / "signed.json")
    assert f"error: {said}" in _refused(run_v2a, tiny, tmp_path / "models")
    assert not marker.exists()


def test_no_for_an_answer_leaves_a_damaged_part(
    with_tiny: Publication, run_v2a: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards.card("tiny").part("clip").file.write_bytes(b"damaged")
    before = listing(tmp_path / "models")
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    ended = run_v2a("models", "get", "tiny", "--from", with_tiny.folder)
    assert (ended.status, "nothing was changed" in ended.err) == (1, True)
    assert listing(tmp_path / "models") == before


def test_a_full_disk_is_said_and_leaves_nothing(
    tiny: Publication, run_v2a: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in tiny.table["files"].values():
        file["n_bytes"] = 10**15
    tiny.publish(monkeypatch, tmp_path / "large.json")
    line = _refused(run_v2a, tiny, tmp_path / "models")
    assert "this needs 5000000.0 GB: make room, or set V2A_MODELS to a folder on another disk" in line
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here: unshare -rm is not allowed")
    for file in tiny.table["files"].values():
        file["n_bytes"] = 1  # so that it begins
    tiny.publish(monkeypatch, tmp_path / "small.json")
    models = tmp_path / "models"
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "small.json"), "models", "get", "tiny", "--yes"]
    steps = f'mount -t tmpfs -o size=1m none {models} && "$@"; status=$?; ls -A {models}/parts; exit $status'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", steps, "sh", *program, "--from", str(tiny.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be written: Error while serializing: I/O error: No space left on device" in done.stderr
    assert "Make room and try again" in done.stderr


def test_without_the_extra_it_says_how_to_install_it(
    tiny: Publication, run_v2a: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "huggingface_hub" else name)
    ended = run_v2a("models", "get", "tiny", "--yes")
    assert (ended.status, "pip install 'v2a-studio[mmaudio]'" in ended.err) == (2, True)


def test_two_at_once_do_not_meet(tiny: Publication, run_v2a: Run, tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "models").mkdir()
    with (tmp_path / "models" / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = run_v2a("models", "get", "tiny", "--from", tiny.folder, "--yes")
    assert (ended.status, "another command is changing" in ended.err) == (1, True)


def test_the_family_is_the_published_models_own(
    tiny: Publication, run_v2a: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model,) = tiny.table["models"]
    model["card"]["family"] = "elsewhere"
    tiny.publish(monkeypatch, tmp_path / "elsewhere.json")
    ended = run_v2a("models", "get", "tiny", "--from", tiny.folder, "--yes")
    assert (ended.status, "No module named 'v2a.models.elsewhere'" in ended.err) == (1, True)
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "huggingface_hub" else name)
    assert "this needs the 'elsewhere' extra" in run_v2a("models", "get", "tiny", "--yes").err


def test_what_cannot_be_got_is_said(run_v2a: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("V2A_MODELS", str(tmp_path / "models"))
    unknown = run_v2a("models", "get", "choir", "--yes")
    assert (unknown.status, "these can: mmaudio-small-16k, " in unknown.err) == (1, True)
    random = run_v2a("models", "get", "mmaudio-tiny-16k", "--yes")
    assert (random.status, "run it with random ones, mmaudio-tiny-16k=random" in random.err) == (1, True)
    own = run_v2a("models", "get", "pocket", "--yes")
    assert (own.status, "'pocket' is here already, and not published elsewhere: use it by" in own.err) == (2, True)


def test_what_cannot_be_removed_is_said(run_v2a: Run, with_tiny: Publication) -> None:
    own = run_v2a("models", "remove", "pocket", "--yes")
    assert (own.status, "'pocket' is a part of v2a-studio and stays with it" in own.err) == (2, True)
    unknown = run_v2a("models", "remove", "choir", "--yes")
    assert (unknown.status, unknown.err.rstrip().endswith("; installed there: tiny")) == (1, True)
