"""Media inside an .otioz bundle: the server reads files, so they are unpacked, once, into the user's cache."""

import hashlib
import posixpath
import shutil
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import platformdirs

from v2a.errors import MediaError
from v2a.output import storage_error, whole_file


def unpacked(bundle: Path, url: str) -> Path | None:
    """The file that an address inside a bundle means, unpacked; None where the bundle holds no such file.

    Raises MediaError for a damaged bundle, StorageError where it cannot be written.
    """
    name = posixpath.normpath(unquote(urlsplit(url).path)) if url and "\0" not in url else "."
    if name.startswith(("/", "..")) or name == ".":
        return None
    found = bundle.stat()
    told = f"{bundle.resolve()}\n{found.st_size}\n{found.st_mtime_ns}\n{name}"
    folder = Path(platformdirs.user_cache_dir("v2a-studio")) / "bundles"
    path = folder / hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:32] / Path(name).name
    if path.is_file():
        return path
    try:
        with zipfile.ZipFile(bundle) as archive:
            try:
                member = archive.getinfo(name)
            except KeyError:
                return None
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as packed, whole_file(path) as part, part.open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise MediaError(f"{bundle.name} is damaged, {name} cannot be taken out of it: {error}") from error
    except OSError as error:
        raise storage_error(path, error) from error
    return path
