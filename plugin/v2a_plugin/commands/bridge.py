"""`v2a bridge`: what hosts start."""

import logging
import os
import sys
from contextlib import suppress
from typing import BinaryIO

_MAX_LOG_BYTES = 4 << 20


def bridge() -> None:
    """Speak with a host (Blender, DaVinci Resolve) over stdin and stdout; hosts start this themselves."""
    protocol = _reserved_stdout()

    from v2a.output import storage_error
    from v2a_plugin.bridge.rpc import Connection
    from v2a_plugin.bridge.service import Service
    from v2a_plugin.local_server import home

    log = home() / "log" / "bridge.log"
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
        Service(Connection(sys.stdin.buffer, protocol), home(), log).serve()
    logging.getLogger(__name__).info("the host is gone: jobs go on at the server")
    logging.shutdown()
    # Threads that still wait for a server must not keep it: all they know is in the journal.
    os._exit(0)


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
