"""Every script of the menu, in a bare Python as Resolve finds it: what it does, and what it says where it cannot."""

import json
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.contract import FlashFilm, flash_film
from tests.resolve.menu import Menu, Run, python
from tests.server.running import Server

__all__ = ["flash_film"]

SCRIPTS = (
    "V2A Generate",
    "V2A Generate with options",
    "V2A Audition and keep",
    "V2A Remove last insert",
    "V2A Doctor",
)
_START = 86400  # frames, of a timeline that starts at 01:00:00:00

Scene = Callable[..., dict[str, Any]]


@pytest.fixture(
    params=["this", pytest.param("3.8", marks=pytest.mark.hosts), pytest.param("3.13", marks=pytest.mark.hosts)]
)
def menu(request: pytest.FixtureRequest, tmp_path: Path, clicking: Server) -> Iterator[Menu]:
    found = sys.executable if request.param == "this" else python(request.param)
    if found is None:
        pytest.skip(f"Python {request.param} is not installed")
    menu = Menu(found, tmp_path, clicking.address)
    yield menu
    menu.close()


@pytest.fixture
def scene(flash_film: FlashFilm) -> Scene:
    """A project with one film at frame 10 of its timeline, and the playhead on it."""
    film = flash_film([20])

    def make(**more: Any) -> dict[str, Any]:
        return {
            "behaviour": {},
            "project": str(uuid.uuid4()),
            "timeline": str(uuid.uuid4()),
            "clips": [{"path": str(film), "rate": "24", "n_frames": 96, "at": 10}],
            "playhead": 12,
            **more,
        }

    return make


def test_generates_and_takes_back(menu: Menu, scene: Scene) -> None:
    first = scene()
    run = menu.run("V2A Generate", first)
    assert "1 sound is in the timeline. V2A Remove last insert takes it away" in run.said
    ((track, subtype, items),) = run.audio
    assert (track, subtype, [item[1:] for item in items]) == ("V2A MIX", "mono", [[_START + 10, 96]])
    after = run.scene["after"]
    assert {**after, "timelines": 0, "bins": 0} == {**run.scene["before"], "timelines": 0, "bins": 0}

    with_it = _with_its_sound(menu, run, first)
    back = menu.run("V2A Remove last insert", with_it)
    assert "is removed: 1 clip. Its files stay" in back.said
    assert _nameless(back.scene["after"]) == _nameless(run.scene["before"])
    assert back.scene["after"]["bins"] == run.scene["before"]["bins"]
    assert Path(with_it["sounds"][0]["path"]).is_file()


def test_marks_are_read_where_the_version_has_them(menu: Menu, scene: Scene) -> None:
    run = menu.run("V2A Generate", scene(marks=[20, 43], behaviour={"version": [19, 1, 0]}))
    ((_, _, items),) = run.audio
    assert [item[1:] for item in items] == [[_START + 20, 24]]


def test_options_in_the_browser_are_heard_and_kept(menu: Menu, scene: Scene) -> None:
    running = menu.start("V2A Generate with options", scene())
    browser = running.browser()
    shown = browser.ask("/look")
    assert shown["title"] == "Sound for the clip under the playhead"
    assert "rain" in {preset["name"] for preset in shown["form"]["presets"]}
    browser.ask("/generate", {"layers": [{"name": "effects", "prompt": "a door"}], "takes": 2, "seed": 5})
    job = _ended(browser)
    assert {(take["layer"], take["seed"]) for take in job["takes"]} == {("effects", 5)}
    sound = browser.ask(f"/sound/{job['job']}/effects/2?key={browser.key}")
    assert sound[:4] == b"RIFF"
    browser.ask("/keep", {"kept": [{"job": job["job"], "takes": [2]}]})
    said = running.end()
    assert "1 sound is in the timeline" in said
    ((track, _, items),) = running.audio
    assert (track, [item[1:] for item in items]) == ("V2A SFX", [[_START + 10, 96]])
    assert "take 2" in items[0][0]
    kept = json.loads((menu.home / "resolve" / "settings.json").read_text())["job"]
    assert (kept["layers"], kept["seed"]) == ([{"name": "effects", "prompt": "a door"}], 5)


