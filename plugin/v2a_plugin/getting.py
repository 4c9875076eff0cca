"""Installs published models: their files are fetched, checked, converted, and put into the user's folder of models.

Nothing is fetched without the user's word, nothing is opened before its digest is known to be right, and pickles are
read by another process only (`v2a.confined`), which can do little else. What was done stays done where it is stopped.
"""

import errno
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from v2a import errors
from v2a.errors import ConflictError, GenerationError, NotFoundError, StorageError, UnavailableError, V2AError
from v2a.extras import require, require_family
from v2a.models_folder import ModelsFolder
from v2a.output import storage_error
from v2a.published import PublishedFile, PublishedModel

Say = Callable[[str], None]

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True)
class Plan:
    """What is to be done for a model.

    stored: parts that are there, by name. missing: files to be had, by part. found: where they lie, where a folder was
    given; else they are downloaded. begun: bytes of each missing file that earlier downloads have left.
    """

    model: PublishedModel
    stored: dict[str, Path]
    missing: dict[str, PublishedFile]
    found: dict[str, Path] | None
    begun: dict[str, int]

    @property
    def n_bytes(self) -> int:
        """What is to be downloaded or read."""
        return sum(max(file.n_bytes - self.begun.get(part, 0), 0) for part, file in self.missing.items())

    @property
    def n_bytes_needed(self) -> int:
        """Room on the disk: what is downloaded lies there twice until it is converted, one file after the other."""
        taken = most = 0
        for part, file in self.missing.items():
            download = 0 if self.found is not None else file.n_bytes
            taken += max(download - self.begun.get(part, 0), 0) + file.n_bytes
            most = max(most, taken)
            taken -= download
        return most


def plan(model: PublishedModel, models: ModelsFolder, source: Path | None) -> Plan:
    """Look at what is there and what is missing; nothing is changed.

    source: a folder that holds the published files. Raises NotFoundError where it lacks some, or where nobody has
    published weights for the model; MissingExtraError where a package is missing that the work needs.
    """
    if not model.files:
        raise NotFoundError(
            f"nobody has published weights for {model.name}: run it with random ones, {model.name}=random"
        )
    family = str(model.facts["family"])
    if source is None:
        require(family, "huggingface_hub")
    require_family(family)
    require("server", "torch", "safetensors")
    stored = {part: path for part, file in model.files.items() if (path := models.stored(file)) is not None}
    missing = {part: file for part, file in model.files.items() if part not in stored}
    if source is not None:
        return Plan(model, stored, missing, _found(missing, source), {})
    begun = {part: _n_bytes_there(_places(file, models)) for part, file in missing.items()}
    return Plan(model, stored, missing, None, begun)


def carry_out(plan: Plan, models: ModelsFolder, say: Say) -> None:
    """Fetch, check, convert and store what is missing, then write the card.

    Raises UnavailableError where a download fails, ConflictError for a file that is not the published one, UsageError
    for one that is refused or does not fit, StorageError where there is no room; each leaves the model not installed.
    """
    parts = dict(plan.stored)
    for part, file in plan.missing.items():
        path = plan.found[part] if plan.found is not None else _download(file, models, say)
        say(f"{part}: checking {file.name}")
        try:
            digests = _checked(path, file)
        except ConflictError:
            if plan.found is None:
                path.unlink()  # else every later try would meet it again
            raise
        say(f"{part}: converting {file.name}")
        made_from = json.dumps({"repository": file.repository, "path": file.path, **digests}, sort_keys=True)
        parts[part] = models.add(partial(_convert, path, facts=plan.model.facts, part=part, made_from=made_from))
        if plan.found is None:
            path.unlink()
    listed = [
        {
            "name": part,
            "file": parts[part].name,
            "sha256": parts[part].stem,
            "licence": file.licence.name,
            "source": file.page,
        }
        for part, file in plan.model.files.items()
    ]
    models.install(plan.model.facts, listed)


