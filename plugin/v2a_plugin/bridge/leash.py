"""Runs a command that ends with whoever started this: `python leash.py COMMAND …`.

A program of its own, since nobody else is left to end a render where the bridge was killed: its stdin ends then.
Exit status: the command's; 128 and the signal's number where one ended it; 127 where it cannot be started.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Run the command line's command."""
    try:
        # In a group of its own, so that what it starts goes with it.
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    except OSError as error:
        sys.stdout.write(f"{sys.argv[1]} cannot be started: {error.strerror}\n")
        return 127

    def end_with_stdin() -> None:
        while os.read(0, 4096):
            pass
        _kill(child)

    threading.Thread(target=end_with_stdin, daemon=True).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


def _kill(child: "subprocess.Popen[bytes]") -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()


if __name__ == "__main__":
    sys.exit(main())
