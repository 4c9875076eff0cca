"""Jobs from creation to deletion."""

import hashlib
import wave
from collections.abc import Callable
from io import BytesIO

import grpc
import pytest

from tests.server.running import DEADLINE_S, Server, refusal
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import time_pb2


def test_a_job_gives_its_takes(server: Server) -> None:
    made = server.create("two-takes", server.spec(takes=2, warning="it hums", prints=True))
    assert (made.state, made.attempt) == (pb.STATE_QUEUED, 1)
    done = server.finish("two-takes")
    assert done.state == pb.STATE_SUCCEEDED
    assert (done.error, list(done.warnings)) == ("", ["it hums"])
    assert done.created_ms <= done.ended_ms
    assert [(take.layer, take.index) for take in done.takes] == [("mix", 0), ("mix", 1)]
    for take in done.takes:
        wav = b"".join(server.read("two-takes", take.index))
        assert hashlib.sha256(wav).hexdigest() == take.sha256
        with wave.open(BytesIO(wav)) as file:
            assert file.getnframes() == take.n_samples == 12_000
    # What the worker printed did not get into the pipe, but is not lost either.
    assert "a library says hello" in server.log()
    assert "and a C library, too" in server.log()


def test_events_come_in_order_and_can_be_replayed_from_any(server: Server) -> None:
    server.create("replay", server.spec(takes=2, warning="it hums"))
    live = list(server.watch("replay"))
    assert [event.sequence for event in live] == sorted(event.sequence for event in live)
    durable = [event for event in live if not event.HasField("progress")]
    assert [event.sequence for event in durable] == [1, 2, 3, 4, 5, 6]
    kinds = [event.WhichOneof("event") for event in durable]
    assert kinds == ["state", "state", "warning", "take", "take", "state"]
    assert [event.state.state for event in durable if event.HasField("state")] == [
        pb.STATE_QUEUED,
        pb.STATE_RUNNING,
        pb.STATE_SUCCEEDED,
    ]
    for after in range(7):
        assert server.durable("replay", after) == durable[after:]


def test_a_repeated_create_returns_the_job(server: Server) -> None:
    server.create("again", server.spec(seed=1))
    done = server.finish("again")
    assert server.create("again", server.spec(seed=1)) == done
    # Where the film lies does not decide the sound.
    assert server.create("again", server.spec("elsewhere.mp4", seed=1)) == done


def test_an_id_is_not_used_for_another_request(server: Server) -> None:
    server.create("mine", server.spec(seed=1))
    code, text = refusal(lambda: server.create("mine", server.spec(seed=2)))
    assert code is grpc.StatusCode.ALREADY_EXISTS
    assert "choose a new one" in text


def test_a_failed_job_is_started_again(server: Server) -> None:
    spec = server.spec(error="the film is broken", bad_attempts=1)
    server.create("fails-once", spec)
    failed = server.finish("fails-once")
    assert (failed.state, failed.error, failed.error_kind) == (
        pb.STATE_FAILED,
        "the film is broken",
        "MediaError",
    )
    again = server.create("fails-once", spec)
    assert (again.state, again.attempt, again.error, again.ended_ms) == (pb.STATE_QUEUED, 2, "", 0)
    done = server.finish("fails-once")
    assert (done.state, done.attempt, len(done.takes)) == (pb.STATE_SUCCEEDED, 2, 1)
    (failure,) = [e.state for e in server.durable("fails-once") if e.state.state == pb.STATE_FAILED]
    assert (failure.error, failure.error_kind, failure.attempt) == ("the film is broken", "MediaError", 1)


def test_a_bug_is_told_by_its_number_only(server: Server) -> None:
    server.create("before-the-bug", server.spec())
    server.finish("before-the-bug")
    (spoilt,) = server.worker_pids()
    server.create("bug", server.spec(bug=True))
    server.create("behind-the-bug", server.spec())
    failed = server.finish("bug")
    assert failed.state == pb.STATE_FAILED
    assert failed.error_kind == "GenerationError"
    assert failed.error.startswith("internal error ")
    assert "secret" not in failed.error
    assert "a secret of the code" in server.log()
    # The next job does not meet the process that the bug has spoilt.
    behind = server.finish("behind-the-bug")
    assert (behind.state, behind.attempt) == (pb.STATE_SUCCEEDED, 1)
    assert spoilt not in server.worker_pids()


