"""A bridge process, and calls to it that never make the caller wait.

A thread reads the bridge's answers, another writes to it, a third keeps the end of its log. The host's main thread
only puts calls into a queue and takes answers out of another, in `pump`, which its timer calls; all callbacks run
there.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from typing import Any, Callable, Optional, Sequence

from . import finding

PROTOCOL = 1

Done = Callable[[Any, Optional["BridgeError"]], None]
_LOG_LINES = 12
_CLOSE_WITHIN_S = 0.9


class BridgeError(Exception):
    """What the bridge answers where it cannot do what was asked. The text is for the user and says what to do.

    kind: the name of the error's class in `v2a.errors`, "ProtocolError", or "BridgeEndedError" where the bridge itself
    is gone.
    """

    def __init__(self, message: str, kind: str = "ProtocolError", code: int = -32000) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code


class BridgeClient:
    """One bridge, started by `start`, and again by `start` after it ended.

    command: how to start it; None: where `finding.bridge_command` finds it. on_notification(method, params) and
    on_end(message) are called in `pump`; the latter when the bridge ended by itself.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        on_notification: Callable[[str, dict[str, Any]], None] = lambda method, params: None,
        on_end: Callable[[str], None] = lambda message: None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._command = command
        self._environment = environment
        self._on_notification = on_notification
        self._on_end = on_end
        self._run: _Run | None = None
        self._waiting: dict[int, Done] = {}
        self._dropped: list[Done] = []  # calls to a bridge that another was started for: told of in the next pump
        self._last_id = 0
        self.message = ""  # why it does not run, for the user; "" while it runs or was never started

    @property
    def running(self) -> bool:
        """Whether the bridge runs, as far as `pump` has heard."""
        return self._run is not None

    @property
    def pid(self) -> int | None:
        """The process id of the running bridge."""
        return self._run.process.pid if self._run else None

    @property
    def unanswered(self) -> int:
        """How many calls wait for their answer."""
        return len(self._waiting) + len(self._dropped)

    def start(self, path: str = "") -> None:
        """Start the bridge, and end the one that runs: what it did not answer fails in the next `pump`.

        path: as for `finding.bridge_command`.
        Raises finding.NotFoundError where there is none, BridgeError where it cannot be started.
        """
        dropped = [*self._dropped, *self._waiting.values()]
        self.close()
        self._dropped = dropped
        try:
            command = list(self._command or finding.bridge_command(path, self._environment))
            self._run = _Run(command, finding.clean_environment(self._environment))
        except finding.NotFoundError as error:
            self.message = str(error)
            raise
        except OSError as error:
            self.message = f"the bridge {command[0]} cannot be started: {error.strerror or error}"
            raise BridgeError(self.message, "BridgeEndedError") from None
        self.message = ""

    def call(self, method: str, params: dict[str, Any] | None = None, done: Done | None = None) -> None:
        """Ask for something; done(result, None) or done(None, BridgeError) is called in a later `pump`."""
        self._last_id += 1
        self._waiting[self._last_id] = done or (lambda result, error: None)
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params or {}}
        if self._run is not None:
            self._run.outgoing.put(json.dumps(request).encode() + b"\n")

    def ask(self, method: str, params: dict[str, Any] | None = None, within_s: float = 60.0) -> Any:
        """Ask, and pump until the answer comes: for tests and hosts without a main loop. Raises BridgeError."""
        answer: list[tuple[Any, BridgeError | None]] = []
        self.call(method, params, lambda result, error: answer.append((result, error)))
        deadline = time.monotonic() + within_s
        while not answer:
            self.pump()
            if time.monotonic() > deadline:
                raise BridgeError(f"the bridge did not answer within {within_s:g} s", "BridgeEndedError")
            time.sleep(0.005)
        result, error = answer[0]
        if error is not None:
            raise error
        return result

    def pump(self, within_s: float = 0.01) -> int:
        """Call back for what has come, for about within_s at most; how many messages that were.

        What is left waits for the next time, so that a main loop stays smooth.
        """
        deadline = time.monotonic() + within_s
        handled = 0
        dropped, self._dropped = self._dropped, []
        for done in dropped:
            done(None, BridgeError("the bridge was started again before it answered: ask again", "BridgeEndedError"))
        while self._run is not None and (not handled or time.monotonic() < deadline):
            try:
                message = self._run.incoming.get_nowait()
            except queue.Empty:
                break
            handled += 1
            if message is None:
                self._ended(self._run)
            else:
                self._take(message)
        if self._run is None and self._waiting:
            self._fail_waiting()
        return handled

    def close(self) -> None:
        """End the bridge, within a second; jobs go on at the server. Nobody is called back any more."""
        run, self._run = self._run, None
        self._waiting.clear()
        self._dropped.clear()
        if run is not None:
            run.close()

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self._on_notification(message["method"], message.get("params") or {})
            return
        done = self._waiting.pop(message.get("id"), None)  # type: ignore[arg-type]
        if done is None:
            return
        error = message.get("error")
        if error is None:
            done(message.get("result"), None)
        else:
            kind = (error.get("data") or {}).get("kind", "ProtocolError")
            done(None, BridgeError(error.get("message", "the bridge says no more"), kind, error.get("code", -32000)))

    def _ended(self, run: _Run) -> None:
        self._run = None
        self.message = run.message
        threading.Thread(target=run.close, daemon=True).start()
        self._fail_waiting()
        self._on_end(self.message)

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        message = self.message or "the bridge does not run: start it first"
        for done in waiting.values():
            done(None, BridgeError(message, "BridgeEndedError"))


