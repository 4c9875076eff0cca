"""V2A Generate with options in a real browser: what its person sees, hears and keeps."""

import contextlib
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hosts.browser import Page, browser
from tests.hosts.conftest import program
from tests.hosts.contract import FlashFilm, flash_film
from tests.plugin.test_page import FORM, Desk
from tests.resolve.menu import ADDRESS, Menu
from tests.server.running import Server
from v2a.audio import Audio
from v2a.delivery import write_wav
from v2a_plugin.page import Page as WaitingPage
from v2a_plugin.page import Pages

__all__ = ["flash_film", "program"]

pytestmark = pytest.mark.hosts

_UNTIL = """new Promise((done, fail) => {
  const end = Date.now() + 30000;
  const late = () => Date.now() > end ? fail(new Error(document.body.innerText)) : setTimeout(look, 50);
  const look = () => (%s) ? done(true) : late();
  look();
})"""


def test_a_person_asks_hears_and_keeps(
    tmp_path: Path, clicking: Server, flash_film: FlashFilm, program: Callable[..., str]
) -> None:
    chromium = program("chromium")
    menu = Menu(sys.executable, tmp_path, clicking.address)
    film = shutil.copy(flash_film([20]), tmp_path / "shot 010.mp4")
    clips: list[dict[str, Any]] = [{"path": str(film), "rate": "24", "n_frames": 96, "at": 10}]
    scene = {"behaviour": {}, "project": str(uuid.uuid4()), "timeline": "t", "clips": clips, "playhead": 12}
    running = menu.start("V2A Generate with options", scene)
    address = running.until(ADDRESS)
    (tmp_path / "profile").mkdir()
    with browser(chromium, tmp_path / "profile") as page:
        (file,) = (menu.home / "pages").iterdir()
        page.call("Page.navigate", url=file.as_uri())
        _arrived(page)
        _until(page, "document.querySelector('#form') && !document.querySelector('#form').hidden")
        assert page.evaluate("location.href") == f"{address[1]}/", "the token is out of the address"
        _fill(page, ".prompt", "a door")
        _fill(page, "#takes", "2")
        page.evaluate("document.querySelector('#generate').click()")
        _until(page, "document.querySelectorAll('audio').length === 2")
        _until(page, "!document.querySelector('#keep').disabled")
        # A tab that is loaded again goes on.
        page.call("Page.reload")
        _until(page, "document.querySelectorAll('audio').length === 2")
        playing = "document.querySelector('audio').play()"
        page.call("Runtime.evaluate", expression=playing, userGesture=True, awaitPromise=True)
        _until(page, "document.querySelector('audio').currentTime > 0")
        page.evaluate("document.querySelectorAll('input[type=radio]')[1].click()")
        # Set V2A_PICTURES=docs/images to draw the guide's picture anew.
        height = page.evaluate("Math.ceil(document.body.getBoundingClientRect().height)")
        page.call("Emulation.setDeviceMetricsOverride", width=860, height=height, deviceScaleFactor=1, mobile=False)
        Path(os.environ.get("V2A_PICTURES", tmp_path), "resolve-page.png").write_bytes(page.screenshot())
        page.evaluate("document.querySelector('#keep').click()")
        _until(page, "document.querySelector('h1').innerText.startsWith('Kept')")
        assert page.errors == []
    assert "1 sound is in the timeline" in running.end()
    assert list((menu.home / "pages").iterdir()) == []
    ((track, _, items),) = running.audio
    assert track == "V2A MIX"
    assert "take 2" in items[0][0]


def _until(page: Page, condition: str) -> None:
    assert page.evaluate(_UNTIL % condition)


def _arrived(page: Page) -> None:
    """The file leads to the page; what is evaluated meanwhile gets no answer."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(AssertionError):
            if page.evaluate("location.protocol === 'http:' && document.readyState === 'complete'"):
                return
        time.sleep(0.1)
    raise AssertionError(page.evaluate("location.href"))


def _fill(page: Page, selector: str, text: str) -> None:
    page.evaluate(f"document.querySelector({selector!r}).value = {text!r}")


def test_of_sounds_that_wait_only_those_are_kept_that_the_person_chooses(
    tmp_path: Path, program: Callable[..., str]
) -> None:
    chromium = program("chromium")
    write_wav(tmp_path / "take.wav", Audio(np.zeros((1, 4800), np.float32), 48_000))
    desk = Desk(tmp_path / "take.wav")
    jobs = [desk.submit({"name": name, "takes": 2}) for name in ("one", "two", "three")]
    pages = Pages(lambda result: None)
    opened = pages.open(WaitingPage("Sounds to keep", desk, FORM, [], jobs, {}, ["a clip is no film"]))
    (tmp_path / "profile").mkdir()
    with browser(chromium, tmp_path / "profile") as page:
        page.call("Page.navigate", url=opened["url"])
        _until(page, "document.querySelectorAll('audio').length === 6")
        assert page.evaluate("document.querySelector('#notes').innerText") == "a clip is no film"
        assert page.evaluate("document.querySelectorAll('input:checked').length") == 0
        assert page.evaluate("document.querySelector('#keep').disabled")
        boxes = "document.querySelectorAll('#jobs input')"
        for index in (0, 2, 3, 0):  # one is chosen and given up; of two takes of another the last one counts
            page.evaluate(f"{boxes}[{index}].click()")
        assert page.evaluate(f"[...{boxes}].map((box) => box.checked)") == [False, False, False, True, False, False]
        page.evaluate("document.querySelector('#keep').click()")
        _until(page, "document.querySelector('h1').innerText.startsWith('Kept')")
        assert page.errors == []
    assert pages.close(opened["page"])["kept"] == [{"job": jobs[1], "takes": [2]}]
