"""The window with options and takes, made with Resolve's UI manager: Studio has it, and so had the free edition."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import Any, Mapping, Sequence

from v2a_host import finding
from v2a_host.bridge_client import BridgeError

from .session import Session

_STEP_EVERY_S = 0.05


class Choice:
    """One window: what is wanted, how it goes, what is kept. `result` is as `page.result` answers it."""

    def __init__(
        self,
        windows: tuple[Any, Any],
        session: Session,
        title: str,
        wanted: Sequence[Mapping[str, Any]],
        shown: Sequence[str],
        settings: Mapping[str, Any],
        notes: Sequence[str] = (),
    ) -> None:
        """wanted: jobs to submit when the user says so. shown: jobs to be heard. notes: what to know before."""
        self._ui, self._dispatcher = windows
        self._session, self._wanted, self._notes = session, wanted, notes
        self._refused = ""  # why the last press of Generate did nothing
        self._jobs = list(shown)
        for status in session.ask("jobs")["jobs"]:
            if status["job"] in self._jobs:
                session.jobs[status["job"]] = status
        self._is_open = True
        self._state, self._settings = "cancelled", dict(settings)
        self._other_layers = list(self._settings.get("layers") or [])[1:]  # the page chooses these
        self._kept: list[dict[str, Any]] = []
        self._listed: list[tuple[str, int]] = []
        self._window = self._dispatcher.AddWindow(
            {"ID": "v2a", "WindowTitle": f"V2A Studio: {title}", "Geometry": [200, 200, 560, 420]}, self._content()
        )
        self._items = self._window.GetItems()
        self._fill()
        self._connect()

    def result(self) -> dict[str, Any]:
        """Show the window until the user has decided."""
        self._window.Show()
        try:
            while self._is_open:
                # Not `RunLoop`: in it no timer of a Python script goes off, and nothing would tell of the jobs.
                with contextlib.suppress(KeyError):  # an event that nobody handles
                    self._dispatcher.StepLoop(False)
                self._look()
                time.sleep(_STEP_EVERY_S)
        finally:
            self._window.Hide()
        return {"state": self._state, "kept": self._kept, "jobs": self._jobs, "settings": self._settings}

    def _content(self) -> list[Any]:
        ui = self._ui
        form = [
            ui.HGroup({"Weight": 0}, [ui.Label({"Text": "Layer"}), ui.ComboBox({"ID": "layer"})]),
            ui.HGroup({"Weight": 0}, [ui.Label({"Text": "What is heard"}), ui.LineEdit({"ID": "prompt"})]),
            ui.HGroup({"Weight": 0}, [ui.Label({"Text": "What is not"}), ui.LineEdit({"ID": "negative"})]),
            ui.HGroup({"Weight": 0}, [ui.Label({"Text": "Preset"}), ui.ComboBox({"ID": "preset"})]),
            ui.HGroup({"Weight": 0}, [ui.Label({"Text": "Quality"}), ui.ComboBox({"ID": "quality"})]),
            ui.HGroup(
                {"Weight": 0},
                [
                    ui.Label({"Text": "Takes"}),
                    ui.SpinBox({"ID": "takes", "Minimum": 1, "Value": 1}),
                    ui.Label({"Text": "Seed"}),
                    ui.LineEdit({"ID": "seed", "Text": "0"}),
                    ui.Button({"ID": "generate", "Text": "Generate"}),
                ],
            ),
        ]
        others = ", ".join(str(layer.get("name")) for layer in self._other_layers)
        form += [ui.Label({"Text": f"And as set on the page: {others}"})] if others else []
        rest = [
            ui.Label({"ID": "status", "Text": "", "WordWrap": True}),
            ui.HGroup({"Weight": 0}, [ui.ComboBox({"ID": "take"}), ui.Button({"ID": "play", "Text": "Play"})]),
            ui.HGroup(
                {"Weight": 0},
                [
                    ui.Button({"ID": "keep", "Text": "Keep", "Enabled": False}),
                    ui.Button({"ID": "cancel", "Text": "Cancel"}),
                ],
            ),
        ]
        return [ui.VGroup([*(form if self._wanted else []), *rest])]

    def _fill(self) -> None:
        if not self._wanted:
            return
        hello, items = self._session.hello, self._items
        words = (self._settings.get("layers") or [{}])[0]
        for name, entries, value in (
            ("layer", hello["layers"], words.get("name", "mix")),
            ("preset", ["", *(preset["name"] for preset in hello["presets"])], self._settings.get("preset", "")),
            ("quality", hello["qualities"], self._settings.get("quality", "standard")),
        ):
            items[name].AddItems(list(entries))
            items[name].CurrentIndex = list(entries).index(value) if value in entries else 0
        items["prompt"].Text, items["negative"].Text = words.get("prompt", ""), words.get("negative", "")
        items["takes"].Value = int(self._settings.get("takes", 1))
        items["seed"].Text = str(self._settings.get("seed", 0))

    def _connect(self) -> None:
        on = self._window.On
        if self._wanted:
            on.generate.Clicked = lambda event: self._generate()
        on.keep.Clicked = lambda event: self._keep()
        on.play.Clicked = lambda event: self._play()
        on.cancel.Clicked = lambda event: self._end("cancelled")
        on.v2a.Close = lambda event: self._end("cancelled")

    def _generate(self) -> None:
        hello, items = self._session.hello, self._items
        seed = str(items["seed"].Text).strip()
        if not seed.isdecimal():
            self._refused = f"The seed must be a whole number, and '{seed}' is none"
            return
        name = hello["layers"][items["layer"].CurrentIndex or 0]
        self._settings = {
            "layers": [
                {
                    "name": name,
                    "prompt": str(items["prompt"].Text or "").strip(),
                    "negative": str(items["negative"].Text or "").strip(),
                },
                *(layer for layer in self._other_layers if layer.get("name") != name),
            ],
            "preset": ["", *(preset["name"] for preset in hello["presets"])][items["preset"].CurrentIndex or 0],
            "quality": hello["qualities"][items["quality"].CurrentIndex or 0],
            "takes": int(items["takes"].Value or 1),
            "seed": int(seed),
        }
        self._refused = ""
        try:
            self._jobs = self._session.submit([{**job, **self._settings} for job in self._wanted])
        except BridgeError as error:
            self._refused = str(error)
            return
        items["generate"].Enabled = False

    def _look(self) -> None:
        """Show how the jobs go, and their takes when they are done."""
        items = self._items
        try:
            self._session.pump()
        except BridgeError as error:
            items["status"].Text = str(error)
            return
        statuses = [self._session.jobs[job] for job in self._jobs if job in self._session.jobs]
        said = [*self._notes, self._refused, *(f"{status['name']}: {status['text']}" for status in statuses)]
        items["status"].Text = "\n".join(filter(None, said))
        if not self._jobs or not all(self._session.has_ended(job) for job in self._jobs):
            return
        if self._wanted:
            items["generate"].Enabled = True
        takes = [
            (status["job"], number)
            for status in statuses
            if status["state"] == "succeeded"
            for number in sorted({take["take"] for take in status["takes"]})
        ]
        if takes != self._listed:
            self._listed = takes
            names = {status["job"]: status["name"] for status in statuses}
            items["take"].Clear()
            items["take"].AddItems([f"{names[job]}: take {number}" for job, number in takes])
        items["keep"].Enabled = bool(takes)

    def _chosen(self) -> tuple[str, int] | None:
        index = self._items["take"].CurrentIndex
        return (
            self._listed[index] if self._listed and isinstance(index, int) and 0 <= index < len(self._listed) else None
        )

    def _play(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            takes = self._session.jobs[chosen[0]]["takes"]
            play(next(take["path"] for take in takes if take["take"] == chosen[1]))

    def _keep(self) -> None:
        """Keep the chosen take; and where sounds were asked for here, the first one of each other job."""
        chosen = self._chosen()
        if chosen is None:
            return
        kept = {job: [number] for job, number in reversed(self._listed) if self._wanted}
        kept[chosen[0]] = [chosen[1]]
        self._kept = [{"job": job, "takes": kept[job]} for job in self._jobs if job in kept]
        self._end("kept")

    def _end(self, state: str) -> None:
        self._state = state
        if state == "cancelled" and self._wanted:
            with contextlib.suppress(BridgeError):
                self._session.cancel(self._jobs)
        self._is_open = False


def play(path: str) -> None:
    """Open a sound in the system's player."""
    if sys.platform == "win32":
        os.startfile(path)  # noqa: S606 - of the user's own
        return
    command = ["open", path] if sys.platform == "darwin" else ["xdg-open", path]
    with contextlib.suppress(OSError):
        subprocess.Popen(command, env=finding.clean_environment())  # noqa: S603