def test_what_was_not_kept_waits_for_the_audition(menu: Menu, scene: Scene) -> None:
    first = scene()
    running = menu.start("V2A Generate with options", first)
    browser = running.browser()
    browser.ask("/generate", {"takes": 1})
    job = _ended(browser)
    running.process.kill()
    running.process.communicate()
    later = menu.start("V2A Audition and keep", first)
    browser = later.browser()
    shown = browser.ask("/look")
    assert [one["job"] for one in shown["jobs"]] == [job["job"]]
    assert shown["form"] is None
    browser.ask("/keep", {"kept": [{"job": job["job"], "takes": [1]}]})
    assert "1 sound is in the timeline" in later.end()
    assert len(later.audio) == 1
    again = menu.run("V2A Audition and keep", _with_its_sound(menu, later, first))
    assert "No sounds of this project wait to be kept" in again.said


def test_what_another_script_is_at_work_on_is_left_to_it(menu: Menu, scene: Scene) -> None:
    plan = {"steps": 100, "step_s": 0.05, "who": str(menu.folder)}  # what was asked for before is answered at once
    layers = [{"name": "mix", "prompt": json.dumps(plan)}]
    menu.settings(job={"model": "clicks", "output": str(menu.folder / "sounds"), "layers": layers})
    first = scene()
    running = menu.start("V2A Generate", first)
    running.until(re.compile("sampling"))
    assert "Another script of V2A attends to the sounds that wait" in menu.run("V2A Audition and keep", first).said
    assert "1 sound is in the timeline" in running.end()


def test_what_was_left_out_is_told_before_and_after(menu: Menu, scene: Scene) -> None:
    """In the browser, in the window, and in the last words, which many see alone."""
    first = scene(marks=[0, 300])
    first["clips"].append({**first["clips"][0], "path": "/gone.mov", "at": 200})
    note = "/gone.mov is not on the disk: connect the drive, or relink the clip"
    assert note in menu.run("V2A Generate", first).said.split("1 sound is in the timeline")[1]
    running = menu.start("V2A Generate with options", first)
    browser = running.browser()
    assert [note in said for said in browser.ask("/look")["notes"]] == [True]
    browser.ask("/generate", {"takes": 1})
    browser.ask("/keep", {"kept": [{"job": _ended(browser)["job"], "takes": [1]}]})
    assert note in running.end().split("1 sound is in the timeline")[1]
    acts: list[list[Any]] = [["seed", "Text", "none"], ["status", "read"], ["generate", "Clicked"], ["status", "read"]]
    acts += [["cancel", "Clicked"]]
    studio = menu.run("V2A Generate with options", first | {"behaviour": {"studio": True}, "window": acts})
    before, after = studio.scene["read"]
    assert note in before
    assert "seed must be a whole number" not in before
    assert note in after
    assert "The seed must be a whole number, and 'none' is none" in after


def test_options_in_a_window_where_there_may_be_one(menu: Menu, scene: Scene) -> None:
    acts = [["generate", "Clicked"], ["keep", "Clicked"]]
    run = menu.run("V2A Generate with options", scene(behaviour={"studio": True}, window=acts))
    assert "1 sound is in the timeline" in run.said
    assert len(run.audio) == 1
    assert run.scene["modal"] == ""


def test_the_window_keeps_the_layers_that_the_page_set(menu: Menu, scene: Scene) -> None:
    layers = [{"name": "effects", "prompt": "a door"}, {"name": "ambience", "prompt": "wind"}]
    menu.settings(job={"model": "clicks", "output": str(menu.folder / "sounds"), "layers": layers})
    acts = [["prompt", "Text", "a gate"], ["generate", "Clicked"], ["keep", "Clicked"]]
    run = menu.run("V2A Generate with options", scene(behaviour={"studio": True}, window=acts))
    assert sorted(name for name, _, _ in run.audio) == ["V2A AMB", "V2A SFX"]
    kept = json.loads((menu.home / "resolve" / "settings.json").read_text())["job"]["layers"]
    assert kept == [{"name": "effects", "prompt": "a gate", "negative": ""}, layers[1]]


