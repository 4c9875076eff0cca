"""The server that a host chose: reached when it is needed, started where it is the user's own."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from v2a.errors import ConflictError, UnavailableError, UsageError, V2AError
from v2a.version import __version__
from v2a_api import CONTRACT_VERSION
from v2a_plugin.channel import open_channel
from v2a_plugin.client import Client, ServerChoice, connect, token_metadata
from v2a_plugin.local_server import LocalServer, home

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 2.0


class Link:
    """One choice of a server. Calls may come from several threads. Raises UsageError for an address that is none."""

    def __init__(self, choice: ServerChoice) -> None:
        if choice.address is not None:
            open_channel(choice.address).close()
        self.choice = choice
        self._local = None if choice.address is not None else LocalServer(home())
        self._client: Client | None = None
        self._connecting = threading.Lock()
        self.changed = threading.Event()

    @property
    def is_local(self) -> bool:
        """Whether it is the user's own, which may be started and stopped."""
        return self._local is not None

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.choice.address or (self._local.address if self._local and hasattr(socket, "AF_UNIX") else "")

    def client(self) -> Client:
        """A client whose server runs, started if it is the user's own. Raises as `connect` does."""
        with self._connecting:
            if self._client is None:
                self._client = connect(self.choice)
                self.changed.set()
                return self._client
            if not self.listens():
                self._revive()
            # The channel of a server that went and came back may still wait to try again, and would refuse meanwhile.
            self._client.reach()
            return self._client

    def start(self) -> None:
        """Make sure that it runs and speaks this contract. Raises as `connect` does."""
        with self._connecting:
            self._revive()

    def _revive(self) -> None:
        with connect(self.choice):
            self.changed.set()

    def stop(self) -> None:
        """End the user's own server. Raises ConflictError where it is at work, UsageError where it is another's."""
        if self._local is None:
            raise UsageError(f"the server at {self.address} was not started from here: stop it where it was started")
        with self._connecting:
            if not self._local.listens():
                return
            client = self._probe()
            with client:
                if client.is_at_work():
                    raise ConflictError(
                        "the server has jobs that wait or run, perhaps of another program: cancel them first, or let "
                        "them end"
                    )
                self._local.end(client.info().pid)
        self.changed.set()

    def status(self) -> dict[str, Any]:
        """What `server.status` answers. Nothing is started."""
        found: dict[str, Any] = {
            "state": "stopped",
            "address": self.address,
            "local": self.is_local,
            "pid": None,
            "software": "",
            "device": "",
            "log": str(self._local.log) if self._local else "",
            "message": "",
        }
        try:
            if self._local is not None and not self._local.listens():
                found["message"] = "the server does not run; it is started for the next job"
                return found
            with self._probe() as client:
                info = client.info()
        except V2AError as error:
            return {**found, "state": "unreachable", "message": str(error)}
        found.update(state="running", pid=info.pid, software=info.software_version, device=info.device)
        if info.contract_version != CONTRACT_VERSION:
            found["state"] = "unreachable"
            found["message"] = (
                f"the server speaks version {info.contract_version} of the contract, and this program "
                f"{CONTRACT_VERSION}: update the older of the two"
            )
        elif self._local is not None and info.software_version != __version__:
            found["message"] = (
                f"the server runs software {info.software_version}, and this is {__version__}: it is replaced as soon "
                "as it is idle"
            )
        return found

    def listens(self) -> bool:
        """Whether somebody listens there; costs the server nothing."""
        if self._local is not None:
            with suppress(UnavailableError):
                return self._local.listens()
            return False
        return _listens(self.address)

    def _probe(self) -> Client:
        return Client(open_channel(self.address), token_metadata(self.choice.token_file))


class Watch:
    """Tells when a link's server comes, goes or changes. link: the one to watch at the moment."""

    def __init__(self, link: Callable[[], Link | None], tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._link = link
        self._tell = tell

    def start(self) -> None:
        """Watch for as long as the bridge lives."""
        threading.Thread(target=self._run, name="server watch", daemon=True).start()

    def _run(self) -> None:
        seen: tuple[Link | None, bool] = (None, False)
        told: Mapping[str, Any] = {}
        while True:
            link = self._link()
            if link is None:
                time.sleep(0.1)
                continue
            asked = link.changed.is_set()
            link.changed.clear()
            now = (link, link.listens())
            if asked or now != seen:
                status = link.status()
                if status != told:
                    self._tell(status)
                seen, told = now, status
            link.changed.wait(_LOOK_EVERY_S)


def _listens(address: str) -> bool:
    try:
        if address.startswith("unix:"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                return probe.connect_ex(str(Path(address.removeprefix("unix:").removeprefix("//")))) == 0
        host, _, port = address.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
            return True
    except OSError:
        return False
