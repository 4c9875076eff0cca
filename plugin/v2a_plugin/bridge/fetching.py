"""A finished request's sounds, in files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from v2a.errors import GenerationError
from v2a.output import storage_error
from v2a_api.v1 import generation_pb2 as pb
from v2a_plugin.bridge.requests import Job
from v2a_plugin.client import Client
from v2a_plugin.facts import take_facts
from v2a_plugin.outputs import result_path
from v2a_plugin.specs import cues_of


def fetched(
    client: Client, made: pb.Generation, job: Job, first: Path, n_samples: int, check: Callable[[], None]
) -> tuple[Mapping[str, Any], ...]:
    """Fetch all layers and takes, and say of each what STATUS says of it.

    first: the name that a single sound would have. n_samples: what each must have. check: called before each; raises
    where nobody wants them any more. Raises GenerationError, StorageError, UnavailableError.
    """
    try:
        first.parent.mkdir(parents=True, exist_ok=True)
        for part in first.parent.glob(f".{first.stem}.*.part"):  # of a bridge that was killed
            part.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(first, error) from None
    rows = []
    for layer in job.layers:
        for index in range(job.sampling.takes):
            take = next((take for take in made.takes if (take.layer, take.index) == (layer.name, index)), None)
            if take is None or take.n_samples != n_samples:
                raise GenerationError(f"the server made no whole take {index + 1} of {layer.name}: try again")
            check()
            # A layer's name stands in every file's: re-rolls of one layer lie among the others.
            path = result_path(first, layer.name, index, n_layers=2, n_takes=job.sampling.takes)
            client.fetch(made.request_id, take, path)
            rows.append(_row(take, path, job.sampling.seed))
    return tuple(rows)


def _row(take: pb.Take, path: Path, seed: int) -> Mapping[str, Any]:
    """As `docs/bridge.md` has it: its cues can be sent back as they are."""
    cues = [{"time": str(cue.time_s), "strength": cue.strength} for cue in cues_of(take)]
    return {**take_facts(take, path), "cues": cues, "seed": seed}
