"""How far a job is over all its stages, which take turns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from v2a_api.v1 import generation_pb2 as pb

# In the order in which they begin, and how much of a job each usually takes.
_WEIGHTS = {"reading": 0.05, "encoding": 0.25, "sampling": 0.6, "decoding": 0.05, "writing": 0.03}


@dataclass(frozen=True)
class Stages:
    """shares: how much is done of each stage that the server told of, 0 … 1."""

    shares: Mapping[str, float] = field(default_factory=dict)

    def after(self, told: pb.Progress) -> "Stages":
        """With what the server tells of the stage that it is at."""
        share = min(told.step / told.total_steps, 1.0) if told.total_steps else 0.0
        return Stages({**self.shares, told.stage: share})

    @property
    def done(self) -> float:
        """Of the whole job, 0 … 1."""
        begun = max((index for index, stage in enumerate(_WEIGHTS) if stage in self.shares), default=0)
        # What was not told of before is done: what a film shows, for one, may be remembered.
        return sum(
            weight * self.shares.get(stage, float(index < begun))
            for index, (stage, weight) in enumerate(_WEIGHTS.items())
        )
