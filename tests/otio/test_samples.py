"""Timelines of other systems, with stand-in films made to fit: every event finds its film by two keys, or says why."""

import logging
import re
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from v2a.errors import MediaError
from v2a_otio.conform import prepare
from v2a_otio.events import Cut, Event, read_cut
from v2a_otio.plan import Options
from v2a_otio.reading import read
from v2a_plugin.timeline import timecode

SAMPLES = Path(__file__).parents[3] / "shared" / "timelines"
FILES = sorted(path for path in SAMPLES.rglob("*") if path.is_file() and path.suffix != ".json")
RATES = {"25fps.edl": Fraction(25), "timecode_mismatch.edl": Fraction(25)}
# Files that are refused as a whole, and a word of the reason.
UNREADABLE = {
    "dissolve_test_fail.edl": "its reader stumbled",
    "timecode_mismatch.edl": "don't match",
    "premiere_example_filter.xml": "No top-level sequences",
    "fcpx_clips.fcpxml": "only clips",
    "fcpx_event.fcpxml": "holds 2 timelines",
    "fcpx_example.fcpxml": "holds 2 timelines",
    "fcpx_library.fcpxml": "holds 2 timelines",
}
# What cannot be conformed although the file is read: events, and a word of the reason.
REFUSED = {
    "hiero_xml_export.xml": (1, "may be meant as a factor"),
    "premiere_example.otio": (1, "holds nothing"),
    # Whoever shared it called all films one name: some cannot be told apart.
    "empty_name_tags.xml": (6, "changes within the clip|is there [23] times"),
    "img_seq_media_reference.otio": (1, "holds no images|was not found"),
}


def stand_ins(cut: Cut, folder: Path, make_film: Callable[..., Path]) -> None:
    """A film for each medium, with the timecode and length that the timeline speaks of; long ones have few frames."""
    media: dict[tuple[str, Fraction | None, Fraction | None], list[Event]] = defaultdict(list)
    for event in cut.events:
        if not event.omission and not event.refusal and event.medium.images is None:
            media[event.medium.name, event.medium.start_s, event.medium.duration_s].append(event)
    for number, ((name, start_s, _), users) in enumerate(media.items()):
        used = [event.media_at(at_s) for event in users for at_s in (event.record.start_s, event.record.end_s)]
        first_s = min(used) if start_s is None else start_s
        length_s = users[0].medium.duration_s or max(used) - first_s + 1
        rate = cut.rate if length_s < 20 and len(media) < 100 else Fraction(1)
        place = folder / str(number)
        place.mkdir()
        make_film(
            place / f"{Path(name).stem or 'film'}.mov",
            rate=rate,
            n_frames=max(round(length_s * rate), 1),
            size=(24, 24),
            options={"preset": "ultrafast"},
            metadata={"timecode": timecode(first_s, rate)},
        )


@pytest.mark.skipif(not FILES, reason=f"the samples are not at {SAMPLES}")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_sample_conforms_or_is_refused_with_the_reason(
    tmp_path: Path, make_film: Callable[..., Path], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    rate = RATES.get(path.name)
    if path.name in UNREADABLE:
        with pytest.raises(MediaError, match=UNREADABLE[path.name]):
            read(path, rate)
        return
    cut = read_cut(read(path, rate).timeline)
    stand_ins(cut, tmp_path, make_film)
    plans = prepare(path, Options(media_roots=(tmp_path,), edl_rate=rate)).plans
    problems = [plan.problem for plan in plans if plan.problem]
    refused, reason = REFUSED.get(path.name, (0, ""))
    assert [problem for problem in problems if not re.search(reason, problem)] == []
    assert len(problems) == refused
    for plan in plans:
        assert plan.problem or plan.omission or (plan.film is not None and plan.coverage is not None)