def test_what_is_typed_into_the_window_is_asked_for(menu: Menu, scene: Scene) -> None:
    acts: list[list[Any]] = [["prompt", "Text", "a door"], ["seed", "Text", "none"], ["generate", "Clicked"]]
    acts += [["seed", "Text", "5"], ["takes", "Value", 2], ["generate", "Clicked"]]
    done = [["generate", "Text", "Generate"], ["cancel", "Clicked"]]  # which can be used again when all is made
    first = scene(behaviour={"version": [19, 0]}, window=[*acts, *done])
    assert "Cancelled: nothing was placed" in menu.run("V2A Generate with options", first).said
    kept = json.loads((menu.home / "resolve" / "settings.json").read_text())["job"]
    assert (kept["layers"], kept["seed"], kept["takes"]) == (
        [{"name": "mix", "prompt": "a door", "negative": ""}],
        5,
        2,
    )
    later = [["keep", "Text", "Keep"], ["take", "CurrentIndex", 1], ["play", "Clicked"], ["keep", "Clicked"]]
    waiting = menu.run("V2A Audition and keep", first | {"window": later})
    assert "1 sound is in the timeline" in waiting.said
    assert "take2.wav" in waiting.audio[0][2][0][0], "before 20.2 clips have the names of their files"


def test_of_sounds_that_wait_the_window_keeps_the_chosen_one_alone(menu: Menu, scene: Scene) -> None:
    first = scene(behaviour={"studio": True}, marks=[0, 300])
    first["clips"].append({**first["clips"][0], "at": 200})
    both = [["generate", "Clicked"], ["generate", "Text", "Generate"], ["cancel", "Clicked"]]
    menu.run("V2A Generate with options", first | {"window": both})
    later = [["keep", "Text", "Keep"], ["take", "CurrentIndex", 1], ["keep", "Clicked"]]
    run = menu.run("V2A Audition and keep", first | {"window": later})
    assert "1 sound is in the timeline" in run.said
    ((_, _, items),) = run.audio
    assert [item[1:] for item in items] == [[_START + 200, 96]]


def test_the_doctor_says_what_works(menu: Menu, scene: Scene) -> None:
    run = menu.run("V2A Doctor", scene(behaviour={"end_frame": "inclusive"}))
    for line in (
        "ok      resolve: DaVinci Resolve 21.0.0.7, free edition",
        "ok      timeline: 24 frames a second, starts at frame 86400",
        "ok      windows: the free edition has none since 19.1",
        "ok      missing: GetSelectedClips, which came with 21.0.4",
        "ok      placing: a scratch timeline took a sound; its end frame is played",
        "ok      export: this timeline can be written as OTIO",
        "ok      server: running at",
        "ok      models: clicks",
    ):
        assert line in run.said
    assert run.scene["after"] == run.scene["before"]
    assert json.loads((menu.home / "resolve" / "settings.json").read_text())["end_is_inclusive"] is True


