"""A real window of Blender, on a screen that nobody sees: what its user does, with mouse and menus, and what they see.

The pictures go to `build/hosts/`, or to the folder that V2A_PICTURES names: those of docs/blender.md are made so.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosts.blender import Blender
from tests.hosts.driver import RefusedError, ours
from tests.hosts.environments import ROOT, Program, Wheel, Window
from tests.hosts.hand import Hand
from tests.hosts.screen import hidden_screen
from tests.server.running import Server

pytestmark = pytest.mark.hosts

PICTURES = Path(os.environ.get("V2A_PICTURES") or ROOT / "build" / "hosts")
# The reel's shots that are used: first frame, frames behind the last.
SMITHY, QUAY = (9, 612 - 135), (288, 612 - 414)


@pytest.fixture(scope="module")
def blender(tmp_path_factory: pytest.TempPathFactory, addons: Callable[[Wheel | Program], Path]) -> Iterator[Blender]:
    """A window with the add-on, and the user's own server with the model that travels in the package."""
    which = Window()
    if missing := which.missing():
        pytest.skip(missing)
    blender = Blender(which, tmp_path_factory.mktemp("window"))
    with hidden_screen(which.size) as screen, pytest.MonkeyPatch.context() as patch:
        for name, value in screen.items():
            patch.setenv(name, value)
        blender.start(addons(which))
        yield blender
        blender.do("stop_server")
        blender.wait()
        blender.close()


@pytest.fixture(scope="module")
def hand(blender: Blender, tmp_path_factory: pytest.TempPathFactory) -> Hand:
    """The sequencer is made higher, its sidebar wider, and the add-on's tab is opened: all with the mouse."""
    hand = Hand(blender)
    blender.do("tidy")
    # A copy, as Blender leaves proxies beside films.
    reel = Path(shutil.copy(ROOT / "examples" / "reel.mp4", tmp_path_factory.mktemp("films")))
    smithy = blender.do("open_film", path=reel)
    blender.do("trim", name=smithy, at=1, head=SMITHY[0], tail=SMITHY[1])
    end = blender.strips()[0].end
    quay = blender.add_film(reel, end, head=QUAY[0], tail=QUAY[1])
    blender.do("set_range", start=1, end=blender.strips()[-1].end)
    blender.select(smithy)
    assert quay != smithy
    hand.open_tab()
    blender.do("show_frame", frame=31)
    return hand


def picture(blender: Blender, name: str) -> None:
    blender.do("view_all")
    time.sleep(2)  # waveforms are drawn when they have been read
    PICTURES.mkdir(parents=True, exist_ok=True)
    blender.do("picture", path=PICTURES / f"blender-{name}.png")


def test_from_the_film_to_its_sound_and_back(blender: Blender, hand: Hand, tmp_path: Path) -> None:
    blender.set(
        prompt="hammer striking an anvil, metal hit",
        negative="music, speech",
        layers=["effects", "ambience"],
        prompt_ambience="fire crackling",
        takes=2,
        quality="preview",
        output=tmp_path,
    )
    before = blender.strips()
    time.sleep(3)  # the bridge is started as soon as the panel is seen
    picture(blender, "panel")

    x, y, width, height = hand.region("HEADER")
    hand.click(x + width - 40, y + height // 2)  # the button in the header
    deadline = time.monotonic() + 120
    texts: set[str] = set()
    while not any(job.state == "running" and job.text.startswith("sampling") for job in blender.jobs()):
        assert time.monotonic() < deadline, blender.jobs()
        texts |= {job.text for job in blender.jobs()}
        time.sleep(0.1)
    picture(blender, "progress")
    assert texts, "it says what it waits for"
    (job,) = blender.wait(300)
    assert (job.state, job.placed, job.messages) == ("succeeded", True, ())
    after = blender.strips()
    assert [(strip.made["layer"], strip.made["take"], strip.muted) for strip in ours(after)] == [
        ("effects", 1, False),
        ("effects", 2, True),
        ("ambience", 1, False),
        ("ambience", 2, True),
    ]
    assert {(strip.start, strip.end) for strip in ours(after)} == {(before[0].start, before[0].end)}
    picture(blender, "sounds")

    blender.undo()
    assert blender.strips() == before
    time.sleep(1)
    assert blender.strips() == before
    blender.redo()
    assert blender.strips() == after

    blender.again(job.id, "effects")
    _, rolled = blender.wait(300)
    assert (rolled.state, rolled.placed) == ("succeeded", True)
    heard = [(strip.made["layer"], strip.made["seed"]) for strip in ours(blender.strips()) if not strip.muted]
    assert sorted(heard) == [("ambience", 0), ("effects", 1)]
    picture(blender, "takes")


def test_nothing_is_asked_or_placed_while_blender_renders(
    blender: Blender, hand: Hand, clicking: Server, tmp_path: Path
) -> None:
    blender.wait()
    blender.do("prefer", server=clicking.address)
    blender.do("restart")
    blender.set(model="clicks", prompt='{"steps": 10, "step_s": 0.1}', layers=[], takes=1, output=tmp_path)
    before = blender.strips()
    (asked,) = blender.press()
    blender.do("render", path=tmp_path / "frames" / "", n_frames=250)
    with pytest.raises(RefusedError, match="Blender renders: press again when it has ended"):
        blender.press()
    seen = []
    while blender.do("is_rendering"):
        seen += [(job.state, job.placed) for job in blender.jobs() if job.id == asked]
        time.sleep(0.05)
    # It may be placed between two questions where the render has just ended.
    assert ("succeeded", False) in seen, "the render took longer than the job, and its sound waited for it"
    assert ("succeeded", True) not in seen[:-1]
    blender.wait()
    assert len(blender.strips()) == len(before) + 1
    blender.do("prefer", server="")
    blender.do("restart")
    blender.wait()
