"""The conform report opens in a browser, and its sounds and film play."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.hosts.browser import browser

pytestmark = pytest.mark.hosts

_LOAD_ALL = """
Promise.all([...document.querySelectorAll("%s")].map(media => new Promise(done => {
  const say = () => done({file: media.getAttribute("src"), seconds: media.duration,
                          width: media.videoWidth, error: media.error && media.error.message});
  media.addEventListener("loadeddata", say);
  media.addEventListener("error", say);
  media.preload = "auto";
  media.load();
})))
"""


def test_the_report_opens_and_everything_on_it_plays(
    conformed: Path, program: Callable[[str], str], tmp_path: Path
) -> None:
    report = json.loads((conformed / "report.json").read_text())
    lengths = {sound["file"]: sound["n_samples"] / 48_000 for event in report["events"] for sound in event["sounds"]}
    with browser(program("chromium"), tmp_path) as page:
        page.open(conformed / "report.html")
        sounds = page.evaluate(_LOAD_ALL % "audio")
        films = page.evaluate(_LOAD_ALL % "video")
        shown = page.evaluate("document.body.innerText")
        picture = page.screenshot()
        errors = page.errors

    assert errors == []
    assert [sound["error"] for sound in sounds] == [None] * len(sounds)
    assert {sound["file"]: sound["seconds"] for sound in sounds} == pytest.approx(lengths, abs=1e-3)
    (film,) = films
    assert film["error"] is None
    assert film["width"] == 320
    assert film["seconds"] == pytest.approx(544 / 18, abs=0.1)
    for event in report["events"]:
        assert event["name"] in shown
    with av.open(io.BytesIO(picture), "r") as image:
        pixels = next(image.decode(video=0)).to_ndarray(format="gray")
    assert int(pixels.max()) - int(pixels.min()) > 100
    assert len(np.unique(pixels[::10, ::10])) > 20
