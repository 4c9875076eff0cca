"""A real server whose model is replaced by clicks where the picture turns white."""

import json
from pathlib import Path
from typing import Any

from tests.server.running import Server
from v2a.cards import read_card

_CARD = {
    "name": "clicks",
    "title": "Clicks",
    "description": "Not a model.",
    "licence": "Apache-2.0",
    "commercial_use": True,
    "layers": ["mix", "effects", "ambience", "music"],
    "frame_rate": "25",
    "frame_size": [32, 32],
    "sample_rate_hz": 48000,
    "channels": 1,
    "latent_rate_hz": 25,
    "latent_dim": 64,
    "window_tokens": 200,
    "overlap_tokens": 50,
    "presets": {},
}


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
        options={"read_anything": True, **options},
        worker=("-m", "tests.hosts.click_worker"),
    )
