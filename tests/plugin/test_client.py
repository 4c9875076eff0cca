import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from v2a.errors import BusyError, MediaError, NotFoundError, StorageError, UnavailableError, UsageError
from v2a.request import Delivery, Layer, Piece, Sampling
from v2a_api.v1 import generation_pb2 as pb
from v2a_plugin.channel import open_channel
from v2a_plugin.client import Client, ServerChoice, connect, request_id
from v2a_plugin.specs import clip_spec, generation_spec

Start = Callable[..., Any]
ZERO, SECOND = Fraction(0), Fraction(1)


def build(client: Client, film: Path, sampling: Sampling | None = None, **delivery: Any) -> pb.GenerationSpec:
    clip = clip_spec(film, [Piece(ZERO, SECOND, ZERO, SECOND)])
    layers = [Layer("effects", "steps")]
    spec = generation_spec(clip, client.model("pocket"), layers, sampling or Sampling(), Delivery(**delivery))
    client.use_source(spec.clip, film)
    return spec


def test_a_sound_is_made_watched_and_fetched(fake_server: Start, film: Path, tmp_path: Path) -> None:
    events: list[pb.GenerationEvent] = []
    with connect(ServerChoice(fake_server().address)) as client:
        job = client.generate(build(client, film, Sampling(takes=2)), events.append)
        assert [(take.layer, take.index) for take in job.takes] == [("effects", 0), ("effects", 1)]
        assert [event.take.index for event in events if event.HasField("take")] == [0, 1]
        client.fetch(job.request_id, job.takes[0], tmp_path / "out.wav")
    assert (tmp_path / "out.wav").stat().st_size == job.takes[0].size_bytes == 44 + 3 * 48_000


