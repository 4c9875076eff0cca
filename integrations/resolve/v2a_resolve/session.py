"""A script's conversation with the bridge: says hello, asks for sounds, and waits for them."""

from __future__ import annotations

import time
from typing import Any, Mapping, Sequence

from v2a_host import bridge_client
from v2a_host.bridge_client import BridgeClient

from . import VERSION, memory
from .host import Host, ask
from .saying import say

_ENDED = ("succeeded", "failed", "cancelled")
_ANSWER_WITHIN_S = 150.0  # the server may have to be started first
_PUMP_EVERY_S = 0.05
_SAY_EVERY_S = 2.0


class Session:
    """One bridge for one script: `with Session(host) as session`. What it knows of jobs is in `jobs`, by their ids.

    pages: how those that have ended did so.
    """

    def __init__(self, host: Host) -> None:
        """host: whose open project is the document that jobs belong to."""
        self.jobs: dict[str, dict[str, Any]] = {}
        self.hello: dict[str, Any] = {}
        self.pages: dict[str, dict[str, Any]] = {}
        self._host = host
        self._client = BridgeClient(on_notification=self._take)
        self._said: dict[str, tuple[float, str]] = {}

    def __enter__(self) -> Session:
        self._client.start()
        try:
            self.greet(self._host)
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def greet(self, host: Host) -> None:
        """Say hello for the open project of a host. Raises BridgeError."""
        self.hello = self.ask(
            "hello",
            {
                "protocol": bridge_client.PROTOCOL,
                "host": "DaVinci Resolve",
                "host_version": host.version_text,
                "addon_version": VERSION,
                "document": str(ask(host.project, "GetUniqueId")),
                **memory.server(),
            },
        )

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Ask the bridge, and wait for the answer. Raises BridgeError."""
        return self._client.ask(method, dict(params or {}), _ANSWER_WITHIN_S)

    def submit(self, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        """Ask for sounds; the jobs' ids. Where one is refused the others are cancelled. Raises BridgeError."""
        ids: list[str] = []
        try:
            for job in jobs:
                ids.append(self.ask("submit", {"job": job})["job"])
        except bridge_client.BridgeError:
            self.cancel(ids)
            raise
        return ids

    def wait(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Wait until jobs have ended, and say in the console how they go; how they are then, in order.

        Ctrl-C in a terminal cancels them. Raises BridgeError where the bridge ends.
        """
        try:
            while not all(self.has_ended(job) for job in ids):
                self.pump()
                time.sleep(_PUMP_EVERY_S)
        except KeyboardInterrupt:
            self.cancel(ids)
            raise
        return [self.jobs[job] for job in ids]

    def has_ended(self, job: str) -> bool:
        """Whether a job has ended, as far as it is known."""
        return self.jobs.get(job, {}).get("state") in _ENDED

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancel those jobs that have not ended."""
        for job in ids:
            if not self.has_ended(job):
                self.ask("cancel", {"job": job})

    def pump(self) -> None:
        """Take in what the bridge has told. Raises BridgeError where it is gone."""
        self._client.pump()
        if not self._client.running:
            raise bridge_client.BridgeError(
                self._client.message or "the bridge ended: run this again", "BridgeEndedError"
            )

    def _take(self, method: str, params: dict[str, Any]) -> None:
        if method == "page":
            self.pages[str(params.get("page"))] = params
        if method != "job":
            return
        job = str(params.get("job"))
        self.jobs[job] = params
        said_at, said = self._said.get(job, (0.0, ""))
        text, now = f"{params.get('name')}: {params.get('text')}", time.monotonic()
        if text != said and (now - said_at >= _SAY_EVERY_S or params.get("state") in _ENDED):
            self._said[job] = (now, text)
            say(text)
