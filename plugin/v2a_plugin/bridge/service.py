"""The methods of the bridge (`docs/bridge.md`)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from v2a.errors import UsageError
from v2a.request import LAYERS, MAX_PROMPT_CHARS, MAX_SEED, MAX_TAKES, QUALITIES
from v2a.version import __version__
from v2a_plugin.bridge import placing
from v2a_plugin.bridge.fields import Fields
from v2a_plugin.bridge.jobs import Jobs
from v2a_plugin.bridge.link import Link, Watch
from v2a_plugin.bridge.paging import Paging
from v2a_plugin.bridge.rpc import Connection, Method
from v2a_plugin.client import ServerChoice
from v2a_plugin.facts import model_facts
from v2a_plugin.presets import presets
from v2a_plugin.sequences import SUFFIXES

_log = logging.getLogger(__name__)

PROTOCOL = 1
# Methods that ask a server; nobody else waits for it.
SLOW = frozenset({"models", "server.status", "server.start", "server.stop"})


class Service:
    """One host's bridge. home: the state folder. sounds: for jobs that name no folder. log: its own."""

    def __init__(self, connection: Connection, home: Path, sounds: Path, log: Path) -> None:
        self._connection = connection
        self._log = log
        self._sounds = sounds
        self._link: Link | None = None
        self._jobs = Jobs(home / "bridge", self._sounds, lambda status: connection.notify("job", status))
        self._pages = Paging(self._jobs, lambda result: connection.notify("page", result))
        Watch(lambda: self._link, lambda status: connection.notify("server", status)).start()

    def serve(self) -> None:
        """Answer until the host is gone."""
        self._connection.serve(self.methods, SLOW, str(self._log))

    @property
    def methods(self) -> dict[str, Method]:
        """What can be asked for, by name."""
        return {
            "hello": self._hello,
            "models": self._models,
            "server.status": lambda params: self._server(params).status(),
            "server.start": self._start_server,
            "server.stop": self._stop_server,
            "submit": self._submit,
            "jobs": self._list,
            "cancel": self._cancel,
            "forget": self._forget,
            "again": self._again,
            "delete_take": self._delete_take,
            "plan": self._plan,
            "verify": self._verify,
            "page.open": lambda params: self._pages.open(self._asked(params, "page.open")),
            "page.result": lambda params: self._pages.result(self._asked(params, "page.result")),
            "page.close": lambda params: self._pages.close(self._asked(params, "page.close")),
        }

    def _hello(self, params: Mapping[str, Any]) -> dict[str, Any]:
        hello = Fields(params, "hello")
        protocol, host = hello.whole("protocol"), hello.text("host")
        if protocol != PROTOCOL:
            older = f"the add-on for {host}" if protocol < PROTOCOL else "V2A Studio (pip install -U v2a-studio)"
            raise UsageError(
                f"the add-on speaks protocol {protocol}, and this bridge {PROTOCOL}: update {older}, "
                "then run `v2a install` again"
            )
        host_version, addon_version = hello.text("host_version", ""), hello.text("addon_version", "")
        document, address = hello.text("document"), hello.text("server", "").strip() or None
        token_file = hello.path("token_file") if hello.text("token_file", "") else None
        hello.close()
        choice = ServerChoice(address, token_file)
        link = self._link
        if link is None or link.choice != choice:
            link = Link(choice)
        self._jobs.open(document, link)
        self._link = link
        link.changed.set()
        _log.info("%s %s, add-on %s, document %s, server %s", host, host_version, addon_version, document, address)
        return {
            "protocol": PROTOCOL,
            "software": __version__,
            "layers": LAYERS,
            "qualities": QUALITIES,
            "limits": {"takes": MAX_TAKES, "prompt_chars": MAX_PROMPT_CHARS, "seed": MAX_SEED},
            "presets": [
                {"name": preset.name, "prompt": preset.prompt, "negative": preset.negative, "use": preset.use}
                for preset in presets().values()
            ],
            "images": SUFFIXES,
            "output": str(self._sounds),
            "log": str(self._log),
        }

    def _models(self, params: Mapping[str, Any]) -> dict[str, Any]:
        link = self._server(params)
        link.start()
        return {"models": [model_facts(model) for model in link.client().models()]}

    def _start_server(self, params: Mapping[str, Any]) -> dict[str, Any]:
        link = self._server(params)
        link.start()
        return link.status()

    def _stop_server(self, params: Mapping[str, Any]) -> dict[str, Any]:
        link = self._server(params)
        link.stop()
        return link.status()

    def _submit(self, params: Mapping[str, Any]) -> dict[str, Any]:
        submit = self._asked(params, "submit")
        job = submit.raw("job")
        submit.close()
        return {"job": self._jobs.submit(job)}

    def _list(self, params: Mapping[str, Any]) -> dict[str, Any]:
        self._asked(params, "jobs").close()
        return {"jobs": self._jobs.statuses()}

    def _cancel(self, params: Mapping[str, Any]) -> dict[str, Any]:
        cancel = self._asked(params, "cancel")
        job = cancel.text("job")
        cancel.close()
        self._jobs.cancel(job)
        return {}

    def _forget(self, params: Mapping[str, Any]) -> dict[str, Any]:
        forget = self._asked(params, "forget")
        job, files = forget.text("job"), forget.flag("files", False)
        forget.close()
        self._jobs.forget(job, files=files)
        return {}

    def _again(self, params: Mapping[str, Any]) -> dict[str, Any]:
        again = self._asked(params, "again")
        job = again.text("job")
        changes = {key: value for key, value in again.rest().items() if value is not None}
        return {"job": self._jobs.again(job, changes)}

    def _delete_take(self, params: Mapping[str, Any]) -> dict[str, Any]:
        delete = self._asked(params, "delete_take")
        job, layer, take = delete.text("job"), delete.text("layer"), delete.whole("take")
        delete.close()
        self._jobs.delete_take(job, layer, take)
        return {}

    def _plan(self, params: Mapping[str, Any]) -> dict[str, Any]:
        plan = self._asked(params, "plan")
        record = self._jobs.record(plan.text("job"))
        wishes = placing.read_wishes(plan)
        plan.close()
        return {"items": placing.plan(record, wishes)}

    def _verify(self, params: Mapping[str, Any]) -> dict[str, Any]:
        verify = Fields(params, "verify")
        differences = placing.verify(verify.objects("items"), verify.objects("found"))
        verify.close()
        return {"differences": differences}

    def _server(self, params: Mapping[str, Any]) -> Link:
        self._asked(params, "params").close()
        if self._link is None:
            raise UsageError("say hello first")
        return self._link

    def _asked(self, params: Mapping[str, Any], method: str) -> Fields:
        if self._link is None:
            raise UsageError("say hello first")
        return Fields(params, method)
