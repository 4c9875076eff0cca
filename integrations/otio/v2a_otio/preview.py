"""The film with its new sound: take 1 of all layers under the reference film or a rendered picture."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from v2a.audio import sample_at
from v2a.delivery import WavInfo, write_wav_blocks
from v2a.media import mux, probe
from v2a.output import storage_error
from v2a_otio.events import Cut
from v2a_otio.mix import Samples, channels, mix
from v2a_otio.picture import render
from v2a_otio.plan import RATE_HZ, Plan
from v2a_otio.tracks import PlacedFile
from v2a_plugin.mixing import below_ceiling

_IN_MP4 = ("h264", "hevc", "av1", "vp9", "mpeg4")
_MP4_LIKE = (".mp4", ".m4v", ".mov", ".mkv")
_OWN = (".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class Preview:
    """A preview file. picture: where it comes from. inputs: digest of all that it was made from."""

    file: str
    sha256: str
    inputs: str
    picture: str
    warnings: tuple[str, ...] = ()


def make_preview(
    cut: Cut,
    plans: Sequence[Plan],
    files: Sequence[PlacedFile],
    picture: Path | None,
    folder: Path,
    old: dict[str, Any],
) -> Preview:
    """Make the preview in a folder, or keep the old one where nothing it was made from has changed.

    old: the earlier report's words about it. Raises MediaError for a picture that cannot be used,
    StorageError.
    """
    heard = [file for file in files if file.take == 0]
    inputs = _inputs(cut, plans, heard, picture)
    name = preview_name(picture)
    says = f"copied from {picture.name}" if picture else "rendered preview, not the reference film"
    out = folder / name
    warnings = list(_length_warnings(cut, picture))
    if old.get("inputs") == inputs and out.is_file() and old.get("sha256") == file_sha256(out):
        return Preview(name, old["sha256"], inputs, says, tuple(old.get("warnings", ())))
    try:
        with tempfile.TemporaryDirectory(prefix=".v2a-", dir=folder) as scratch:
            sound = Path(scratch, "mix.wav")
            warnings += _write_mix(sound, heard, folder, sample_at(cut.duration_s, RATE_HZ))
            film = picture
            if film is None:
                film = Path(scratch, "picture.mp4")
                render(cut, plans, film)
            mux(film, [sound], out)
    except OSError as error:
        raise storage_error(out, error) from error
    return Preview(name, file_sha256(out), inputs, says, tuple(warnings))


def _write_mix(path: Path, heard: Sequence[PlacedFile], folder: Path, n_samples: int) -> list[str]:
    """Write the sum of sounds; return what to say of it. Only a sum that is too loud is made twice."""
    info = WavInfo(RATE_HZ, channels(heard, folder), n_samples, bit_depth=24)
    peaks = [0.0]

    def watched() -> Iterator[Samples]:
        for block in mix(heard, folder, 0, n_samples):
            peaks.append(float(np.abs(block).max(initial=0.0)))
            yield block

    write_wav_blocks(path, info, watched())
    gain, lowered = below_ceiling(max(peaks))
    if lowered:
        write_wav_blocks(path, info, (block * gain for block in mix(heard, folder, 0, n_samples)))
    return lowered


def preview_name(picture: Path | None) -> str:
    """MP4 where the picture fits in as it is, else its own container or, where none is written, Matroska."""
    own = picture.suffix.lower() if picture else ".mp4"
    if picture is None or (own in _MP4_LIKE and probe(picture).codec in _IN_MP4):
        return "preview.mp4"
    return f"preview{own if own in _OWN else '.mkv'}"


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inputs(cut: Cut, plans: Sequence[Plan], heard: Sequence[PlacedFile], picture: Path | None) -> str:
    """A digest of everything a preview is made from; films go in by name, size and time of change."""
    films = [picture] if picture else [plan.film.info.path for plan in plans if plan.film]
    shown = [] if picture else [[plan.event.opening, plan.event.closing, plan.coverage] for plan in plans if plan.film]
    facts = [
        *(str(cut.rate), str(cut.duration_s)),
        [[str(film), film.stat().st_size, film.stat().st_mtime_ns] for film in films],
        [repr(item) for item in shown],
        [[str(file.path), file.facts["sha256"], repr((file.opening, file.closing, file.coverage))] for file in heard],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _length_warnings(cut: Cut, picture: Path | None) -> Iterator[str]:
    if picture is None:
        return
    length_s = probe(picture).duration_s
    if abs(length_s - cut.duration_s) > 1 / cut.rate:
        yield (
            f"{picture.name} is {float(length_s):.3f} s long and the timeline {float(cut.duration_s):.3f} s: "
            "they may not be the same cut"
        )