class _Run:
    """One process and its three threads.

    incoming: its messages, then None when it ended; message then says why. outgoing: lines for it, None to close.
    """

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        alone: dict[str, Any] = {"start_new_session": True}  # a Ctrl-C in the host's terminal is not for it
        if os.name == "nt":
            alone = {"creationflags": 0x08000000 | 0x00000200}  # CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            **alone,
        )
        streams: Any = (self.process.stdin, self.process.stdout, self.process.stderr)
        self._stdin, self._stdout, self._stderr = streams
        self.incoming: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.message = ""
        self._log: collections.deque[str] = collections.deque(maxlen=_LOG_LINES)
        self._threads = [
            threading.Thread(target=work, name="v2a bridge " + work.__name__, daemon=True)
            for work in (self._read, self._write, self._listen)
        ]
        for thread in reversed(self._threads):  # the reader last: it waits for the others where the process has ended
            thread.start()
        atexit.register(self.close)

    def _last_words(self) -> str:
        """Why it ended, for the user. Waits a moment for its exit status and the end of its log."""
        try:
            status: Any = self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            status = "unknown"
        self._threads[2].join(0.2)
        log = "\n".join("  " + line for line in list(self._log))
        return "the bridge ended (exit status {}): start it again, running jobs are taken up.{}".format(
            status, "\nIts last words:\n" + log if log else ""
        )

    def close(self) -> None:
        """Let it end, make it end, and forget it; within a second."""
        atexit.unregister(self.close)
        deadline = time.monotonic() + _CLOSE_WITHIN_S
        self.outgoing.put(None)
        for end, wait_s in ((None, 0.5), (self.process.terminate, 0.2), (self.process.kill, 0.2)):
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                if end is not None:
                    end()
                self.process.wait(wait_s)
                break
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _read(self) -> None:
        with contextlib.suppress(OSError), self._stdout:
            for line in self._stdout:
                try:
                    message = json.loads(line)
                except ValueError:
                    self._log.append(f"no JSON: {line[:200]!r}")
                    continue
                if isinstance(message, dict):
                    self.incoming.put(message)
        self.message = self._last_words()
        self.incoming.put(None)

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # it is gone, which the reader tells
            while True:
                line = self.outgoing.get()
                if line is None:
                    break
                self._stdin.write(line)
                self._stdin.flush()
        with contextlib.suppress(OSError):
            self._stdin.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError), self._stderr:
            for line in self._stderr:
                self._log.append(line.decode("utf-8", "replace").rstrip())