def test_cancel_in_the_middle_frees_the_worker(server: Server) -> None:
    spec = server.spec(steps=20_000, step_s=0.02)
    server.create("endless", spec)
    server.create("next", server.spec(seed=5))
    server.until_sampling("endless")
    position = next(e.progress for e in server.watch("next") if e.HasField("progress"))
    assert (position.stage, position.queue_position) == ("waiting", 1)
    assert server.cancel("endless").state == pb.STATE_CANCELLED
    # Minutes of sampling are left, and the deadline is shorter.
    assert server.finish("next").state == pb.STATE_SUCCEEDED
    assert server.get("endless").takes == []
    assert server.cancel("endless").state == pb.STATE_CANCELLED
    assert server.durable("endless")[-1].state.state == pb.STATE_CANCELLED
    again = server.create("endless", spec)
    assert (again.state, again.attempt) == (pb.STATE_QUEUED, 2)
    server.cancel("endless")


def test_a_waiting_job_can_be_cancelled(server: Server) -> None:
    server.create("first", server.spec(steps=20_000, step_s=0.02))
    server.create("waits", server.spec(seed=6))
    assert server.cancel("waits").state == pb.STATE_CANCELLED
    server.cancel("first")
    states = [event.state.state for event in server.durable("waits")]
    assert states == [pb.STATE_QUEUED, pb.STATE_CANCELLED]


def test_deleting_releases_what_no_other_job_has(server: Server) -> None:
    server.create("twin-a", server.spec(seed=70, steps=1))
    server.create("twin-b", server.spec(seed=70, steps=2))
    (take,) = server.finish("twin-a").takes
    assert list(server.finish("twin-b").takes) == [take]
    server.delete("twin-a")
    assert refusal(lambda: server.get("twin-a"))[0] is grpc.StatusCode.NOT_FOUND
    assert take.sha256 in server.results()
    assert server.read("twin-b")
    server.delete("twin-b")
    assert take.sha256 not in server.results()


def test_a_job_that_has_not_ended_is_not_deleted(server: Server) -> None:
    server.create("busy", server.spec(steps=20_000, step_s=0.02))
    code, text = refusal(lambda: server.delete("busy"))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "cancel it first" in text
    server.cancel("busy")
    server.delete("busy")


