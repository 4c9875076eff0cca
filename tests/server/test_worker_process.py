"""Workers that die, freeze or do not start."""

import os
import signal
from collections.abc import Callable

from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.server.running import DEADLINE_S, Server, eventually
from v2a_api.v1 import generation_pb2 as pb


def test_a_worker_that_makes_no_progress_is_replaced(new_server: Callable[..., Server]) -> None:
    server = new_server(patience={"step_s": 3.0}).start()
    server.create("hangs-once", server.spec(hang=True, bad_attempts=1))
    done = server.finish("hangs-once")
    assert (done.state, done.attempt) == (pb.STATE_SUCCEEDED, 2)
    server.create("hangs", server.spec(hang=True))
    failed = server.finish("hangs")
    assert (failed.state, failed.attempt) == (pb.STATE_FAILED, 3)
    assert "given up after 3 tries: the worker process gave no sign of progress and was killed" in failed.error
    assert "(it was sampling)" in failed.error
    server.stop()


def test_a_frozen_worker_is_replaced(new_server: Callable[..., Server]) -> None:
    server = new_server(patience={"silence_s": 6.0}).start()
    server.create("job", server.spec(steps=50, step_s=0.05))
    server.until_sampling("job")
    (worker,) = server.worker_pids()
    os.kill(worker, signal.SIGSTOP)
    done = server.finish("job")
    assert (done.state, done.attempt) == (pb.STATE_SUCCEEDED, 2)
    assert "gave no sign of life" in server.log()
    server.stop()


def test_several_workers_work_at_once_and_fail_alone(new_server: Callable[..., Server]) -> None:
    server = new_server(workers=2).start()
    server.create("long", server.spec(steps=20_000, step_s=0.02))
    server.until_sampling("long")
    server.create("poison", server.spec(kill=True))
    assert server.finish("poison").state == pb.STATE_FAILED
    server.create("short", server.spec())
    assert server.finish("short").state == pb.STATE_SUCCEEDED
    assert (server.get("long").state, server.get("long").attempt) == (pb.STATE_RUNNING, 1)
    server.cancel("long")
    server.stop()


def test_a_worker_that_does_not_start_is_tried_more_and_more_seldom(new_server: Callable[..., Server]) -> None:
    server = new_server(patience={"first_pause_s": 0.2}).start()
    health = health_pb2_grpc.HealthStub(server.channel)

    def well(service: str) -> bool:
        request = health_pb2.HealthCheckRequest(service=f"v2a.v1.{service}")
        return bool(health.Check(request, timeout=DEADLINE_S).status == health_pb2.HealthCheckResponse.SERVING)

    server.create("before", server.spec())
    assert server.finish("before").state == pb.STATE_SUCCEEDED
    broken = server.folder / "broken"
    broken.touch()
    os.kill(server.worker_pids()[0], signal.SIGKILL)
    server.create("job", server.spec())
    failed = server.finish("job")
    assert failed.state == pb.STATE_FAILED
    assert "the worker process ended with exit status 7" in failed.error
    assert "workers have died 2 times in a row: the next one starts in 0.2 s" in server.log()
    assert eventually(lambda: not well("GenerationService"))
    assert well("MediaService")
    broken.unlink()
    server.create("after", server.spec())
    assert server.finish("after").state == pb.STATE_SUCCEEDED
    assert eventually(lambda: well("GenerationService"))
    server.stop()