@pytest.mark.parametrize("script", SCRIPTS)
class TestTroubles:
    """Each script ends with a sentence that says what to do, and nothing of the user's is changed."""

    def test_without_a_bridge(self, menu: Menu, scene: Scene, script: str) -> None:
        menu.environment["V2A_BRIDGE"] = str(menu.folder / "nowhere" / "v2a")
        self._ends(menu, scene(), script, "is no program: name the file `v2a`", unless=("V2A Remove last insert",))

    def test_without_a_server(self, menu: Menu, scene: Scene, script: str) -> None:
        menu.settings(server=f"unix:{menu.folder}/nobody")
        words = {"V2A Generate": "nobody", "V2A Generate with options": "Cancelled", "V2A Doctor": "nobody"}
        acts = [["generate", "Clicked"], ["cancel", "Clicked"]]
        self._ends(menu, scene(behaviour={"studio": True}, window=acts), script, words.get(script, ""))

    def test_without_a_timeline(self, menu: Menu, scene: Scene, script: str) -> None:
        words = {"V2A Audition and keep": "No sounds of this project wait"}
        self._ends(menu, scene(timeline=None), script, words.get(script, "No timeline is open: open one"))

    def test_outside_of_resolve(self, menu: Menu, scene: Scene, script: str) -> None:
        self._ends(menu, scene(outside=True), script, "run this from its menu Workspace > Scripts")

    def test_without_room_on_the_disk(self, menu: Menu, scene: Scene, script: str) -> None:
        full = scene(
            no_room_in=str(menu.home), behaviour={"studio": True}, window=[["generate", "Clicked"], ["keep", "Clicked"]]
        )
        words = {"V2A Generate": "make room there", "V2A Generate with options": "make room there", "V2A Doctor": ""}
        self._ends(menu, full, script, words.get(script, ""))

    def test_with_a_window_open_that_asks_something(self, menu: Menu, scene: Scene, script: str) -> None:
        self._ends(menu, scene(modal="Save?"), script, "close any window that asks something")

    def test_its_files_were_moved(self, menu: Menu, scene: Scene, script: str) -> None:
        menu.scripts.support.folder.rename(menu.folder / "elsewhere")
        self._ends(menu, scene(), script, "run `v2a install resolve` again")

    def _ends(self, menu: Menu, scene: dict[str, Any], script: str, words: str, unless: tuple[str, ...] = ()) -> None:
        run = menu.run(script, scene)
        assert script in unless or words in run.said, run.said
        assert run.said.strip()
        assert run.scene["after"] == run.scene["before"]


def test_locked_tracks_stay_as_they_are(menu: Menu, scene: Scene) -> None:
    run = menu.run("V2A Generate", scene(tracks=[{"name": "V2A MIX", "locked": True}]))
    assert "1 sound is in the timeline" in run.said
    (timeline,) = run.scene["after"]["timelines"].values()
    audio = [[name, locked, len(items)] for kind, name, _, locked, _, items in timeline["tracks"] if kind == "audio"]
    assert audio[:2] == [["Audio 1", False, 0], ["V2A MIX", True, 0]]
    ((name, locked, count),) = audio[2:]
    assert (name.startswith("V2A MIX"), locked, count) == (True, False, 1)


def test_cancelled_in_the_browser(menu: Menu, scene: Scene) -> None:
    running = menu.start("V2A Generate with options", scene())
    browser = running.browser()
    browser.ask("/generate", {"layers": [{"name": "mix", "prompt": '{"steps": 100, "step_s": 0.1}'}]})
    browser.ask("/cancel", {})
    assert running.end().endswith("Cancelled: nothing was placed")
    assert running.scene["after"] == running.scene["before"]


def test_cancelled_in_the_window(menu: Menu, scene: Scene) -> None:
    run = menu.run("V2A Generate with options", scene(behaviour={"studio": True}, window=[["cancel", "Clicked"]]))
    assert run.said.strip().endswith("Cancelled: nothing was placed")
    assert run.scene["after"] == run.scene["before"]


def _ended(browser: Any) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        (job,) = browser.ask("/look")["jobs"]
        if job["state"] in ("succeeded", "failed", "cancelled"):
            found: dict[str, Any] = job
            return found
        time.sleep(0.05)
    raise AssertionError("it did not end")


def _with_its_sound(menu: Menu, run: Run, scene: dict[str, Any]) -> dict[str, Any]:
    """The scene as a script left it: with what it placed, under the same ids."""
    (file,) = (menu.home / "resolve" / "inserts").iterdir()
    kept, (path,) = json.loads(file.read_text()), run.scene["after"]["bins"]["V2A"]
    (clip,), (medium,) = kept["clips"], kept["media"]
    sound = {"path": path, "at": 10, "n_frames": 96, "track": 2, "id": clip, "medium": medium}
    return scene | {"tracks": [{"name": "V2A MIX", "locked": False}], "sounds": [sound]}


def _nameless(snapshot: Any) -> Any:
    """Without the clips' ids, which another Resolve gives anew."""
    (timeline,) = snapshot["timelines"].values()
    return timeline | {"tracks": [[*track[:5], [item[1:] for item in track[5]]] for track in timeline["tracks"]]}
