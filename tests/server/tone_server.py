"""The real server with the tone worker, or another: python tone_server.py MODEL_DIR OPTIONS_JSON [WORKER].

Beside the model of that folder it has those that the option "also" names.
"""

import json
import logging
import sys
import time
from pathlib import Path

from v2a.cards import card as named
from v2a.cards import read_card
from v2a.errors import V2AError
from v2a_server import app
from v2a_server.executor import Patience
from v2a_server.janitor import Keeping


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO)
    model = Path(sys.argv[1])
    options = json.loads(sys.argv[2])
    options["store"] = Path(options["store"])
    options["roots"] = tuple(Path(root) for root in options.get("roots", ()))
    for name, kind in (("keeping", Keeping), ("patience", Patience)):
        if name in options:
            options[name] = kind(**options[name])
    if clock := options.pop("clock", None):
        _let_the_clock_jump(Path(clock))
    n_workers, also = options.pop("workers", 1), options.pop("also", ())
    tones = [str(Path(__file__).with_name("tone_worker.py")), str(model.parent / "broken")]
    worker = [sys.executable, *(sys.argv[3:] or tones)]
    card = read_card(model)
    try:
        app.run(
            app.ServeOptions(**options),
            lambda: {card.name: read_card(model), **{name: named(name) for name in also}},
            [worker] * n_workers,
            on_listening=_tell,
        )
    except V2AError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _let_the_clock_jump(offset: Path) -> None:
    """The time of day, but not the monotonic clock, is off by as many seconds as a file says."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + float(offset.read_text() or 0)
    time.time_ns = lambda: now_ns() + int(offset.read_text() or 0) * 10**9


def _tell(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
