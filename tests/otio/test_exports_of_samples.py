"""Timelines of others, exported to every format: each reads back, but for what it names."""

from pathlib import Path

import pytest

from tests.otio.masters import master
from v2a.errors import MediaError
from v2a_otio.events import read_timeline
from v2a_otio.exports import write_exports
from v2a_otio.exports.formats import FORMATS

SAMPLES = Path(__file__).parents[3] / "shared" / "timelines"
SUFFIXES = (".otio", ".edl", ".xml", ".fcpxml", ".aaf")


def samples() -> list[Path]:
    return sorted(path for path in SAMPLES.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


@pytest.mark.skipif(not samples(), reason=f"there are no samples at {SAMPLES}")
@pytest.mark.parametrize("folder", sorted({path.parent for path in samples()}), ids=lambda folder: folder.name)
def test_every_timeline_of_others_goes_to_every_format(tmp_path: Path, folder: Path) -> None:
    exported = 0
    for number, path in enumerate(path for path in samples() if path.parent == folder):
        try:
            made = master(read_timeline(path), tmp_path / str(number), layers=["effects"], whole_sounds=False)
        except MediaError:
            continue  # refused with a reason: that is another test's
        written = write_exports(list(FORMATS), made)
        assert [export.file for export in written if export.file] or not made.cut.events
        exported += bool(made.cut.events)
    assert exported
