"""Conforming with a model that is not the shipped one's family, on a true server."""

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hosts.clicking import OTHER_MODEL, click_server
from tests.otio.local_maker import watch
from tests.otio.timelines import clip, gap, save, span, timeline
from v2a.delivery import read_wav
from v2a_otio.conform import conform, prepare
from v2a_otio.plan import Options
from v2a_plugin.client import ServerChoice, connect


def test_a_cut_is_conformed(tmp_path: Path, reel: Path) -> None:
    items = [clip("door", str(reel), span(0, 27, 18)), gap(9, 18), clip("street", str(reel), span(9, 31, 18))]
    cut = save(timeline(items), tmp_path / "cut.otio")
    options = Options(model=OTHER_MODEL, quality="preview", prompt="wind", preview=False)
    with TemporaryDirectory(prefix="v2a") as folder:  # a socket's path is short, and pytest's folders are not
        server = click_server(Path(folder) / "server").start()
        try:
            with connect(ServerChoice(server.address)) as client:
                report = conform(prepare(cut, options), tmp_path / "out", client, watch)
        finally:
            server.stop()
    assert report["totals"]["done"] == 2
    files = [tmp_path / "out" / sound["file"] for event in report["events"] for sound in event["sounds"]]
    lengths = [read_wav(file).samples.shape[1] for file in files]
    assert lengths == [48_000 * 27 // 18, round(Fraction(48_000 * 31, 18))]
