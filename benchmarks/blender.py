"""How long the add-on keeps Blender's main thread while twenty jobs run: `python -m benchmarks.blender`.

Writes blender.md. It wants what `make test-hosts` wants: Blender and Xvfb, and the wheels that it installs.
"""

import os
import platform
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import write_film
from tests.hosts.blender import Blender
from tests.hosts.clicking import click_server
from tests.hosts.driver import ours
from tests.hosts.environments import BLENDERS, ROOT, Program, Wheel, Window
from tests.hosts.hand import Hand
from tests.hosts.screen import hidden_screen

N_JOBS = 20
MAKE_ZIPS = ROOT / "integrations" / "blender" / "make_zips.py"
RATE = Fraction(24)
_FILM_FRAMES = 96


def main() -> None:
    """Measure each Blender, and write the table."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="v2a") as name:
        folder = Path(name)
        subprocess.run([sys.executable, MAKE_ZIPS, folder / "addons"], check=True)
        film = write_film(
            folder / "film.mp4",
            RATE,
            _FILM_FRAMES,
            (72, 128),
            painter=lambda index: np.full((72, 128, 3), 250 if 5 <= index < 9 else 5, np.uint8),
        )
        server = click_server(folder / "s").start()
        try:
            window = Window()
            with hidden_screen(window.size) as screen:
                os.environ.update(screen)
                for number, which in enumerate((*BLENDERS, window)):
                    if which.missing() is None:
                        rows.append(
                            _measure(which, folder / str(number), folder / "addons", film, server.address, number)
                        )
        finally:
            server.stop()
    Path(__file__).with_suffix(".md").write_text(_page(rows))


def _measure(
    which: Wheel | Program, folder: Path, addons: Path, film: Path, address: str, seed: int
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    (addon,) = addons.glob("*[0-9].zip" if isinstance(which, Wheel) else "*legacy*.zip")
    blender = Blender(which, folder, server=address).start(addon)
    try:
        if not isinstance(which, Window):  # whose edit is new, and whose panels would go with it
            blender.new_edit(RATE)
        films = [blender.add_film(film, 1 + _FILM_FRAMES * index) for index in range(N_JOBS)]
        blender.select(*films)
        if isinstance(which, Window):
            blender.do("tidy")
            Hand(blender).open_tab()
            blender.do("view_all")
        blender.set(model="clicks", prompt='{"steps": 10, "step_s": 0.05}', seed=seed, handles_s=0, output=folder / "o")
        blender.do("measure")
        _go_on(blender, which, 5.0)
        idle = blender.do("measured")
        blender.press()
        pressing = blender.do("measured")
        while not blender.do("is_settled"):
            _go_on(blender, which, 0.5)
        busy = blender.do("measured")
        assert which.sound is False or len(ours(blender.strips())) == N_JOBS
        name = f"{blender.do('version')}{', window' if isinstance(which, Window) else ''}"
        return name, {"idle": idle, "pressing": pressing}, busy
    finally:
        blender.close()


def _go_on(blender: Blender, which: Wheel | Program, for_s: float) -> None:
    if isinstance(which, Window):
        blender.rest(for_s)
    else:
        blender.do("go_on_smoothly", for_s=for_s)


def _page(rows: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> str:
    lines = [
        "# Blender's main thread while twenty jobs run",
        "",
        f"`python -m benchmarks.blender`, on {platform.system()} {platform.machine()}, {os.cpu_count()} cores of "
        f"{_processor()}, with other work on them. Twenty strips of four seconds are asked for with one press; the "
        "server makes clicks at ten steps a job, twenty steps a second, and places each job's sound as it comes.",
        "",
        "*Timer*: the longest call of the add-on's timer, which hears the bridge and places sounds. *Drawing*: the "
        "longest drawing of its panels and menus. *Beat*: the longest time between two beats of the main thread, "
        "of whatever cause, against the same without jobs; in a window that is mostly Blender's own drawing, "
        "here in software. "
        "*Press*: the button's own work for all twenty. Milliseconds.",
        "",
        "| Blender | timer | drawing | beat | beat without jobs | press |",
        "|---|---|---|---|---|---|",
    ]
    for name, before, busy in rows:
        drawing = f"{busy['drawing'][0]:.1f}" if busy["drawing"][1] else "–"
        lines.append(
            f"| {name} | {busy['timer'][0]:.1f} | {drawing} | {busy['gap'][0]:.1f} | {before['idle']['gap'][0]:.1f} "
            f"| {before['pressing']['press'][0]:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "an unknown processor"


if __name__ == "__main__":
    main()
