"""Downloads, by the true client of the hub, from a hub on the loopback."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.plugin.getting.hub import Hub, serving
from tests.plugin.getting.publishing import PROGRAM, Publication, listing
from v2a import cards


def _download(tiny: Publication, hub: Hub, table: Path) -> subprocess.Popen[str]:
    """The command, in a process that takes the loopback's hub for huggingface.co."""
    table.write_text(json.dumps(tiny.table))
    command = [sys.executable, "-c", PROGRAM, str(table), "models", "get", "tiny", "--yes", "--json"]
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(table.parent / "hf"), "NO_PROXY": "*"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_download_goes_on_where_it_stopped(with_tiny: Publication, tmp_path: Path) -> None:
    models, card = tmp_path / "models", cards.card("tiny")
    card.part("clip").file.unlink()
    (models / "tiny" / "card.json").unlink()
    begun = models / "downloads" / "somebody--tiny" / "tiny_clip.pth.part"
    with serving(with_tiny.folder) as hub:
        hub.stalls_after = 14_000_000
        first = _download(with_tiny, hub, tmp_path / "table.json")
        while not (begun.exists() and begun.stat().st_size):
            assert first.poll() is None, first.communicate()
            time.sleep(0.05)
        first.kill()
        first.communicate()
        n_bytes = begun.stat().st_size
        assert "tiny" not in cards.model_names()
        hub.stalls_after = None
        second = _download(with_tiny, hub, tmp_path / "table.json")
        out, err = second.communicate()
        assert second.returncode == 0, err
    assert json.loads(out)["already_installed"] is False
    assert hub.asked[-1] == ("GET", "tiny_clip.pth", f"bytes={n_bytes}-")
    assert {name for _, name, _ in hub.asked} == {"tiny_clip.pth"}, "nothing else is asked or told"
    assert cards.card("tiny").digest == card.digest, "the same weights and card, whichever way they came"
    assert listing(models / "downloads") == [], "what is converted goes"


def test_a_download_that_fails_or_is_another_file_is_said(tiny: Publication, tmp_path: Path) -> None:
    with serving(tiny.folder) as hub:
        flow = tiny.files["flow"].rename(tmp_path / "elsewhere.pth")
        _, err = _download(tiny, hub, tmp_path / "table.json").communicate()
        assert "error: tiny_flow.pth cannot be downloaded (" in err
        assert "404" in err
        assert "try again, or fetch it elsewhere and give its folder by --from" in err
        flow.with_name("elsewhere.pth").rename(tiny.files["flow"]).write_bytes(b"<html>please log in</html>")
        _, err = _download(tiny, hub, tmp_path / "table.json").communicate()
        assert "tiny_flow.pth is not the file that was published: its MD5 is" in err
    assert listing(tmp_path / "models") == []