def test_pages_of_jobs(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    names = [f"job-{number}" for number in range(5)]
    for name in names:
        server.create(name, server.spec())
    listed, token = [], ""
    while True:
        request = pb.ListGenerationsRequest(page_size=2, page_token=token)
        page = server.generation.ListGenerations(request, timeout=DEADLINE_S)
        assert 1 <= len(page.generations) <= 2
        listed += [generation.request_id for generation in page.generations]
        token = page.next_page_token
        if not token:
            break
    assert listed == names[::-1]
    for bad in (pb.ListGenerationsRequest(page_size=1_001), pb.ListGenerationsRequest(page_token="x")):  # noqa: S106
        code, _ = refusal(lambda bad=bad: server.generation.ListGenerations(bad, timeout=DEADLINE_S))  # type: ignore[misc]
        assert code is grpc.StatusCode.INVALID_ARGUMENT
    server.stop()


def test_a_page_fits_into_a_message(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    for number in range(6):
        spec = server.spec(seed=number)
        spec.layers[0].transcript = "🗣" * 100_000
        spec.layers.add(name="effects", transcript=spec.layers[0].transcript)
        server.create(f"long-{number}", spec)
    first = server.generation.ListGenerations(pb.ListGenerationsRequest(), timeout=DEADLINE_S)
    assert 1 < len(first.generations) < 6
    rest = pb.ListGenerationsRequest(page_token=first.next_page_token)
    second = server.generation.ListGenerations(rest, timeout=DEADLINE_S)
    listed = [generation.request_id for generation in (*first.generations, *second.generations)]
    assert listed == [f"long-{number}" for number in range(5, -1, -1)]
    server.stop()


def test_the_queue_is_bounded(new_server: Callable[..., Server]) -> None:
    server = new_server(max_queued=2).start()
    server.create("runs", server.spec(steps=20_000, step_s=0.02))
    server.until_sampling("runs")
    server.create("waits-1", server.spec(seed=1))
    server.create("waits-2", server.spec(seed=2))
    code, text = refusal(lambda: server.create("too-many", server.spec(seed=3)))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "try again later" in text
    server.create("waits-2", server.spec(seed=2))  # is there already
    server.cancel("runs")
    assert server.finish("waits-2").state == pb.STATE_SUCCEEDED
    server.stop()


def test_takes_are_read_in_chunks_and_from_an_offset(server: Server) -> None:
    long = server.spec()
    long.clip.pieces[0].presented_end.CopyFrom(time_pb2.Rational(num=15, den=1))
    server.create("long", long)
    (take,) = server.finish("long").takes
    chunks = server.read("long")
    assert take.size_bytes == sum(map(len, chunks)) > 1 << 20
    assert [len(chunk) for chunk in chunks[:-1]] == [1 << 20] * (len(chunks) - 1)
    whole = b"".join(chunks)
    assert b"".join(server.read("long", offset_bytes=1_234_567)) == whole[1_234_567:]
    assert server.read("long", offset_bytes=take.size_bytes) == []
    for offset in (take.size_bytes + 1, -1):
        code, _ = refusal(lambda offset=offset: server.read("long", offset_bytes=offset))  # type: ignore[misc]
        assert code is grpc.StatusCode.OUT_OF_RANGE
    assert refusal(lambda: server.read("long", index=1))[0] is grpc.StatusCode.NOT_FOUND


def test_unknown_jobs(server: Server) -> None:
    calls: list[Callable[[], object]] = [
        lambda: server.get("nobody"),
        lambda: server.cancel("nobody"),
        lambda: server.delete("nobody"),
        lambda: list(server.watch("nobody")),
        lambda: server.read("nobody"),
    ]
    for call in calls:
        assert refusal(call) == (grpc.StatusCode.NOT_FOUND, "there is no job nobody")
    assert refusal(lambda: list(server.watch("nobody", -1)))[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        (
            pb.GenerationSpec(sampling=pb.Sampling(takes=0)),
            "INVALID_ARGUMENT",
            "takes must lie between 1 and 16",
        ),
        (pb.GenerationSpec(sampling=pb.Sampling(takes=1, seed=-1)), "INVALID_ARGUMENT", "seed"),
        (
            pb.GenerationSpec(sampling=pb.Sampling(takes=1, guidance=float("nan"))),
            "INVALID_ARGUMENT",
            "guidance",
        ),
        (pb.GenerationSpec(layers=[pb.Layer(prompt="x" * 60_000)]), "INVALID_ARGUMENT", "60,000 characters"),
        (pb.GenerationSpec(layers=[pb.Layer(name="noise")]), "INVALID_ARGUMENT", "unknown layer 'noise'"),
        # Told shortened: a status is a header, and headers are small.
        (pb.GenerationSpec(layers=[pb.Layer(name="☃" * 60_000)]), "INVALID_ARGUMENT", "unknown layer"),
        (pb.GenerationSpec(layers=[pb.Layer(name="music")]), "INVALID_ARGUMENT", "not music"),
        (pb.GenerationSpec(layers=[pb.Layer(), pb.Layer()]), "INVALID_ARGUMENT", "named twice: mix"),
        (
            pb.GenerationSpec(layers=[pb.Layer(cues=[pb.Cue()])]),
            "INVALID_ARGUMENT",
            "a cue's time is missing",
        ),
        (pb.GenerationSpec(delivery=pb.Delivery(rate_hz=8_000)), "INVALID_ARGUMENT", "44100, 48000 or 96000"),
        (pb.GenerationSpec(delivery=pb.Delivery(description="ä")), "INVALID_ARGUMENT", "256 ASCII"),
        (pb.GenerationSpec(clip=pb.Clip(source_digest="x")), "INVALID_ARGUMENT", "64 hex digits"),
        (pb.GenerationSpec(clip=pb.Clip(pieces=[pb.Piece()])), "INVALID_ARGUMENT", "source_start is missing"),
        (
            pb.GenerationSpec(clip=pb.Clip(source_rate=time_pb2.Rational(num=0, den=1))),
            "INVALID_ARGUMENT",
            "positive",
        ),
        (pb.GenerationSpec(model="x"), "NOT_FOUND", "no model named 'x' at this server; known: tones"),
        (pb.GenerationSpec(model_digest="x"), "FAILED_PRECONDITION", "another version"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_requests(server: Server, wrong: pb.GenerationSpec, code: str, said: str) -> None:
    spec = server.spec()
    if wrong.layers:
        spec.ClearField("layers")
    spec.ClearField("sampling" if wrong.HasField("sampling") else "delivery")
    spec.MergeFrom(wrong)
    status, text = refusal(lambda: server.create("wrong", spec))
    assert status is grpc.StatusCode[code]
    assert said in text


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 129, "../x"])
def test_wrong_ids(server: Server, request_id: str) -> None:
    code, text = refusal(lambda: server.create(request_id, server.spec()))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "request_id" in text


def test_an_empty_request(server: Server) -> None:
    code, text = refusal(lambda: server.create("empty", pb.GenerationSpec()))
    assert (code, text) == (grpc.StatusCode.INVALID_ARGUMENT, "the request names no clip")
