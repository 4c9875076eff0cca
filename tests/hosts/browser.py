"""A headless Chromium, driven over its debugging pipe."""

import base64
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

_PATIENCE_S = 60
# Chromium reads commands from descriptor 3 and answers on 4.
_ON_PIPES = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class Page:
    """One tab. errors: what its console and its network have complained about."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._number = 0
        self._pending = b""
        self._session: str | None = None
        self._loaded = False
        self.errors: list[str] = []

    def attach(self) -> Self:
        """Open an empty tab and listen to it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def open(self, path: Path) -> None:
        """Show a file and wait until it has loaded."""
        self._loaded = False
        self.call("Page.navigate", url=path.as_uri())
        while not self._loaded:
            self._receive()

    def evaluate(self, script: str) -> Any:
        """The value of an expression, or of the promise that it is."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self) -> bytes:
        """What the tab shows, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        give_up = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, give_up - time.monotonic()))
            assert ready, "Chromium does not answer"
            block = os.read(self._answers, 1 << 16)
            assert block, "Chromium went away"
            self._pending += block
        text, _, self._pending = self._pending.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, facts: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        failed = (
            event == "Runtime.exceptionThrown"
            or (event == "Runtime.consoleAPICalled" and facts["type"] == "error")
            or (event == "Log.entryAdded" and facts["entry"]["level"] == "error")
            or (event == "Network.loadingFailed" and not facts.get("canceled"))
        )
        if failed:
            self.errors.append(f"{event}: {json.dumps(facts)}")


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Page]:
    """A tab of a fresh browser, which ends with the block. profile: an empty folder."""
    (commands_out, commands_in), (answers_out, answers_in) = os.pipe(), os.pipe()
    arguments = [program, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    arguments += ["--no-first-run", "--disable-gpu", "--mute-audio", "--window-size=1000,1400"]
    if os.geteuid() == 0:  # Chromium refuses root its sandbox
        arguments.append("--no-sandbox")
    with (profile / "stderr.txt").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", _ON_PIPES, str(commands_out), str(answers_in), *arguments],
            pass_fds=(commands_out, answers_in),
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    os.close(commands_out)
    os.close(answers_in)
    try:
        yield Page(commands_in, answers_out).attach()
    finally:
        os.close(commands_in)
        os.close(answers_out)
        process.terminate()
        process.wait(timeout=_PATIENCE_S)