def _found(missing: dict[str, PublishedFile], source: Path) -> dict[str, Path]:
    """Where the files lie in a folder: as the repository has them, side by side, or anywhere below."""
    found = {}
    for part, file in missing.items():
        for place in (source / file.name, source / file.path):
            if place.is_file():
                found[part] = place
    names = {file.name for part, file in missing.items() if part not in found}
    if names:  # once for all of them: it may be a large folder
        below = {path.name: path for path in source.rglob("*") if path.name in names and path.is_file()}
        found |= {part: below[file.name] for part, file in missing.items() if part not in found and file.name in below}
    lacking = [f"{file.name} ({file.url})" for part, file in missing.items() if part not in found]
    if lacking:
        raise NotFoundError(f"{source} lacks {', '.join(lacking)}")
    return found


def _places(file: PublishedFile, models: ModelsFolder) -> tuple[Path, Path]:
    """Where a download lies when it is whole, and until then."""
    path = models.downloads / file.repository.replace("/", "--") / file.name
    return path, path.with_name(path.name + ".part")


def _n_bytes_there(places: tuple[Path, Path]) -> int:
    return next((place.stat().st_size for place in places if place.is_file()), 0)


def _download(file: PublishedFile, models: ModelsFolder, say: Say) -> Path:
    """Fetch a file, from where an earlier try has stopped. The hub is told nothing but which file is wanted."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get  # `hf_hub_download` always begins anew

    path, begun = _places(file, models)
    if path.exists():
        return path
    say(f"downloading {file.name} ({file.n_bytes / 1e9:.2f} GB) from huggingface.co/{file.repository}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        url = hf_hub_url(file.repository, file.path, revision=file.revision)
        found = get_hf_file_metadata(url, token=False)
        if begun.exists() and found.size is not None and begun.stat().st_size > found.size:
            begun.unlink()
        with begun.open("ab") as opened:
            http_get(
                found.location,
                opened,
                resume_size=opened.tell(),
                expected_size=found.size,
                displayed_filename=file.name,
            )
        begun.replace(path)
    except Exception as error:  # of whatever the hub's client speaks HTTP with
        if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            raise storage_error(path, error) from error
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnavailableError(
            f"{file.name} cannot be downloaded ({why}). What has come is kept: try again, or fetch it elsewhere and "
            "give its folder by --from"
        ) from error
    return path


def _checked(path: Path, file: PublishedFile) -> dict[str, str]:
    """The digests of a file, by algorithm. Raises ConflictError unless they are those that were published."""
    sums = {name: hashlib.new(name, usedforsecurity=False) for name in {"sha256", *file.digests}}
    try:
        with path.open("rb") as opened:
            while block := opened.read(1 << 22):
                for each in sums.values():
                    each.update(block)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from error
    digests = {name: each.hexdigest() for name, each in sums.items()}
    for name, expected in file.digests.items():
        if digests[name] != expected:
            raise ConflictError(
                f"{path} is not the file that was published: its {name.upper()} is {digests[name]} instead of "
                f"{expected}. It may be cut short, or another version: get it again"
            )
    return digests


def _convert(source: Path, target: Path, *, facts: dict[str, Any], part: str, made_from: str) -> None:
    """Let a confined process convert a file for a model of these facts; raises what it reports."""
    command = [sys.executable, "-I", "-B", "-m", "v2a.confined", str(source.absolute()), str(target.absolute())]
    command += [facts["family"], facts["variant"], part, made_from, str(os.getpid())]
    # One thread: it may not start any, once it is confined. Windows starts nothing without its own folder's name.
    environment = {"OMP_NUM_THREADS": "1"} | {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="v2a-") as folder:
        done = subprocess.run(  # noqa: S603 - our own command line, no shell
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=folder,
            env=environment,
            check=False,
        )
    try:
        answer = json.loads(done.stdout)
        error, kind = answer.get("error"), answer.get("kind")
    except (ValueError, AttributeError):
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1][:200]
        raise GenerationError(
            f"{source.name} could not be converted: its reader ended with status {done.returncode} ({last})"
        ) from None
    if error is not None:
        found = getattr(errors, str(kind), None)
        raise (found if isinstance(found, type) and issubclass(found, V2AError) else GenerationError)(error)
