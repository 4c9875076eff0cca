"""Comparing a written export, parsed again, with the plan of the master."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from v2a.audio import sample_at
from v2a_otio.exports.losses import Loss
from v2a_otio.exports.turnover import ROUNDED_END, ROUNDED_SOURCE, ROUNDED_START, Lane, Planned, Turnover
from v2a_otio.plan import RATE_HZ

_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Found:
    """A clip as an export holds it, in exact seconds. source_s: from the file's first frame or sample."""

    file: str
    start_s: Fraction
    end_s: Fraction
    source_s: Fraction


def compare(wanted: Turnover, found: Sequence[Sequence[Found]], losses: Sequence[Loss]) -> list[str]:
    """What an export holds otherwise than the master, beyond its named losses, as sentences. Empty: verified."""
    if len(found) != len(wanted.lanes):
        return [f"it holds {len(found)} tracks instead of {len(wanted.lanes)}"]
    allowed = {(loss.event, loss.track, loss.feature): loss.samples or 0 for loss in losses}
    sentences: list[str] = []
    for lane, clips in zip(wanted.lanes, found, strict=True):
        if len(clips) != len(lane.items):
            sentences.append(f"track '{lane.name}' holds {len(clips)} clips instead of {len(lane.items)}")
            continue
        for item, clip in zip(lane.items, clips, strict=True):
            sentences += _differences(lane, item.plan, clip, allowed)
    return sentences


def _differences(
    lane: Lane, plan: Planned, clip: Found, allowed: Mapping[tuple[int | None, str, str], int]
) -> Iterator[str]:
    where = f"event {plan.event} ('{plan.name}') on track '{lane.name}'"
    if clip.file != plan.file:
        yield f"{where} plays {clip.file or 'nothing'} instead of {plan.file or 'nothing'}"
    moved_s = clip.start_s - plan.start_s
    for feature, off_s in (
        (ROUNDED_START, moved_s),
        (ROUNDED_END, clip.end_s - plan.end_s),
        (ROUNDED_SOURCE, clip.source_s - (plan.source_s + moved_s * plan.speed)),
    ):
        # Half a sample is what rounding to samples leaves; anything more is named, or wrong.
        if abs(off_s) > (allowed.get((plan.event, lane.name, feature), 0) + _HALF) / RATE_HZ:
            yield f"the {feature} of {where} is {sample_at(abs(off_s), RATE_HZ)} samples off"
