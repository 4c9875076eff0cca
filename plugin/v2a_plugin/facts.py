"""What the server says of models and takes, as JSON: the same for the command line, hosts and reports."""

from pathlib import Path
from typing import Any

from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1.models_pb2 import Model
from v2a_plugin.specs import cues_of, fraction
from v2a_plugin.timeline import seconds_text


def model_facts(model: Model) -> dict[str, Any]:
    """A model, without what only its requests need."""
    return {
        "name": model.name,
        "title": model.title,
        "description": model.description,
        "licence": model.licence,
        "commercial_use": model.commercial_use,
        "layers": list(model.layers),
        "sample_rate_hz": model.sample_rate_hz,
        "channels": model.channels,
        "frame_rate": str(fraction(model.frame_rate)),
        "window_s": str(fraction(model.window)),
        "digest": model.digest,
    }


def take_facts(take: pb.Take, path: Path) -> dict[str, Any]:
    """A finished take that was written to path. Takes count from 1, and levels are rounded, as people read them."""
    return {
        "path": str(path),
        "layer": take.layer,
        "take": take.index + 1,
        "sha256": take.sha256,
        "n_samples": take.n_samples,
        "rate_hz": take.rate_hz,
        "bit_depth": take.bit_depth,
        "channels": take.channels,
        "loudness_lufs": round(take.loudness_lufs, 2) if take.HasField("loudness_lufs") else None,
        "peak_dbfs": round(take.peak_dbfs, 2) if take.HasField("peak_dbfs") else None,
        "cues": [{"time_s": seconds_text(cue.time_s), "strength": cue.strength} for cue in cues_of(take)],
        "cues_seen": take.cues_seen,
    }