def test_the_id_names_what_decides_the_sound_and_not_where_the_film_lies(fake_server: Start, film: Path) -> None:
    with connect(ServerChoice(fake_server().address)) as client:
        spec = build(client, film)
        other_seed = build(client, film, Sampling(seed=1))
        at_other_time = build(client, film, timecode_origin_s=SECOND)
    moved = pb.GenerationSpec()
    moved.CopyFrom(spec)
    moved.clip.upload_sha256 = "b" * 64
    assert request_id(spec) == request_id(moved)
    assert len({request_id(each) for each in (spec, other_seed, at_other_time)}) == 3
    program = (
        "import sys; from v2a_api.v1 import generation_pb2 as pb; from v2a_plugin.client import request_id;"
        "print(request_id(pb.GenerationSpec.FromString(bytes.fromhex(sys.argv[1]))))"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program, spec.SerializeToString().hex()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == request_id(spec)
    assert request_id(spec).startswith("v2a-")


def test_a_broken_line_is_taken_up_where_it_broke(fake_server: Start, film: Path, tmp_path: Path) -> None:
    server = fake_server("drops")
    with connect(ServerChoice(server.address)) as client:
        job = client.generate(build(client, film))
        client.fetch(job.request_id, job.takes[0], tmp_path / "out.wav")
    assert len(server.calls("create")) == 1
    assert [call["after"] for call in server.calls("watch")] == [0, 2]
    assert [call["offset"] for call in server.calls("read")] == [0, 1000]


def test_a_job_that_fails_raises_the_error_that_the_server_names(fake_server: Start, film: Path) -> None:
    with (
        connect(ServerChoice(fake_server("fails").address)) as client,
        pytest.raises(MediaError, match="the film is damaged at 3 s"),
    ):
        client.generate(build(client, film))


def test_a_full_queue_is_a_busy_error(fake_server: Start, film: Path) -> None:
    with (
        connect(ServerChoice(fake_server("refuses").address)) as client,
        pytest.raises(BusyError, match="try again") as refused,
    ):
        client.generate(build(client, film))
    assert refused.value.retry_after_s == 2.5


def test_a_server_hears_who_asks_and_how_urgently(fake_server: Start, film: Path) -> None:
    server = fake_server()
    with connect(ServerChoice(server.address)) as client:
        client.generate(build(client, film))
        client.priority = pb.PRIORITY_BATCH
        client.generate(build(client, film))
    now, later = server.calls("create")
    assert (now["priority"], later["priority"]) == ("PRIORITY_INTERACTIVE", "PRIORITY_BATCH")
    assert now["client"] == later["client"]
    assert len(now["client"]) == 16


def test_a_server_that_dies_is_reported_with_what_to_do(fake_server: Start, film: Path) -> None:
    server = fake_server("dies")
    with connect(ServerChoice(server.address)) as client:
        with pytest.raises(UnavailableError, match="Ask for the same again") as caught:
            client.generate(build(client, film))
        assert f"process {server.process.pid}" in str(caught.value)
    assert server.process.wait() == -signal.SIGKILL


def test_a_server_that_came_back_is_found_at_once_though_an_older_client_missed_it(
    fake_server: Start, tmp_path: Path
) -> None:
    first = fake_server()
    with connect(ServerChoice(first.address)) as older:
        first.process.kill()
        first.process.wait()
        until_s = time.monotonic() + 3
        while time.monotonic() < until_s:  # each failure makes it wait longer before it tries again
            with pytest.raises(UnavailableError):
                older.info()
            time.sleep(0.2)
        (tmp_path / "s").unlink(missing_ok=True)
        fake_server()
        # The very first call: `connect` would try twice, and so hide half of the failures.
        with Client(open_channel(first.address)) as newer:
            assert newer.info().pid != first.process.pid


def test_a_server_that_died_before_the_next_job_is_reported_so_too(fake_server: Start, film: Path) -> None:
    server = fake_server()
    with connect(ServerChoice(server.address)) as client:
        spec = build(client, film)
        server.process.kill()
        server.process.wait()
        with pytest.raises(UnavailableError, match="Ask for the same again"):
            client.generate(spec)


def test_interrupting_cancels_the_job_on_the_server(fake_server: Start, film: Path) -> None:
    server = fake_server("slow")

    def interrupt(event: pb.GenerationEvent) -> None:
        if event.progress.step == 3:
            raise KeyboardInterrupt

    with connect(ServerChoice(server.address)) as client:
        spec = build(client, film)
        with pytest.raises(KeyboardInterrupt):
            client.generate(spec, interrupt)
    assert [call["request_id"] for call in server.calls("cancel")] == [request_id(spec)]


def test_interrupting_in_the_moment_in_which_a_watch_begins_ends_the_program(fake_server: Start, film: Path) -> None:
    program = (
        "import sys, grpc._channel; from pathlib import Path; from fractions import Fraction;"
        "from tests.plugin.test_client import build; from v2a_plugin.client import ServerChoice, connect\n"
        "def interrupt(state): raise KeyboardInterrupt\n"
        "with connect(ServerChoice(sys.argv[1])) as client:\n"
        "    spec = build(client, Path(sys.argv[2]))\n"
        "    grpc._channel._run_channel_spin_thread = interrupt\n"
        "    client.generate(spec)\n"
    )
    server = fake_server("slow")
    command = [sys.executable, "-c", program, server.address, str(film)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert len(server.calls("cancel")) == 1


def test_damaged_bytes_never_become_a_file(fake_server: Start, film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "out.wav").write_bytes(b"before")
    with connect(ServerChoice(fake_server("corrupt").address)) as client:
        job = client.generate(build(client, film))
        with pytest.raises(StorageError, match="checksum"):
            client.fetch(job.request_id, job.takes[0], folder / "out.wav")
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("out.wav", b"before")]


def test_a_film_is_uploaded_where_the_server_reads_no_paths(fake_server: Start, tmp_path: Path, film: Path) -> None:
    large = tmp_path / "large.mp4"
    large.write_bytes(film.read_bytes() + bytes(3 << 20))  # several chunks: the first upload breaks after one
    server = fake_server("uploads")
    with connect(ServerChoice(server.address)) as client:
        spec = build(client, large)
    assert spec.clip.WhichOneof("source") == "upload_sha256"
    assert [call["offset"] for call in server.calls("upload")] == [0, 1 << 20]


def test_the_token_goes_with_every_call(fake_server: Start, film: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    server = fake_server()
    with connect(ServerChoice(server.address, token)) as client:
        job = client.generate(build(client, film))
        client.fetch(job.request_id, job.takes[0], tmp_path / "out.wav")
    calls = [call for kind in ("create", "watch", "read") for call in server.calls(kind)]
    assert [call["token"] for call in calls] == ["Bearer secret"] * 3


def test_a_token_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("missing", "empty"):
        with pytest.raises(UsageError, match=f"token file .*{name}"):
            connect(ServerChoice("127.0.0.1:1", tmp_path / name))


def test_a_server_of_another_contract_is_refused(fake_server: Start) -> None:
    server = fake_server("contract")
    with pytest.raises(UnavailableError, match=rf"version 99.*kill {server.process.pid}"):
        connect(ServerChoice(server.address))


@pytest.mark.parametrize("address", ["", "unix:relative", "localhost", "127.0.0.1:99999", "example.org:50051", "[::1]"])
def test_addresses_off_this_machine_or_malformed_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        connect(ServerChoice(address))


def test_nobody_at_the_address_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        connect(ServerChoice(f"unix:{tmp_path}/nobody"))


def test_an_unknown_model_is_answered_with_the_known_ones(fake_server: Start) -> None:
    with connect(ServerChoice(fake_server().address)) as client:
        assert [model.name for model in client.models()] == ["pocket"]
        with pytest.raises(NotFoundError, match="known: pocket"):
            client.model("choir")


def test_what_the_model_cannot_make_is_refused_before_the_server_is_asked(fake_server: Start, film: Path) -> None:
    with connect(ServerChoice(fake_server().address)) as client:
        clip = clip_spec(film, [Piece(ZERO, SECOND, ZERO, SECOND)])
        with pytest.raises(UsageError, match="makes no dialogue"):
            generation_spec(clip, client.model("pocket"), [Layer("dialogue")], Sampling(), Delivery())


def test_a_held_frame_has_a_digest_of_its_own(film: Path) -> None:
    held = [clip_spec(film, [Piece(time_s, time_s, ZERO, SECOND)]) for time_s in (ZERO, SECOND, SECOND)]
    assert held[1] == held[2]
    assert held[0].source_digest != held[1].source_digest


def test_a_time_that_does_not_fit_on_the_wire_is_refused(film: Path) -> None:
    end_s = 1 + Fraction(1, 3**50)
    with pytest.raises(UsageError, match="too many decimals"):
        clip_spec(film, [Piece(ZERO, end_s, ZERO, end_s)])
