"""A real server with a model that clicks where the picture turns white, and a small one of another family."""

import json
from pathlib import Path
from typing import Any

from tests.server.running import CARD, Server
from v2a.cards import read_card

_CARD = {**CARD, "name": "clicks", "title": "Clicks", "layers": ["mix", "effects", "ambience", "music"]}


# Of a family that is not the shipped one's, with random weights.
OTHER_MODEL = "mmaudio-tiny-16k=random"


def click_server(folder: Path, **options: Any) -> Server:
    """A server, not started, in a folder with a short name (a socket's path is short). options: ServeOptions."""
    for name in ("model", "films", "run"):
        (folder / name).mkdir(parents=True, mode=0o700)
    (folder / "model" / "card.json").write_text(json.dumps(_CARD))
    (folder / "model" / "weights.safetensors").write_bytes(b"")
    return Server(
        folder,
        read_card(folder / "model").digest,
        listen=f"unix:{folder}/run/socket",
        options={"read_anything": True, "also": [OTHER_MODEL], **options},
        worker=("-m", "tests.hosts.click_worker"),
    )
