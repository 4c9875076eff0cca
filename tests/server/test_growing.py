"""Takes that can be heard while they are made."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from tests.server.running import DEADLINE_S, Server, refusal
from v2a_api.v1 import generation_pb2 as pb


def follow(server: Server, name: str, index: int = 0, offset_bytes: int = 0) -> Iterator[pb.TakeChunk]:
    request = pb.ReadTakeRequest(request_id=name, layer="mix", index=index, offset_bytes=offset_bytes, growing=True)
    return server.generation.ReadTake(request, timeout=DEADLINE_S)


def collect(chunks: Iterator[pb.TakeChunk]) -> tuple[bytes, pb.Take]:
    *data, last = list(chunks)
    assert last.HasField("take")
    return b"".join(chunk.data for chunk in data), last.take


def create(server: Server, name: str, **plan: Any) -> None:
    server.create(name, server.spec(grows=6, **plan))


def test_a_take_is_heard_before_it_is_finished_and_named_at_the_end(server: Server) -> None:
    create(server, "long", grow_s=0.1)
    chunks = follow(server, "long")
    first = next(chunks)
    assert first.data.startswith(b"RIFF")
    assert server.get("long").state == pb.STATE_RUNNING
    rest, take = collect(chunks)
    heard = first.data + rest
    assert hashlib.sha256(heard).hexdigest() == take.sha256  # tones change neither level nor labels
    assert list(server.finish("long").takes) == [take]
    assert b"".join(server.read("long")) == heard
    # Who comes too late is told which take to read.
    assert collect(follow(server, "long")) == (b"", take)


def test_watchers_hear_how_much_there_is(server: Server) -> None:
    create(server, "told", grow_s=0.1)
    growing = [event.growing for event in server.watch("told") if event.HasField("growing")]
    assert growing[-1].n_samples_ready == growing[-1].n_samples == 12_000
    ready = [part.n_samples_ready for part in growing]
    assert len(ready) >= 2
    assert ready == sorted(set(ready))
    # Nothing of this is remembered.
    assert {event.WhichOneof("event") for event in server.durable("told")} == {"state", "take"}


def test_reading_goes_on_through_the_death_of_a_worker(server: Server) -> None:
    create(server, "killed", grow_s=0.05, dies_at=4, bad_attempts=1)
    heard, take = collect(follow(server, "killed"))
    assert hashlib.sha256(heard).hexdigest() == take.sha256
    assert server.finish("killed").attempt == 2


def test_reading_goes_on_from_an_offset(server: Server) -> None:
    create(server, "cut", grow_s=0.1)
    chunks = follow(server, "cut")
    first = next(chunks).data
    chunks.cancel()  # type: ignore[attr-defined]
    rest, take = collect(follow(server, "cut", offset_bytes=len(first)))
    assert hashlib.sha256(first + rest).hexdigest() == take.sha256


def test_a_take_that_will_not_be_finished(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    create(server, "cancelled", grow_s=1)
    chunks = follow(server, "cancelled")
    next(chunks)
    server.cancel("cancelled")
    assert refusal(lambda: list(chunks)) == (grpc.StatusCode.CANCELLED, "the job cancelled was cancelled")
    server.create("failed", server.spec(error="the film is broken"))
    code, text = refusal(lambda: list(follow(server, "failed")))
    assert code is grpc.StatusCode.ABORTED
    assert "ended before this take was finished" in text
    assert refusal(lambda: list(follow(server, "failed", index=7)))[0] is grpc.StatusCode.NOT_FOUND
    assert refusal(lambda: list(follow(server, "failed", offset_bytes=-1)))[0] is grpc.StatusCode.OUT_OF_RANGE
    server.stop()
