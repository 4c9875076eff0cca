"""The Blenders that the host tests run in: `python -m tests.hosts.environments` installs the wheels.

Each wheel of Blender wants one Python and a numpy of its own, so each gets an environment of its own,
`.venv-bpy-VERSION/`. What cannot be installed here is named with the reason, which the tests repeat as they skip.
"""

import logging
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wheel:
    """Blender as a Python module.

    python: "3.11", the one Python that the wheel is made for. sound: False where it is compiled without Audaspace.
    """

    version: str
    python: str
    numpy: str
    sound: bool = True

    @property
    def name(self) -> str:
        """What tests call it."""
        return f"bpy-{self.version}"

    @property
    def folder(self) -> Path:
        """Its environment."""
        return ROOT / f".venv-{self.name}"

    @property
    def reason(self) -> Path:
        """Says why it could not be installed."""
        return ROOT / "build" / "hosts" / f"{self.name}.txt"

    def command(self) -> list[str]:
        """What starts it; a program's path follows."""
        return [str(self.folder / "bin" / "python")]

    def missing(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if (self.folder / "installed").exists():
            return None
        why = self.reason.read_text() if self.reason.exists() else "run make test-hosts, or .ci/run"
        return f"bpy {self.version} is not installed: {why}"


@dataclass(frozen=True)
class Program:
    """A Blender that the system installed."""

    name: str = "blender"
    sound: bool = True

    def command(self) -> list[str]:
        """What starts it without a window; a program's path follows."""
        found = shutil.which("blender")
        assert found is not None
        return [found, "--background", "--factory-startup", "--python-exit-code", "1", "--python"]

    def missing(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if shutil.which("blender") is None:
            return "blender is not installed (Debian: apt-get install blender)"
        return None


@dataclass(frozen=True)
class Window(Program):
    """The same Blender with its window, in the workspace for editing films; its screen is `DISPLAY`."""

    name: str = "blender-window"
    size: tuple[int, int] = (1600, 1000)

    def command(self) -> list[str]:
        """What starts it; a program's path follows."""
        found = shutil.which("blender")
        assert found is not None
        geometry = ["--window-geometry", "0", "0", *map(str, self.size)]
        template = ["--app-template", "Video_Editing"]
        return [found, "--factory-startup", *template, *geometry, "--enable-event-simulate", "--python"]

    def missing(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if shutil.which("Xvfb") is None:
            return "there is no screen that nobody sees (Debian: apt-get install xvfb libgl1-mesa-dri)"
        return super().missing()


WHEELS = (
    Wheel("4.2.23", "3.11", "numpy<2", sound=False),
    Wheel("4.3.0", "3.11", "numpy<2"),
    Wheel("4.5.15", "3.11", "numpy<2"),
    Wheel("5.0.1", "3.11", "numpy<2"),
    Wheel("5.2.3", "3.13", "numpy>=2.2,<3"),
)
BLENDERS: tuple[Wheel | Program, ...] = (*WHEELS, Program())


def find_python(version: str) -> Path | None:
    """A Python of a version, "3.13": on the path, this one, or one of pyenv's."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return Path(sys.executable)
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for path in (shutil.which(f"python{version}"), *map(str, reversed(kept))):
        # pyenv's shims exist for versions that are installed but not chosen, and then only complain.
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return Path(path)
    return None


def install(wheel: Wheel) -> str | None:
    """Make a wheel's environment; why it could not be made, or None."""
    if (wheel.folder / "installed").exists():
        return None
    python = find_python(wheel.python)
    if python is None:
        return f"it needs Python {wheel.python}, which is not here (pyenv install {wheel.python})"
    shutil.rmtree(wheel.folder, ignore_errors=True)
    pip = [str(wheel.folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    for command in (
        [str(python), "-m", "venv", str(wheel.folder)],
        [*pip, "--only-binary", ":all:", f"bpy=={wheel.version}", wheel.numpy],
        [str(wheel.folder / "bin" / "python"), "-c", "import bpy"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            return f"{' '.join(command)} failed: {lines[-1] if lines else done.returncode}"
    (wheel.folder / "installed").touch()
    return None


def main() -> None:
    """Install every wheel that is not here yet."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for wheel in WHEELS:
        why = install(wheel)
        wheel.reason.unlink(missing_ok=True)
        if why is not None:
            wheel.reason.parent.mkdir(parents=True, exist_ok=True)
            wheel.reason.write_text(why)
            _log.warning("bpy %s: its tests are skipped: %s", wheel.version, why)


if __name__ == "__main__":
    main()
