"""`v2a generate -o -`: a sound that is heard while it is made."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import DEADLINE_S, Server
from v2a_api.v1 import generation_pb2 as pb

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def server(new_server: Callable[..., Server]) -> Server:
    return new_server(read_anything=True).start()


def hear(server: Server, film: Path, *, who: str, **plan: Any) -> subprocess.Popen[bytes]:
    """The command, whose output nobody has read yet. who: makes the request one of its own."""
    prompt = json.dumps({"who": who, **plan})
    command = ["generate", str(film), "-o", "-", "--model", "tones", "--prompt", prompt, "--server", server.address]
    return subprocess.Popen(
        [sys.executable, "-m", "v2a_plugin", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def jobs(server: Server) -> list[pb.Generation]:
    return list(server.generation.ListGenerations(pb.ListGenerationsRequest()).generations)


def test_it_is_heard_before_it_is_finished_and_whole_in_the_end(server: Server, film: Path) -> None:
    process = hear(server, film, who="early", grows=6, grow_s=0.3)
    assert process.stdout is not None
    first = process.stdout.read(4)
    job = jobs(server)[0]
    assert first == b"RIFF"
    assert job.state == pb.STATE_RUNNING
    rest = process.stdout.read()  # what is in its buffer, too
    _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, err
    server.finish(job.request_id)
    assert first + rest == b"".join(server.read(job.request_id))
    assert b"mix, take 1, 2.000 s" in err  # what is said of it does not go into the sound


def test_what_is_too_short_to_grow_comes_whole(server: Server, film: Path) -> None:
    for _ in range(2):  # and again, from the store
        heard, err = hear(server, film, who="short").communicate(timeout=DEADLINE_S)
        assert heard == b"".join(server.read(jobs(server)[0].request_id)), err


def test_whoever_stops_listening_stops_the_work(server: Server, film: Path) -> None:
    process = hear(server, film, who="gone", grows=40, grow_s=0.2)
    assert process.stdout is not None
    process.stdout.read(4)
    process.stdout.close()
    assert process.wait(DEADLINE_S) == 1
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    deadline = time.monotonic() + DEADLINE_S
    while jobs(server)[0].state != pb.STATE_CANCELLED:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_that_fails_says_so(server: Server, film: Path) -> None:
    process = hear(server, film, who="broken", error="the film is broken")
    heard, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, heard) == (1, b"")
    assert b"v2a: error: the film is broken" in err


@pytest.mark.parametrize("more", [["--takes", "2"], ["--json"], ["--mux", "out.mp4"], ["--layer", "effects=a"]])
def test_only_one_sound_goes_into_a_pipe(run_v2a: Run, film: Path, more: list[str]) -> None:
    done = run_v2a("generate", film, "-o", "-", "--prompt", "rain", *more)
    assert done.status == 2
    assert "-o - writes one take of one layer" in done.err
    assert not done.out
