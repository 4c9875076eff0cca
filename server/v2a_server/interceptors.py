"""The edge of the server: who may call, how errors travel, whether anybody is there."""

import asyncio
import hmac
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeAlias

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from v2a.errors import V2AError
from v2a_server.errors import UnauthenticatedError, internal_error, retry_after_s, status_of

_log = logging.getLogger(__name__)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"

# Load balancers and clients ask for health without a token; nor does it keep a server awake.
_HEALTH = "/grpc.health.v1.Health/"
_SCHEME = "Bearer "
# A status travels in a header, and clients refuse headers of more than 8 KiB; a character takes up to 12 bytes there.
_MAX_TEXT_CHARS = 600
_CLIENT = re.compile(r"[A-Za-z0-9._:@-]{1,64}")
# Where google.rpc.Status travels.
_DETAILS = "grpc-status-details-bin"
_PORT = re.compile(r":\d+$")


def client_of(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """Who calls: what its metadata says (`v2a-client`), else its address without the port."""
    name = str(dict(context.invocation_metadata() or ()).get("v2a-client", ""))
    return name if _CLIENT.fullmatch(name) else _PORT.sub("", context.peer())


class Activity:
    """Whether calls are open, and since when none is."""

    def __init__(self) -> None:
        self._open = 0
        self._quiet_since = time.monotonic()

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call lasts as long as this context."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._quiet_since = time.monotonic()

    def quiet_s(self) -> float:
        """Seconds since the last call ended; 0 while one is open."""
        return 0.0 if self._open else time.monotonic() - self._quiet_since


class Edge(grpc.aio.ServerInterceptor):
    """Around every handler but health: checks the token, counts the call, turns errors into statuses.

    token: None lets everybody in who can reach the server.
    """

    def __init__(self, activity: Activity, token: str | None) -> None:
        self._activity = activity
        self._token = token

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(_HEALTH):
            return handler
        method = handler_call_details.method
        refused = self._refusal(handler_call_details)
        wrap = {
            (False, False): (grpc.unary_unary_rpc_method_handler, handler.unary_unary, self._answer),
            (False, True): (grpc.unary_stream_rpc_method_handler, handler.unary_stream, self._stream),
            (True, False): (grpc.stream_unary_rpc_method_handler, handler.stream_unary, self._answer),
            (True, True): (grpc.stream_stream_rpc_method_handler, handler.stream_stream, self._stream),
        }
        make, behaviour, around = wrap[handler.request_streaming, handler.response_streaming]
        return make(
            around(method, behaviour, refused),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _refusal(self, call: grpc.HandlerCallDetails) -> V2AError | None:
        if self._token is None:
            return None
        given = dict(call.invocation_metadata or ()).get("authorization", "")
        # Compared in constant time, so that the time it takes tells nothing.
        if hmac.compare_digest(str(given).encode(), (_SCHEME + self._token).encode()):
            return None
        return UnauthenticatedError("this server wants a token: give the right --token-file")

    def _answer(self, method: str, behaviour: Any, refused: V2AError | None) -> Any:
        async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            with self._activity.call():
                try:
                    if refused:
                        raise refused
                    return await behaviour(request, context)
                except Exception as error:
                    await _abort(method, context, error)

        return answer

    def _stream(self, method: str, behaviour: Any, refused: V2AError | None) -> Any:
        async def stream(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            with self._activity.call():
                try:
                    if refused:
                        raise refused
                    async with aclosing(behaviour(request, context)) as messages:
                        async for message in messages:
                            yield message
                except asyncio.CancelledError:
                    _log.info("%s: the caller has gone away", method)
                    raise
                except Exception as error:
                    await _abort(method, context, error)

        return stream


async def _abort(method: str, context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    text = str(error) if isinstance(error, V2AError) else internal_error(method, error)
    if len(text) > _MAX_TEXT_CHARS:
        text = text[: _MAX_TEXT_CHARS - 2] + " …"
    code = status_of(error)
    trailing: tuple[tuple[str, bytes], ...] = ()
    if (wait_s := retry_after_s(error)) is not None:
        delay = Duration()
        delay.FromMilliseconds(round(wait_s * 1000))
        detail = AnyMessage()
        detail.Pack(RetryInfo(retry_delay=delay))
        number, _ = code.value
        status = Status(code=number, message=text, details=[detail])
        trailing = ((_DETAILS, status.SerializeToString()),)
    await context.abort(code, text, trailing)
