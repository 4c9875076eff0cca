"""The client of `v2a.v1`: connect (or start one's own server), submit, watch, fetch."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NoReturn

import grpc

from v2a import errors
from v2a.errors import CancelledError, GenerationError, UnavailableError, UsageError, V2AError
from v2a.version import __version__
from v2a_api import CONTRACT_VERSION
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import models_pb2, server_pb2
from v2a_api.v1.generation_pb2_grpc import GenerationServiceStub
from v2a_api.v1.media_pb2_grpc import MediaServiceStub
from v2a_api.v1.models_pb2_grpc import ModelServiceStub
from v2a_api.v1.server_pb2_grpc import ServerServiceStub
from v2a_plugin.channel import open_channel, status, to_user_error, user_errors, who_asks
from v2a_plugin.local_server import LocalServer, home
from v2a_plugin.transfer import Metadata, download, follow, upload

OnEvent = Callable[[pb.GenerationEvent], None]

_logger = logging.getLogger(__name__)

_CALL_S = 30.0
_CANCEL_S = 5.0
_SETTLE_S = 0.5
_REACH_WITHIN_S = 5.0
_BARREN_WATCHES = 10
_ENDED = (pb.STATE_SUCCEEDED, pb.STATE_FAILED, pb.STATE_CANCELLED)
# How a stream ends when its server goes away, politely or not.
_BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)


@dataclass(frozen=True)
class ServerChoice:
    """Which server to use. address None: the user's own, started where it does not run."""

    address: str | None = None
    token_file: Path | None = None


def connect(choice: ServerChoice | None = None) -> "Client":
    """A client of the chosen server, which has answered and speaks this contract.

    Raises UnavailableError where it cannot be reached, does not start, or speaks another version; or where the
    user's own server runs other software and is at work (an idle one is ended, and a new one started).
    """
    choice = choice or ServerChoice()
    metadata = token_metadata(choice.token_file)
    if choice.address is not None:
        return _checked(Client(open_channel(choice.address), metadata))
    local = LocalServer(home())
    client = Client(open_channel(local.ensure()), metadata, local)
    try:
        return _checked(client)
    except UnavailableError as error:
        _logger.info("trying once more: %s", error)
    # It may have been found in the very moment in which it ended, or was of another version and idle.
    time.sleep(_SETTLE_S)
    return _checked(Client(open_channel(local.ensure()), metadata, local))


def request_id(spec: pb.GenerationSpec) -> str:
    """The name of a request: a digest of all that decides its sound, and not of where the film lies."""
    value = pb.GenerationSpec()
    value.CopyFrom(spec)
    if value.clip.WhichOneof("source") is not None:
        value.clip.ClearField("source")
    return "v2a-" + hashlib.sha256(value.SerializeToString(deterministic=True)).hexdigest()


