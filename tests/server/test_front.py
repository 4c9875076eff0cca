"""The front process and the edge of the server."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.server.running import DEADLINE_S, Server, alive, eventually, refusal
from v2a_api import CONTRACT_VERSION
from v2a_api.v1 import generation_pb2, models_pb2, server_pb2


def test_the_front_process_loads_no_torch() -> None:
    code = (
        "import importlib, pkgutil, sys, v2a_server\n"
        "names = [m.name for m in pkgutil.iter_modules(v2a_server.__path__) if m.name != 'worker']\n"
        "assert 'app' in names and 'worker_loop' in names\n"
        "for name in names: importlib.import_module('v2a_server.' + name)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_says_who_it_is(server: Server) -> None:
    info = server.server.GetServerInfo(server_pb2.GetServerInfoRequest(), timeout=DEADLINE_S)
    assert info.contract_version == CONTRACT_VERSION
    assert info.pid == server.process.pid
    assert info.accepts_paths
    assert eventually(
        lambda: server.server.GetServerInfo(server_pb2.GetServerInfoRequest(), timeout=DEADLINE_S).device == "cpu"
    )


def test_models(server: Server) -> None:
    (model,) = server.models.ListModels(models_pb2.ListModelsRequest(), timeout=DEADLINE_S).models
    assert (model.name, model.digest, model.window.num) == ("tones", server.model_digest, 8)
    assert server.models.GetModel(models_pb2.GetModelRequest(name="tones"), timeout=DEADLINE_S) == model
    code, text = refusal(lambda: server.models.GetModel(models_pb2.GetModelRequest(name="x"), timeout=DEADLINE_S))
    assert code is grpc.StatusCode.NOT_FOUND
    assert "known: tones" in text


def test_health_and_reflection(server: Server) -> None:
    health = health_pb2_grpc.HealthStub(server.channel)
    for name in ("", "v2a.v1.GenerationService", "v2a.v1.MediaService", "v2a.v1.ModelService"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=DEADLINE_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    reflection = reflection_pb2_grpc.ServerReflectionStub(server.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = reflection.ServerReflectionInfo(iter([request]), timeout=DEADLINE_S)
    names = {service.name for service in answer.list_services_response.service}
    assert {"v2a.v1.GenerationService", "v2a.v1.ServerService", "grpc.health.v1.Health"} <= names


def test_a_token_is_wanted_for_all_but_health(new_server: Callable[..., Server]) -> None:
    server = new_server(token="open sesame", listen="127.0.0.1:0").start()  # noqa: S106

    def ask(authorization: str) -> server_pb2.ServerInfo:
        metadata = (("authorization", authorization),) if authorization else ()
        return server.server.GetServerInfo(server_pb2.GetServerInfoRequest(), metadata=metadata, timeout=DEADLINE_S)

    for wrong in ("", "Bearer wrong", "open sesame"):
        code, text = refusal(partial(ask, wrong))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert "--token-file" in text
    assert refusal(lambda: list(server.watch("a")))[0] is grpc.StatusCode.UNAUTHENTICATED
    assert ask("Bearer open sesame").pid == server.process.pid
    health = health_pb2_grpc.HealthStub(server.channel)
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S).status
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("0.0.0.0:0", "use unix:/path, 127.0.0.1:PORT"),
        ("example.org:80", "use unix:/path, 127.0.0.1:PORT"),
        ("127.0.0.1:99999", "use unix:/path, 127.0.0.1:PORT"),
        ("unix:relative/socket", "must be absolute"),
        (f"unix:/tmp/{'x' * 120}", "at most 107 bytes"),
        ("unix:/tmp/socket", "must be yours alone: chmod 700 /tmp"),
    ],
)
def test_other_addresses_are_refused(new_server: Callable[..., Server], listen: str, said: str) -> None:
    with pytest.raises(RuntimeError, match="UsageError") as refused:
        new_server(listen=listen).start()
    assert said in str(refused.value)
    assert "Traceback" not in str(refused.value)


def test_a_socket_that_a_killed_server_left_is_replaced(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.kill()
    socket = Path(server.listen.removeprefix("unix:"))
    assert socket.is_socket()
    server.start()
    assert server.stop() == 0
    assert not socket.exists()


def test_one_server_for_a_store_and_for_an_address(new_server: Callable[..., Server]) -> None:
    first = new_server(listen="127.0.0.1:0").start()
    same_store = new_server(store=str(first.folder / "store"))
    with pytest.raises(RuntimeError, match=f"process {first.process.pid}"):
        same_store.start()
    same_address = new_server(listen=first.address)
    with pytest.raises(RuntimeError, match="choose another --listen"):
        same_address.start()
    on_socket = new_server().start()
    with pytest.raises(RuntimeError, match="another server listens"):
        new_server(listen=on_socket.listen).start()
    assert Path(on_socket.listen.removeprefix("unix:")).is_socket()
    for server in (first, on_socket):
        assert server.stop() == 0


def test_it_exits_when_idle_and_not_before(new_server: Callable[..., Server], tmp_path: Path) -> None:
    server = new_server(exit_when_idle_s=3, drain_s=0).start()
    server.create("slow", server.spec(until=str(tmp_path / "word")))
    # Nobody asks for anything any more, and the job is not done.
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(6)
    assert server.results() == []
    (tmp_path / "word").touch()
    assert server.process.wait(DEADLINE_S) == 0
    assert len(server.results()) == 1


def test_a_model_is_replaced_under_a_running_server(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    old = server.spec()
    server.create("old", old)
    server.finish("old")
    (worker,) = server.worker_pids()
    (server.folder / "model" / "weights.safetensors").write_bytes(b"other weights")
    (model,) = server.models.ListModels(models_pb2.ListModelsRequest(), timeout=DEADLINE_S).models
    assert model.digest != old.model_digest
    assert refusal(lambda: server.create("too-old", old))[0] is grpc.StatusCode.FAILED_PRECONDITION
    old.model_digest = model.digest
    server.create("new", old)
    assert server.finish("new").state == generation_pb2.STATE_SUCCEEDED
    assert not alive(worker)
    assert server.stop() == 0
