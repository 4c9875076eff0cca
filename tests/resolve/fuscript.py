"""What Resolve's `fuscript` does with a script of the menu: runs it in a plain Python, with `resolve` in its globals.

    python fuscript.py SCRIPT SCENE

SCENE is a JSON file: how Resolve behaves, what is in the timeline, what its user does. Afterwards it holds what became
of that, in `after`. Standard library only, and any Python from 3.8 on.
"""

from __future__ import annotations

import json
import os
import sys
from fractions import Fraction
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

from tests.doubles.resolve import Behaviour, Resolve
from tests.doubles.resolve.app import snapshot
from tests.doubles.resolve.items import TimelineItem
from tests.doubles.resolve.windows import Bmd, Window


def main() -> None:
    """Run the script of the command line."""
    script, scene_file = Path(sys.argv[1]), Path(sys.argv[2])
    scene = json.loads(scene_file.read_text(encoding="utf-8"))
    behaviour = Behaviour(**{**scene["behaviour"], "version": tuple(scene["behaviour"].get("version", (21, 0, 0)))})
    resolve = Resolve(behaviour, scene.get("rate", "24"))
    _arrange(resolve, scene)
    before = snapshot(resolve)
    resolve._desk.modal = scene.get("modal", "")
    resolve._desk.person = _person(scene)  # type: ignore[attr-defined]
    if scene.get("no_room_in"):
        _fill_up(scene["no_room_in"])
    found = {"__name__": "__main__", "resolve": resolve, "fusion": resolve._fusion, "bmd": Bmd(resolve)}
    if scene.get("outside"):
        found = {"__name__": "__main__"}
    code = compile(script.read_text(encoding="utf-8"), str(script), "exec")
    try:
        exec(code, found)  # noqa: S102 - what fuscript does
    finally:
        scene["modal"], resolve._desk.modal = resolve._desk.modal, ""  # its user closes what is open
        scene.update(before=before, after=snapshot(resolve))
        scene_file.write_text(json.dumps(scene), encoding="utf-8")


def _arrange(resolve: Resolve, scene: dict) -> None:  # type: ignore[type-arg]
    project = resolve._project
    project._id = scene["project"]
    if scene.get("timeline") is None:
        project._timelines, project._current = [], None
        return
    timeline = resolve._timeline
    timeline._id = scene["timeline"]
    for clip in scene["clips"]:
        film = resolve._film(clip["path"], clip["rate"], clip["n_frames"])
        resolve._put(film, clip["at"], clip["n_frames"])
    timeline._playhead = timeline._start + scene.get("playhead", 0)
    if "marks" in scene:
        timeline.SetMarkInOut(*scene["marks"])
    for track in scene.get("tracks", []):
        timeline.AddTrack("audio", {"audioType": "mono"})
        timeline._tracks["audio"][-1].name = track["name"]
        timeline._tracks["audio"][-1].locked = track["locked"]
    for sound in scene.get("sounds", []):
        project._pool._current = project._pool.AddSubFolder(project._pool._root, "V2A") or project._pool._current
        (medium,) = project._pool.ImportMedia([sound["path"]])
        item = TimelineItem(timeline, medium, timeline._start + sound["at"], sound["n_frames"], Fraction(0))
        item._id, medium._id = sound["id"], sound["medium"]
        timeline._tracks["audio"][sound["track"] - 1].items.append(item)
        project._pool._current = project._pool._root


def _person(scene: dict):  # type: ignore[type-arg,no-untyped-def]
    """Works the window as the scene says: [CONTROL, EVENT] as soon as it can be used, or [CONTROL, WHAT, VALUE].

    [CONTROL, "read"] keeps what it says in `read`.
    """
    acts = list(scene.get("window", []))

    def act(window: Window) -> None:
        if acts and getattr(window.Find(acts[0][0]), "Enabled", None) is not False:
            control, what, *value = acts.pop(0)
            if what == "read":
                scene.setdefault("read", []).append(getattr(window.Find(control), "Text", None))
            elif value:
                setattr(window.Find(control), what, value[0])
            else:
                window.event(control, what)

    return act


def _fill_up(folder: str) -> None:
    """No room on the disk for whatever is written below a folder by this process."""
    write = Path.write_text

    def refuse(path: Path, *arguments: object, **more: object) -> int:
        if str(path).startswith(folder):
            raise OSError(28, os.strerror(28), str(path))
        return write(path, *arguments, **more)  # type: ignore[arg-type]

    Path.write_text = refuse  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    main()
