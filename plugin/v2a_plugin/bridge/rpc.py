"""JSON-RPC 2.0, one object a line: whatever comes is answered, and nothing that comes ends the bridge."""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from v2a.errors import UsageError, V2AError

_log = logging.getLogger(__name__)

_MAX_LINE_BYTES = 64 << 20  # a list of images may have a hundred thousand names

NO_JSON, NO_REQUEST, NO_METHOD, BAD_PARAMETERS, FAULT, REFUSED = -32700, -32600, -32601, -32602, -32603, -32000

CallId = str | int | float | None
Method = Callable[[Mapping[str, Any]], Any]


class ProtocolError(Exception):
    """What came is no request. code: as JSON-RPC numbers it. call_id: of the request, where it could be told."""

    def __init__(self, code: int, message: str, call_id: CallId = None) -> None:
        super().__init__(message)
        self.code = code
        self.call_id = call_id


class Connection:
    """Requests from source, answers and notifications to sink; these may come from any thread."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()

    def serve(self, methods: Mapping[str, Method], slow: frozenset[str], log_name: str) -> None:
        """Answer requests until the source ends. Those named in slow run in threads of their own.

        log_name: where the details of a fault are, for its message.
        """
        for line in self._lines():
            try:
                call_id, name, params = _request(line)
                if name not in methods:
                    raise ProtocolError(NO_METHOD, f"no method '{name}': choose from {', '.join(methods)}", call_id)
            except ProtocolError as error:
                self._fail(error.call_id, error.code, str(error), "ProtocolError")
                continue
            work = (call_id, methods[name], params, log_name)
            if name in slow:
                threading.Thread(target=self._answer, args=work, daemon=True).start()
            else:
                self._answer(*work)

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Tell the host something."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _answer(self, call_id: CallId, method: Method, params: Mapping[str, Any], log_name: str) -> None:
        try:
            result = method(params)
        except V2AError as error:
            code = BAD_PARAMETERS if isinstance(error, UsageError) else REFUSED
            self._fail(call_id, code, str(error), kind_of(error))
        except Exception as error:
            _log.exception("a fault of the bridge")
            text = f"internal error: {type(error).__name__}: {error}. The details are in {log_name}; please report them"
            self._fail(call_id, FAULT, text, "ProtocolError")
        else:
            self._send({"jsonrpc": "2.0", "id": call_id, "result": result})

    def _fail(self, call_id: CallId, code: int, message: str, kind: str) -> None:
        _log.info("refused: %s", message)
        error = {"code": code, "message": message, "data": {"kind": kind}}
        self._send({"jsonrpc": "2.0", "id": call_id, "error": error})

    def _send(self, message: Mapping[str, Any]) -> None:
        # Names of files that are no text travel as lone surrogates, which only escapes can carry.
        line = json.dumps(message, ensure_ascii=True, allow_nan=False).encode() + b"\n"
        with self._writing:
            try:
                self._sink.write(line)
                self._sink.flush()
            except (OSError, ValueError):
                _log.info("the host is gone: %d bytes were not told", len(line))

    def _lines(self) -> Iterator[bytes]:
        """The lines that come; those that are too long are answered here, and never kept."""
        while line := self._source.readline(_MAX_LINE_BYTES):
            if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
                while (more := self._source.readline(1 << 20)) and not more.endswith(b"\n"):
                    pass
                self._fail(None, NO_REQUEST, f"a line has at most {_MAX_LINE_BYTES:,} bytes", "ProtocolError")
            elif line.strip():
                yield line


def kind_of(error: V2AError) -> str:
    """The name of the error's nearest class in `v2a.errors`, which hosts know."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "v2a.errors")


def _request(line: bytes) -> tuple[CallId, str, Mapping[str, Any]]:
    """The id, method and parameters of a line. Raises ProtocolError."""
    try:
        message = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(NO_JSON, f"a line of JSON was expected: {error}") from None
    if not isinstance(message, dict):
        raise ProtocolError(NO_REQUEST, "a line holds one request, an object with id, method and params")
    call_id = message.get("id")
    if isinstance(call_id, bool) or not isinstance(call_id, str | int | float):
        raise ProtocolError(NO_REQUEST, "a request has an id, a number or text")
    name, params = message.get("method"), message.get("params", {})
    if not isinstance(name, str):
        raise ProtocolError(NO_REQUEST, "a request names its method", call_id)
    if not isinstance(params, dict):
        raise ProtocolError(BAD_PARAMETERS, "params must be an object", call_id)
    return call_id, name, params


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
