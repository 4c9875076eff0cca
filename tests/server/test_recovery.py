"""What is left when processes die."""

import os
import signal
from collections.abc import Callable

import grpc

from tests.server.running import Server, alive, eventually, refusal
from v2a_api.v1 import generation_pb2 as pb


def test_a_killed_server_loses_nothing_and_makes_nothing_twice(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.create("done-before", server.spec(seed=1))
    server.finish("done-before")
    server.create("in-the-middle", server.spec(seed=2, takes=2, steps=20, step_s=0.03))
    server.create("waiting", server.spec(seed=3))
    server.until_sampling("in-the-middle")
    workers = server.worker_pids()
    server.kill()
    # Nobody wants what the worker makes now.
    assert eventually(lambda: not any(alive(pid) for pid in workers))

    server.start()
    done = {name: server.finish(name) for name in ("done-before", "in-the-middle", "waiting")}
    assert all(generation.state == pb.STATE_SUCCEEDED for generation in done.values())
    assert [done[name].attempt for name in done] == [1, 2, 1]
    takes = [take for generation in done.values() for take in generation.takes]
    assert server.results() == sorted(take.sha256 for take in takes)
    assert len(takes) == 4
    for name in done:
        events = server.durable(name)
        told = [(event.take.layer, event.take.index) for event in events if event.HasField("take")]
        assert told == sorted(set(told))
    assert list((server.folder / "store" / "work").iterdir()) == []
    server.stop()


def test_a_take_that_was_stored_but_not_noted_is_swept_up(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.create("kept", server.spec())
    (take,) = server.finish("kept").takes
    server.kill()
    orphan = server.folder / "store" / "results" / "ab"
    orphan.mkdir(exist_ok=True)
    (orphan / ("ab" * 32)).write_bytes(b"stored just before the server was killed")
    server.start()
    assert server.results() == [take.sha256]
    server.stop()


def test_a_killed_worker_is_replaced_and_its_job_goes_on(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.create("job", server.spec(steps=20, step_s=0.03))
    server.until_sampling("job")
    (worker,) = server.worker_pids()
    os.kill(worker, signal.SIGKILL)
    done = server.finish("job")
    assert (done.state, done.attempt, len(done.takes)) == (pb.STATE_SUCCEEDED, 2, 1)
    assert server.worker_pids() != [worker]
    # A worker that dies between jobs is not missed.
    os.kill(server.worker_pids()[0], signal.SIGKILL)
    server.create("later", server.spec(seed=1))
    assert server.finish("later").state == pb.STATE_SUCCEEDED
    server.stop()


def test_a_clip_that_kills_its_worker_is_given_up(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    spec = server.spec(kill=True, bad_attempts=3)
    server.create("poison", spec)
    server.create("other", server.spec())
    failed = server.finish("poison")
    assert (failed.state, failed.attempt, failed.error_kind) == (pb.STATE_FAILED, 3, "GenerationError")
    assert "given up after 3 tries: the worker process ended by signal 9" in failed.error
    assert server.finish("other").state == pb.STATE_SUCCEEDED
    # Asked for again, it has new tries.
    assert server.create("poison", spec).attempt == 4
    assert server.finish("poison").state == pb.STATE_SUCCEEDED
    server.stop()


def test_sigterm_puts_a_long_job_back_and_sigterm_twice_at_once(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.create("long", server.spec(steps=20_000, step_s=0.02))
    server.until_sampling("long")
    workers = server.worker_pids()
    server.process.send_signal(signal.SIGTERM)
    assert eventually(lambda: "asked to stop" in server.log())
    code, text = refusal(lambda: server.create("new", server.spec(seed=1)))
    assert code is grpc.StatusCode.UNAVAILABLE
    assert "stopping" in text
    assert server.stop() == 0
    assert not any(alive(pid) for pid in workers)
    assert "Traceback" not in server.log()
    server.start()
    server.until_sampling("long")
    assert server.get("long").attempt == 2
    server.cancel("long")
    server.stop()


def test_sigterm_lets_a_short_job_end(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.create("short", server.spec(steps=10, step_s=0.03))
    server.until_sampling("short")
    assert server.stop() == 0
    server.start()
    assert (server.get("short").state, server.get("short").attempt) == (pb.STATE_SUCCEEDED, 1)
    server.stop()
