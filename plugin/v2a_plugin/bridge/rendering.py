"""Rendering what no film shows: a host's own program writes it, on a leash."""

import collections
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from v2a.errors import GenerationError, V2AError
from v2a.media import probe
from v2a.output import storage_error
from v2a_plugin.bridge.requests import Job, RenderSource

_LEASH = Path(__file__).with_name("leash.py")
_FRAME = re.compile(r"frame (\d{1,9})\s*", re.ASCII)
_SAID_LINES = 6


class Rendering:
    """One command that writes a film; `run` it once, `stop` it from any thread."""

    def __init__(self, source: RenderSource, on_frame: Callable[[int], None]) -> None:
        self._source = source
        self._on_frame = on_frame
        self._stopped = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._starting = threading.Lock()

    def run(self, job: Job, kept: Path) -> None:
        """Render, and move the film to `kept`.

        Returns early where it was stopped. Raises GenerationError where the command fails or the film is not whole,
        StorageError.
        """
        said = self._run()
        if not self._stopped.is_set():
            self._keep(job, kept, said)

    def stop(self) -> None:
        """End the command now."""
        with self._starting:
            self._stopped.set()
            process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()

    def _run(self) -> str:
        with self._starting:
            if self._stopped.is_set():
                return ""
            self._process = process = subprocess.Popen(  # noqa: S603 - what the host asks for, without a shell
                [sys.executable, "-I", "-S", str(_LEASH), *self._source.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        said: collections.deque[str] = collections.deque(maxlen=_SAID_LINES)
        with process:
            for line in process.stdout or ():
                frame = _FRAME.fullmatch(line)
                if frame:
                    self._on_frame(min(int(frame[1]), self._source.n_frames))
                elif line.strip():
                    said.append(f"  {line.rstrip()[:500]}")
            status = process.wait()
        words = "\n".join(said)
        if status and not self._stopped.is_set():
            raise GenerationError(
                f"the pictures could not be rendered (exit status {status}). Ask for it anew; the last words of "
                f"{self._source.command[0]}:\n{words or '  (none)'}"
            )
        return words

    def _keep(self, job: Job, kept: Path, said: str) -> None:
        film = self._source.film
        try:
            n_frames = round(probe(film, job.rate).duration_s * job.rate)
        except V2AError as error:
            raise GenerationError(
                f"no film was rendered ({error}). Ask for it anew; the last words of {self._source.command[0]}:\n"
                f"{said or '  (none)'}"
            ) from None
        if n_frames != self._source.n_frames:
            raise GenerationError(
                f"{n_frames} frames were rendered instead of {self._source.n_frames}: ask for it anew, and if "
                f"this comes again, look at the last words of {self._source.command[0]}:\n{said or '  (none)'}"
            )
        try:
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.move(film, kept)
        except OSError as error:
            raise storage_error(kept, error) from None


def remove_folder(folder: Path) -> None:
    """Remove the folder that a host made for one render; what cannot be removed stays."""
    shutil.rmtree(folder, ignore_errors=True)
