"""The menu's scripts as they are installed, run as Resolve runs them; and a browser for their pages."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from v2a_plugin.resolve_folders import Scripts

_HERE = Path(__file__).parent
_WITHIN_S = 60
ADDRESS = re.compile(r"open this once: (http://127\.0\.0\.1:\d+)/#(\S+)")


def python(version: str) -> str | None:
    """A bare Python of a version; None where there is none."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}"))
    found = str(kept[-1]) if kept else shutil.which(f"python{version}")
    works = found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    return found if works else None


@dataclass
class Menu:
    """Resolve's menu for one user. interpreter: the Python that Resolve finds. home: where V2A keeps what it keeps."""

    interpreter: str
    folder: Path
    server: str
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self._runs: list[Run] = []
        self.scripts = Scripts(self.folder / "Fusion")
        self.scripts.install()
        self.settings(server=self.server, job={"model": "clicks", "output": str(self.folder / "sounds")})
        self.environment = {
            "V2A_HOME": str(self.home),
            "V2A_BRIDGE": str(Path(sys.executable).with_name("v2a")),
            "V2A_QUIET": "1",
            "BROWSER": "true",
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONIOENCODING": "utf-8",
            **self.environment,
        }

    def settings(self, **kept: Any) -> None:
        """What earlier scripts kept."""
        path = self.home / "resolve" / "settings.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(before | kept))

    def start(self, script: str, scene: Mapping[str, Any]) -> "Run":
        """Choose a script."""
        file = self.folder / f"{uuid.uuid4().hex}.json"
        file.write_text(json.dumps(scene))
        path = self.scripts.menu.folder / f"{script}.py"
        command = [self.interpreter, "-I", "-S", str(_HERE / "fuscript.py"), str(path), str(file)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", env=self.environment
        )
        self._runs.append(Run(process, file))
        return self._runs[-1]

    def close(self) -> None:
        """End what a failed test left running."""
        for run in self._runs:
            if run.process.poll() is None:
                run.process.kill()
                run.process.communicate()

    def run(self, script: str, scene: Mapping[str, Any]) -> "Run":
        """Choose a script, and wait for its end."""
        run = self.start(script, scene)
        run.end()
        return run


@dataclass
class Run:
    """A script that runs, or ran. said: what the console shows."""

    process: "subprocess.Popen[str]"
    file: Path
    said: str = ""

    def browser(self) -> "Browser":
        """The page that the script opens, opened."""
        found = self.until(ADDRESS)
        return Browser(found[1], found[2])

    def until(self, said: "re.Pattern[str]") -> "re.Match[str]":
        """What the console says, as soon as it does."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if found := said.search(line):
                return found
        raise AssertionError(self.said)

    def end(self) -> str:
        """How it ended, in the script's last words. No script ends with a traceback."""
        rest, _ = self.process.communicate(timeout=_WITHIN_S)
        self.said += rest
        assert self.process.returncode == 0, self.said
        assert "Traceback" not in self.said, self.said
        return self.said.strip()

    @property
    def scene(self) -> dict[str, Any]:
        """What became of Resolve."""
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    @property
    def audio(self) -> list[Any]:
        """The audio tracks with something on them: [name, subtype, [[name, start, frames], …]]."""
        (timeline,) = self.scene["after"]["timelines"].values()
        return [
            [name, subtype, [[item[1], item[2], item[3]] for item in items]]
            for kind, name, subtype, _, _, items in timeline["tracks"]
            if kind == "audio" and items
        ]


class Browser:
    """A person's browser: opens an address, and does what the page's own script would do."""

    def __init__(self, origin: str, token: str) -> None:
        self.origin, self.token = origin, token
        self.key = self.ask("/open", {"token": token})["key"]

    def ask(self, path: str, body: Any = None, **headers: str) -> Any:
        """One request; raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        own = {"X-V2A-Key": getattr(self, "key", ""), **kind, **headers}
        request = urllib.request.Request(self.origin + path, data, own)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if answer.headers["Content-Type"] == "application/json" else content

    def refused(self, path: str, body: Any = None, **headers: str) -> int:
        """The status of a request that is refused."""
        try:
            self.ask(path, body, **headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        raise AssertionError(f"{path} was answered")
