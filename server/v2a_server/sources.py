"""Which films this server may read."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from v2a.errors import NotFoundError, UsageError
from v2a_api.v1 import generation_pb2
from v2a_server.errors import OutsideError
from v2a_server.uploads import Uploads


class Sources:
    """Turns a clip's source into a real path that may be read.

    roots: folders under which paths may be named. read_anything: any path that the server's user can read.
    """

    def __init__(self, uploads: Uploads, roots: Sequence[Path] = (), *, read_anything: bool = False) -> None:
        self._uploads = uploads
        self._roots = [Path(os.path.realpath(root)) for root in roots]
        self._read_anything = read_anything

    @property
    def accepts_paths(self) -> bool:
        """True where a clip may name a path at all."""
        return self._read_anything or bool(self._roots)

    def resolve(self, clip: generation_pb2.Clip) -> Path:
        """The real path of a clip's film.

        Raises UsageError, NotFoundError, or OutsideError where the path, with all links followed, lies under
        none of the roots: then nothing is said about whether it exists.
        """
        if clip.WhichOneof("source") == "upload_sha256":
            return self._uploads.complete(clip.upload_sha256)
        if not clip.path:
            raise UsageError("the clip names neither a path nor an upload")
        return self._allowed(clip.path)

    def _allowed(self, text: str) -> Path:
        if "\0" in text or not Path(text).is_absolute():
            raise UsageError(f"the path of a film must be absolute, got {text!r}")
        if not self.accepts_paths:
            raise OutsideError("this server reads no paths: upload the film, or start it with --root")
        path = Path(os.path.realpath(text))
        if not self._read_anything and not any(path.is_relative_to(root) for root in self._roots):
            raise OutsideError(f"{text} lies outside the folders that this server may read (--root)")
        try:
            mode = path.stat().st_mode
        except OSError:
            raise NotFoundError(f"{text} does not exist on the server") from None
        if not stat.S_ISREG(mode):
            raise UsageError(f"{text} is not a file")
        if not os.access(path, os.R_OK):
            raise OutsideError(f"{text} may not be read by the server: change its permissions")
        return path
