"""The real server with the tone worker, or another: python tone_server.py MODEL_DIR OPTIONS_JSON [WORKER]."""

import json
import logging
import sys
from pathlib import Path

from v2a.cards import read_card
from v2a.errors import V2AError
from v2a_server import app


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO)
    model = Path(sys.argv[1])
    options = json.loads(sys.argv[2])
    options["store"] = Path(options["store"])
    options["roots"] = tuple(Path(root) for root in options.get("roots", ()))
    worker = [sys.executable, *(sys.argv[3:] or [str(Path(__file__).with_name("tone_worker.py"))])]
    card = read_card(model)
    try:
        app.run(app.ServeOptions(**options), lambda: {card.name: read_card(model)}, worker, on_listening=_tell)
    except V2AError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _tell(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
