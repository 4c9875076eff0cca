"""A server that several clients use at once: fair, bounded, and nothing made twice."""

from collections.abc import Callable

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from tests.server.running import DEADLINE_S, Server, eventually, refusal
from v2a_api.v1 import generation_pb2 as pb


def create(
    server: Server, name: str, client: str, priority: "pb.Priority.ValueType" = pb.PRIORITY_INTERACTIVE
) -> pb.Generation:
    request = pb.CreateGenerationRequest(request_id=name, spec=server.spec(steps=1), priority=priority)
    return server.generation.CreateGeneration(request, metadata=(("v2a-client", client),), timeout=DEADLINE_S)


def started(server: Server, names: list[str]) -> list[str]:
    """Names in the order in which they were run, one after another."""
    ended = {name: server.finish(name).ended_ms for name in names}
    return sorted(names, key=lambda name: (ended[name], names.index(name)))


def test_turns_between_clients_and_priorities(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.create("blocks", server.spec(steps=20_000, step_s=0.02))
    server.until_sampling("blocks")
    for number in range(3):
        assert create(server, f"night-{number}", "archive", pb.PRIORITY_BATCH).priority == pb.PRIORITY_BATCH
    create(server, "other-night", "bob", pb.PRIORITY_BATCH)
    create(server, "click", "alice")

    def place() -> int:
        return next(e.progress.queue_position for e in server.watch("other-night") if e.HasField("progress"))

    assert eventually(lambda: place() == 3)  # behind what runs, the click, and one of the archive's
    server.cancel("blocks")
    names = ["night-0", "night-1", "night-2", "other-night", "click"]
    assert started(server, names) == ["click", "night-0", "other-night", "night-1", "night-2"]
    server.stop()


def test_a_full_queue_says_when_to_come_back(new_server: Callable[..., Server]) -> None:
    server = new_server(max_queued=2).start()
    server.create("blocks", server.spec(steps=20_000, step_s=0.02))
    server.until_sampling("blocks")
    create(server, "a-1", "alice")
    create(server, "a-2", "alice")
    with pytest.raises(grpc.RpcError) as refused:
        create(server, "a-3", "alice")
    call = refused.value
    assert isinstance(call, grpc.Call)
    assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = Status.FromString(dict(call.trailing_metadata() or ())["grpc-status-details-bin"])
    assert (status.code, status.message) == (8, call.details())
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert 0.5 <= retry.retry_delay.ToTimedelta().total_seconds() <= 60
    # Alice has filled the queue, and does not keep Bob out; nor herself from what she waits for.
    create(server, "b-1", "bob")
    create(server, "a-night", "alice", pb.PRIORITY_BATCH)
    server.cancel("blocks")
    assert server.finish("a-night").state == pb.STATE_SUCCEEDED
    server.stop()


def test_a_priority_that_nobody_knows(server: Server) -> None:
    request = pb.CreateGenerationRequest(request_id="odd", spec=server.spec(), priority=99)  # type: ignore[arg-type]
    code, text = refusal(lambda: server.generation.CreateGeneration(request, timeout=DEADLINE_S))
    assert (code, text) == (grpc.StatusCode.INVALID_ARGUMENT, "the priority is not one that this server knows")


def test_what_was_made_before_is_answered_from_the_store(server: Server) -> None:
    spec = server.spec(takes=2, warning="it hums")
    server.create("first", spec)
    first = server.finish("first")
    second = server.create("second", spec)
    assert second.state == pb.STATE_SUCCEEDED
    assert list(second.takes) == list(first.takes)
    assert list(second.warnings) == ["it hums"]
    assert [event.WhichOneof("event") for event in server.durable("second")] == ["warning", "take", "take", "state"]
    # Each stands for itself.
    server.delete("first")
    assert server.read("second", 1)
    server.delete("second")
    assert not {take.sha256 for take in first.takes} & set(server.results())


def test_what_was_computed_otherwise_is_made_anew(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    spec = server.spec(clock=True)
    server.create("job", spec)
    first = server.finish("job")
    seen = server.durable("job")[-1].sequence
    server.create("goes-on", server.spec(seed=1, steps=20, step_s=0.03))
    server.until_sampling("goes-on")
    server.kill()
    server.options["computing"] = "float32 on auto"
    server.start()
    # It began on the other server, and is this one's sound.
    went_on = server.finish("goes-on")
    assert (went_on.state, went_on.attempt) == (pb.STATE_SUCCEEDED, 2)
    assert server.create("goes-on", went_on.spec) == went_on
    assert server.create("job", spec).state == pb.STATE_QUEUED
    anew = server.finish("job")
    assert anew.warnings != first.warnings
    assert anew.attempt == 2
    assert server.create("job", spec) == anew
    assert server.durable("job", after_sequence=seen)[-1].state.state == pb.STATE_SUCCEEDED
    server.stop()


def test_a_take_that_was_damaged_on_disk_is_not_sent_and_is_made_anew(server: Server) -> None:
    spec = server.spec()
    server.create("damaged", spec)
    (take,) = server.finish("damaged").takes
    sound = b"".join(server.read("damaged"))
    stored = server.folder / "store" / "results" / take.sha256[:2] / take.sha256
    stored.write_bytes(sound[:-1] + b"x")
    code, text = refusal(lambda: server.read("damaged"))
    assert code is grpc.StatusCode.DATA_LOSS
    assert "ask for it again" in text
    failed = server.get("damaged")
    assert (failed.state, failed.error_kind, list(failed.takes)) == (pb.STATE_FAILED, "StorageError", [])
    assert server.create("damaged", spec).attempt == 2
    assert list(server.finish("damaged").takes) == [take]
    assert b"".join(server.read("damaged")) == sound
    # Nor is a damaged take given to somebody who asks for the same.
    stored.unlink()
    assert server.create("other", spec).state == pb.STATE_QUEUED
    assert list(server.finish("other").takes) == [take]