class Client:
    """One connection. Use as a context manager; calls may come from several threads.

    priority: of the jobs that are asked for.
    """

    priority: "pb.Priority.ValueType" = pb.PRIORITY_INTERACTIVE

    def __init__(self, channel: grpc.Channel, metadata: Metadata = (), local: LocalServer | None = None) -> None:
        self._channel = channel
        self._metadata = (*metadata, who_asks())
        self._local = local
        self._pid = 0
        self._server = ServerServiceStub(channel)
        self._models = ModelServiceStub(channel)
        self._media = MediaServiceStub(channel)
        self._generations = GenerationServiceStub(channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A Ctrl-C that hit gRPC while it began a call leaves one that never ends, and closing would wait for it.
        if kind is None or issubclass(kind, Exception):
            self.close()

    def close(self) -> None:
        """Close the connection. Jobs go on."""
        self._channel.close()

    def info(self) -> server_pb2.ServerInfo:
        """What is answering."""
        with user_errors():
            return self._server.GetServerInfo(
                server_pb2.GetServerInfoRequest(), timeout=_CALL_S, metadata=self._metadata
            )

    def check(self) -> None:
        """Raise UnavailableError, which says what to do, where this is not a server for this client.

        That is one that would misunderstand it, or the user's own where it runs another version of the software.
        The latter is ended if it is idle, so that a new one can start.
        """
        try:
            info = self.info()
        except UnavailableError as error:
            if self._local is None:
                raise
            raise UnavailableError(
                f"{error}. The end of its log, {self._local.log}:\n{self._local.last_words()}"
            ) from None
        if info.contract_version != CONTRACT_VERSION:
            raise UnavailableError(
                f"the server (software {info.software_version or 'unknown'}, process {info.pid}) speaks "
                f"contract version {info.contract_version}, and this program {CONTRACT_VERSION}: update the "
                f"older of the two, end the server (kill {info.pid}) and try again"
            )
        self._pid = info.pid
        if self._local is not None and info.software_version != __version__:
            self._end_outdated(self._local, info)

    def models(self) -> list[models_pb2.Model]:
        """The models that the server can run."""
        with user_errors():
            answer = self._models.ListModels(models_pb2.ListModelsRequest(), timeout=_CALL_S, metadata=self._metadata)
        return list(answer.models)

    def model(self, name: str) -> models_pb2.Model:
        """One model. Raises NotFoundError with the known names."""
        with user_errors():
            return self._models.GetModel(
                models_pb2.GetModelRequest(name=name), timeout=_CALL_S, metadata=self._metadata
            )

    def use_source(self, clip: pb.Clip, path: Path) -> None:
        """Say in the clip where its film is: its path where the server reads paths, else an upload.

        Raises UsageError for a name that cannot be told to a server, and as `transfer.upload` does.
        """
        if self._local is not None:
            self._local.ensure()  # it ends when it is idle, as while a long film was looked through
        if self.info().accepts_paths:
            try:
                clip.path = str(path.absolute())
            except UnicodeEncodeError:
                name = str(path).encode(errors="backslashreplace").decode()
                raise UsageError(f"the film's name, {name}, is not UTF-8 text: rename it or its folder") from None
        else:
            clip.upload_sha256 = upload(self._media, self._metadata, path, self.reach)

    def generate(
        self, spec: pb.GenerationSpec, on_event: OnEvent | None = None, hear: BinaryIO | None = None
    ) -> pb.Generation:
        """Have it made, or find it made already; returns the finished job.

        Watching goes on through broken connections while the server lives. Ctrl-C cancels the job. hear: where the
        first take is written to while it is made; who closes it cancels the job too.

        Raises the error that the job failed with, CancelledError where somebody cancelled it, and
        UnavailableError where the server went away: the same request then goes on where it stopped.
        """
        name = request_id(spec)
        try:
            with self._at_work():
                self._generations.CreateGeneration(
                    pb.CreateGenerationRequest(request_id=name, spec=spec, priority=self.priority),
                    timeout=_CALL_S,
                    metadata=self._metadata,
                )
            if hear is not None:
                first = (spec.layers[0].name, 0)
                follow(self._generations, self._metadata, name, first, hear, self.reach)
            generation = self._watch(name, on_event)
        except (KeyboardInterrupt, BrokenPipeError):
            # Where this fails there is no job yet, or nobody left who could cancel it.
            with suppress(V2AError):
                self.cancel(name)
            raise
        if generation.state == pb.STATE_CANCELLED:
            raise CancelledError("the job was cancelled: ask again to start it anew")
        if generation.state == pb.STATE_FAILED:
            raise _error_class(generation.error_kind)(generation.error or "the server says no more than that it failed")
        return generation

    def cancel(self, request_id: str) -> None:
        """End a job at the server, for all who wait for it. Raises NotFoundError, UnavailableError."""
        with user_errors():
            self._generations.CancelGeneration(
                pb.CancelGenerationRequest(request_id=request_id), timeout=_CANCEL_S, metadata=self._metadata
            )

    def is_at_work(self) -> bool:
        """Whether the server has jobs that have not ended, whoever asked for them."""
        page = ""
        while True:
            with user_errors():
                answer = self._generations.ListGenerations(
                    pb.ListGenerationsRequest(page_token=page), timeout=_CALL_S, metadata=self._metadata
                )
            if any(job.state not in _ENDED for job in answer.generations):
                return True
            page = answer.next_page_token
            if not page:
                return False

    def fetch(self, request_id: str, take: pb.Take, path: Path) -> None:
        """Write a finished take to path, verified, whole or not at all; it replaces what was there."""
        download(self._generations, self._metadata, request_id, take, path, self.reach)

    def _watch(self, name: str, on_event: OnEvent | None) -> pb.Generation:
        sequence = barren = 0
        while barren < _BARREN_WATCHES:
            stream = self._generations.WatchGeneration(
                pb.WatchGenerationRequest(request_id=name, after_sequence=sequence), metadata=self._metadata
            )
            barren += 1
            try:
                for event in stream:
                    barren = 0
                    sequence = max(sequence, event.sequence)
                    if on_event is not None:
                        on_event(event)
            except grpc.RpcError as error:
                if status(error)[0] not in _BROKEN:
                    raise to_user_error(error) from None
                self.reach()
                continue
            finally:
                stream.cancel()
            with self._at_work():
                generation = self._generations.GetGeneration(
                    pb.GetGenerationRequest(request_id=name), timeout=_CALL_S, metadata=self._metadata
                )
            if generation.state in _ENDED:
                return generation
        raise UnavailableError(self._gone("the server keeps closing the connection"))

    def _end_outdated(self, local: LocalServer, info: server_pb2.ServerInfo) -> NoReturn:
        what = f"your server (process {info.pid}) runs software {info.software_version}, this program is {__version__}"
        if self.is_at_work():
            raise UnavailableError(
                f"{what}, and it is at work: try again when it has finished, or end it now "
                f"(kill {info.pid}); its jobs then go on in the new one"
            )
        local.end(info.pid)
        raise UnavailableError(f"{what}: it was ended. Try again")

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """As `user_errors`, but in the middle of a job, where a server that is gone means more."""
        try:
            yield
        except grpc.RpcError as error:
            if status(error)[0] is grpc.StatusCode.UNAVAILABLE:
                raise UnavailableError(self._gone("the server went away")) from error
            raise to_user_error(error) from None

    def reach(self) -> None:
        """Return once the server answers; raise UnavailableError where it does not come back."""
        deadline = time.monotonic() + _REACH_WITHIN_S
        while True:
            try:
                self._server.GetServerInfo(server_pb2.GetServerInfoRequest(), timeout=2, metadata=self._metadata)
                return
            except grpc.RpcError as error:
                if time.monotonic() > deadline:
                    raise UnavailableError(self._gone("the server went away")) from error
            time.sleep(0.2)

    def _gone(self, what: str) -> str:
        more = f"Its log is {self._local.log}." if self._local else "Start it again."
        return (
            f"{what} while it worked (process {self._pid}). {more} Ask for the same again: what is "
            "finished is kept, and the rest goes on"
        )


def _checked(client: Client) -> Client:
    try:
        client.check()
    except BaseException:
        client.close()
        raise
    return client


def token_metadata(file: Path | None) -> Metadata:
    """What goes with every call to a server that wants a token. Raises UsageError where the file holds none."""
    if file is None:
        return ()
    try:
        token = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the token file {file} cannot be read: {error}") from None
    if not token.isprintable() or not token:
        raise UsageError(f"the token file {file} holds no token: it must be one line of text")
    return (("authorization", f"Bearer {token}"),)


def _error_class(kind: str) -> type[V2AError]:
    found = getattr(errors, kind, None)
    return found if isinstance(found, type) and issubclass(found, V2AError) else GenerationError
