# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of the open file, kept in memory: one timer hears the bridge and places what is done.

Everything here runs on Blender's main thread. Timers do not run in background mode: call `tick` there.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bpy

from . import compat, document, insertion, listening, preferences
from .choosing import RefusedError
from .insertion import is_gone
from .table import JobTable, Row
from .version import VERSION

if TYPE_CHECKING:
    from v2a_host.bridge_client import PROTOCOL, BridgeClient, BridgeError
    from v2a_host.finding import NotFoundError
else:  # builds put it into the add-on
    from .v2a_host.bridge_client import PROTOCOL, BridgeClient, BridgeError
    from .v2a_host.finding import NotFoundError

_log = logging.getLogger(__name__)

STOPPED, STARTING, READY, FAILED = "stopped", "starting", "ready", "failed"
_BUSY_S, IDLE_S = 0.1, 0.5
_ASKED_EACH_TIME = ("jobs", "models", "server.status")  # nobody misses an answer of a bridge that ended
_PUMP_S = 0.01  # how long a tick may take for messages; the rest waits for the next


class Service:
    """What the add-on knows of its bridge, the server and the jobs of the open file."""

    def __init__(self) -> None:
        self.client = BridgeClient(on_notification=self._on_notification, on_end=self._fail)
        self.table = JobTable()
        self.state = STOPPED
        self.message = ""  # what went wrong last, for the user
        self.hello: dict[str, Any] = {}
        self.models: list[dict[str, Any]] = []
        self.server: dict[str, Any] = {}
        self.document = ""
        self._wanted = False
        self._pending: list[Callable[[], Any]] = []  # presses of the button before the bridge was ready
        self._drawn: tuple[int, str, str, str, str] | None = None
        self._inserting = ""  # the job whose sounds are being placed
        self._n_greetings = 0
        self.n_opened = 0  # files, so far: who waits for an answer learns from it that another one is open
        self._files: set[str] = set()  # all that the open file was called, since it was opened

    # --- what the interface calls -------------------------------------------------------------------------------

    def want(self) -> None:
        """Have the bridge started with the next tick, unless it failed: then the user starts it again."""
        if self.state == STOPPED:
            self._wanted = True

    def start(self) -> None:
        """Start the bridge, again where it runs; jobs are taken up. What goes wrong stands in `message`."""
        self._wanted, self._inserting = False, ""
        self._know_document()
        options = preferences.connection()
        try:
            self.client.start(options.pop("bridge"))
        except (NotFoundError, BridgeError) as error:
            self._fail(str(error))
            return
        self.state, self.message = STARTING, ""
        self._greet(options)

    def close(self) -> None:
        """End the bridge; jobs go on at the server."""
        self.client.close()
        self.state, self._inserting, self.document = STOPPED, "", ""

    def ask(self, method: str, params: dict[str, Any], done: Callable[[Any], None] | None = None) -> None:
        """Call the bridge; an error becomes the panel's message."""
        self.message = ""

        def answered(result: Any, error: BridgeError | None) -> None:
            if error is not None:
                if not (is_gone(error) and method in _ASKED_EACH_TIME):
                    self.message = str(error)
            elif done is not None:
                done(result)

        self.client.call(method, params, answered)

    def submit(self, job: dict[str, Any], done: Callable[[bool], None]) -> None:
        """Ask for a sound; done(whether it was refused)."""

        def answered(result: Any, error: BridgeError | None) -> None:
            if error is not None:
                self.message = f"{self.message}\n'{job['name']}': {error}".strip()
            else:
                self.expect(result["job"], job["name"], job["tag"])
            done(error is not None)

        self.client.call("submit", {"job": job}, answered)

    def when_ready(self, action: Callable[[], Any]) -> None:
        """Do something as soon as the bridge that is being started has answered; nothing where it fails."""
        self._pending.append(action)

    def expect(self, job: str, name: str, tag: Any) -> None:
        """List a job that was just submitted, unless notifications told more of it already."""
        if self.table.get(job) is None:
            self.table.update({"job": job, "name": name, "state": "waiting", "tag": tag})

    def heard_of_server(self, status: dict[str, Any]) -> None:
        """Take in how the server does."""
        came = status.get("state") == "running" and self.server.get("state") != "running"
        self.server = status
        if came and not self.models:
            self.list_models()

    def list_models(self) -> None:
        """Ask which models there are; that starts the user's own server."""
        self.ask("models", {}, lambda result: setattr(self, "models", result["models"]))

    def forget(self, job: str, files: bool) -> None:
        """Drop an ended job from the list."""
        self.ask("forget", {"job": job, "files": files}, lambda _: self.table.forget(job))

    def note_document(self, scene: Any, lasting: str = "") -> str:
        """Write the edit's name into the scene that jobs are asked for; answers the scene's lasting name.

        lasting: what that was, should an undo have taken it away.
        """
        self._know_document()
        document.remember(self.document)
        return document.write(scene, self.document, self.table.settled, lasting)

    def note_all(self) -> None:
        """Write it into every scene with jobs, before the file is saved; an undo may have taken it away."""
        noted = {scene.name: (scene, "") for scene in document.scenes_with_jobs()}
        for row in self.table.newest_first():
            scene = document.scene_of(row.tag)
            if scene is not None:
                noted.setdefault(scene.name, (scene, str(row.tag.get("scene", ""))))
        for scene, lasting in noted.values():
            self.note_document(scene, lasting)

    def saved(self) -> None:
        """The open file was saved, perhaps under another name: what is under way is for it still."""
        self._know_document()
        self._files.add(document.file())
        document.saved(self.document, self.table.settled)

    def is_for_open_file(self, row: Row) -> bool:
        """Whether a job was asked for in the open file, and not in another one that is the same edit."""
        return str(row.tag.get("file", "")) in self._files

    # --- the timer ----------------------------------------------------------------------------------------------

    def tick(self) -> float:
        """Hear the bridge, place one job's sounds where they are ready; seconds until the next time."""
        self._know_document()
        if self._wanted:
            self.start()
        try:
            self.client.pump(_PUMP_S)
            if self.state == READY and not self._inserting and not compat.is_occupied():
                row = next(iter(self.table.to_place()), None)
                if row is not None:
                    self._inserting = row.id
                    insertion.insert(self, row, self._inserted)
        except Exception as error:  # one sound that cannot be placed must not keep the others back
            if not self._inserting:
                raise
            _log.exception("'%s' could not be placed", self._inserting)
            self._inserted(self._inserting, [f"it could not be placed ({error}): press Place to try again"])
        drawn = (self.table.version, self.state, self.message, str(self.server.get("state")), listening.playing())
        if drawn != self._drawn:
            self._drawn = drawn
            compat.redraw()
        return _BUSY_S if self.table.n_active() or self.state == STARTING or self._inserting else IDLE_S

    def postpone(self, job: str) -> None:
        """Let go of a job's sounds, so that a later tick places them, or others."""
        if self._inserting == job:
            self._inserting = ""

    def open_document(self) -> None:
        """Another file is open: its jobs take the place of the last one's."""
        self.n_opened += 1
        self._files = {"", document.file()}
        name, placed = document.read()
        self.document = name or uuid.uuid4().hex
        self.table.clear()
        self.table.settled |= placed
        self._inserting = ""
        self._pending.clear()
        if self.state in (STARTING, READY):
            options = preferences.connection()
            options.pop("bridge", None)
            self._greet(options)
        elif name:
            self.want()

    def _know_document(self) -> None:
        """Read the open file's document where the add-on came later than the file."""
        if not self.document:
            self.open_document()

    # --- the bridge's answers -----------------------------------------------------------------------------------

    def _greet(self, options: dict[str, Any]) -> None:
        asked_for = self.document
        self._n_greetings += 1
        number = self._n_greetings

        def greeted(result: Any, error: BridgeError | None) -> None:
            if number != self._n_greetings:  # another bridge, or document, was turned to meanwhile
                return
            if error is not None:
                self.client.close()
                self._fail(str(error))
                return
            self.state, self.hello = READY, result
            self.ask("jobs", {}, lambda answer: self._known(asked_for, answer["jobs"]))
            self.ask("server.status", {}, self.heard_of_server)
            pending, self._pending = self._pending, []
            for action in pending:
                try:
                    action()
                except RefusedError as refusal:
                    self.message = str(refusal)

        self.client.call(
            "hello",
            {
                "protocol": PROTOCOL,
                "host": "blender",
                "host_version": bpy.app.version_string,
                "addon_version": VERSION,
                "document": self.document,
                **options,
            },
            greeted,
        )

    def _known(self, asked_for: str, statuses: list[dict[str, Any]]) -> None:
        if asked_for == self.document:
            self.table.replace(statuses)

    def _on_notification(self, method: str, params: dict[str, Any]) -> None:
        if method == "job":
            self.table.update(params)
        elif method == "server":
            self.heard_of_server(params)

    def _fail(self, message: str) -> None:
        _log.warning("%s", message)
        self._pending.clear()
        self._inserting = ""
        self.state, self.message = FAILED, message

    def _inserted(self, job: str, trouble: list[str]) -> None:
        self.postpone(job)
        self.table.settle(job, trouble)


service = Service()
