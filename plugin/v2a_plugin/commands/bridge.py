"""`v2a bridge`: what hosts start."""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from v2a.errors import UsageError

_MAX_LOG_BYTES = 4 << 20


def bridge() -> None:
    """Speak with a host (Blender, DaVinci Resolve) over stdin and stdout; hosts start this themselves."""
    if sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("this is started by a host, not by hand: run `v2a install blender`, and look there")
    protocol = _reserved_stdout()

    from v2a.output import storage_error
    from v2a_plugin.bridge.rpc import Connection
    from v2a_plugin.bridge.service import Service
    from v2a_plugin.local_server import home

    log = home() / "log" / "bridge.log"
    try:
        for folder in (home(), log.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        too_long = log.exists() and log.stat().st_size > _MAX_LOG_BYTES
        file = logging.FileHandler(log, "w" if too_long else "a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise storage_error(log, error) from None
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s {os.getpid()} %(levelname)s %(name)s: %(message)s",
        handlers=[file, _warnings()],
        force=True,
    )
    with suppress(KeyboardInterrupt):
        Service(Connection(sys.stdin.buffer, protocol), home(), sounds_folder(), log).serve()
    logging.getLogger(__name__).info("the host is gone: jobs go on at the server")
    logging.shutdown()
    # Threads that still wait for a server must not keep it: all they know is in the journal.
    os._exit(0)


def sounds_folder() -> Path:
    """Where sounds go that a host names no folder for: where the user finds them, and no tidying of state removes them.

    A `V2A_HOME` that was chosen holds everything.
    """
    import platformdirs

    from v2a_plugin.local_server import home

    return home() / "sounds" if os.environ.get("V2A_HOME") else platformdirs.user_music_path() / "V2A Studio"


def _reserved_stdout() -> BinaryIO:
    """The stdout of this process for the protocol alone: whatever else writes there writes to stderr."""
    protocol = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return protocol


def _warnings() -> logging.Handler:
    """What hosts show when the bridge ended: the worst only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    return handler
