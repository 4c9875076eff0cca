"""What reads other people's files can do little else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.v2a.mmaudio.checkpoints import TINY, checkpoint

GIVES_UP = "import v2a.confined as c; c._give_up_network(); c._give_up_the_rest(1 << 20);"


def confined(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", GIVES_UP + program], capture_output=True, text=True, cwd=folder, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os; os.system('touch marker')", "would have led to os.system"),
        ("import subprocess; subprocess.run(['touch', 'marker'])", "would have led to"),
        ("import os; os.fork()", "would have led to os.fork"),
        ("open('marker', 'w')", "would have led to open"),
        ("import os; os.open('marker', os.O_CREAT | os.O_WRONLY)", "would have led to open"),
        ("import os; os.remove('kept')", "would have led to os.remove"),
        ("import socket; socket.socket()", "would have led to socket"),
        ("bytearray(8 << 30)", "MemoryError"),
    ],
)
def test_it_starts_nothing_writes_nothing_and_takes_no_more_memory(program: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    if said == "MemoryError" and sys.platform != "linux":
        pytest.skip("memory is limited on Linux only")
    assert said in confined(program, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_its_network_leads_nowhere(tmp_path: Path) -> None:
    if (
        sys.platform != "linux"
        or subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("the network cannot be given up here: unshare -rn is not allowed")
    lines = confined("print(open('/proc/self/net/dev').read())", tmp_path).splitlines()
    assert [line.split(":")[0].strip() for line in lines if ":" in line] == ["lo"]


def test_it_answers_in_one_json_object(tmp_path: Path) -> None:
    torch.save(checkpoint("vocoder"), tmp_path / "a.pth")

    def answer(source: str) -> dict[str, object]:
        command = [sys.executable, "-I", "-B", "-m", "v2a.confined"]
        command += [source, "b", "mmaudio", TINY.name, "vocoder", "{}", str(os.getpid())]
        done = subprocess.run(
            command, capture_output=True, cwd=tmp_path, env={"OMP_NUM_THREADS": "1"}, check=False, text=True
        )
        found: dict[str, object] = json.loads(done.stdout)
        assert (done.returncode, done.stderr) == (int("error" in found), "")
        return found

    assert answer("a.pth") == {"n_tensors": 784}
    assert (tmp_path / "b").exists()
    assert answer("none.pth")["kind"] == "StorageError"


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    torch.save(checkpoint("vocoder"), tmp_path / "a.pth")
    command = [sys.executable, "-I", "-B", "-m", "v2a.confined"]
    command += ["a.pth", "b", "mmaudio", TINY.name, "vocoder", "{}", "1"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=False)
    if sys.platform != "linux":
        pytest.skip("processes end with others on Linux only")
    assert (done.returncode, done.stdout) == (1, b"")
    assert not (tmp_path / "b").exists()
