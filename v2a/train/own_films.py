"""Films with sound as training examples.

Each film is cut into stretches of 8 s. The onsets of its own sound stand for the events that are seen, so the films
should be such as show what is heard. Words come from `films.csv` (file, caption) beside the films, else there are none.
"""

import csv
import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from v2a.audio import Audio
from v2a.errors import MediaError, NotFoundError, UsageError
from v2a.evaluate.onsets import onsets
from v2a.media import FILM_SUFFIXES, VideoFile
from v2a.models.pocket.codec import Codec
from v2a.train.recordings import RATE_HZ, decode_audio
from v2a.train.scenes.film import DURATION_S, SIZE, TOKEN_RATE_HZ, Heard
from v2a.train.shards import N_TOKENS, TRACKS, Films, See, read_films, there, write_films, write_soundtracks
from v2a.train.soundtrack import N_SAMPLES, Soundtrack

log = logging.getLogger(__name__)

_LEVEL_DB = -20.0  # RMS of a film's sound, about that of composed ones
_LOUDEST_S = 0.05
_WEAKEST = 0.1


@dataclass(frozen=True)
class OwnFilm:
    """One film. name: its path inside the folder, with `/`; caption: empty where the table has none."""

    path: Path
    name: str
    caption: str


def films_under(folder: Path) -> list[OwnFilm]:
    """All films under a folder, by name, with their captions in `films.csv`; rows that match no film are named.

    Raises MediaError where there are none, UsageError where the table cannot be read.
    """
    captions = _captions(folder / "films.csv")
    films = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in FILM_SUFFIXES):
        name = path.relative_to(folder).as_posix()
        films.append(OwnFilm(path, name, captions.get(name, captions.get(path.name, ""))))
    if not films:
        raise MediaError(f"there are no films under {folder}")
    for file in sorted(captions.keys() - {film.name for film in films} - {film.path.name for film in films}):
        log.warning("films.csv has a caption for %s, but there is no such film", file)
    return films


def _captions(table: Path) -> dict[str, str]:
    """The captions by file; none where there is no such table."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:  # a mark at the beginning, as Excel writes, or none
            rows = csv.DictReader(file, strict=True)
            if not {"file", "caption"} <= set(rows.fieldnames or ()):
                raise UsageError(f"{table} must begin with the line file,caption and have a comma between the two")
            captions = {}
            for row in rows:
                if None in row:
                    raise UsageError(
                        f"{table}, line {rows.line_num}: a caption with commas must stand in double quotes"
                    )
                if row["file"] and row["caption"]:
                    captions[row["file"]] = row["caption"]
            return captions
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise UsageError(f"{table} is not UTF-8 text: save it as UTF-8") from error
    except csv.Error as error:
        raise UsageError(f"{table} cannot be read ({error}): mend its quotation marks") from error


def cut_films(folder: Path, out: Path) -> int:
    """Cut every film under `folder`; returns the number of stretches kept in `out`/films and `out`/samples.

    Films that cannot be read, have no sound or are shorter than 8 s are skipped, named and counted.
    Raises MediaError where none is left, UsageError where films.csv cannot be read.
    """
    own_films = films_under(folder)
    n_films = n_stretches = 0
    for film in own_films:
        try:
            frames, sound = _read(film.path)
        except (MediaError, NotFoundError, OSError, av.FFmpegError) as error:
            log.warning("skipped %s: %s", film.name, error)
            continue
        events = [_events(stretch) for stretch in sound]
        heard = tuple((Heard("film", 0.0, float(DURATION_S), tuple(found)),) for found in events)
        (out / "samples").mkdir(parents=True, exist_ok=True)
        np.save(out / "samples" / f"{n_films:05d}.npy", sound.astype(np.float16))
        (out / "samples" / f"{n_films:05d}.txt").write_text(film.caption)
        write_films(out / "films", n_films, Films(frames, heard))
        n_films, n_stretches = n_films + 1, n_stretches + len(frames)
    if not n_films:
        raise MediaError(f"none of the {len(own_films)} films can be learnt from")
    log.info("%d stretches of %d films; %d films skipped", n_stretches, n_films, len(own_films) - n_films)
    return n_stretches


def sound_of_films(out: Path, codec: Codec, see: See) -> None:
    """Turn what `cut_films` kept into soundtracks, in `out`/sound. The sound is taken as mix and as effects."""
    for number in sorted(set(there(out / "films")) - set(there(out / "sound"))):
        films = read_films(out / "films", number)
        sound = np.load(out / "samples" / f"{number:05d}.npy").astype(np.float32)
        caption = (out / "samples" / f"{number:05d}.txt").read_text()
        tracks = [_soundtrack(samples, heard[0], caption) for samples, heard in zip(sound, films.heard, strict=True)]
        write_soundtracks(out / "sound", number, tracks, codec, see(np.asarray(films.frames)))


def _read(path: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Frames (N, L, 64, 64) and samples (N, n_samples) of the N whole stretches of a film."""
    samples = decode_audio(path)
    with VideoFile(path) as film:
        n = int(min(film.info.duration_s, Fraction(len(samples), RATE_HZ)) // DURATION_S)
        if not n:
            raise MediaError("it has no 8 s of picture with sound")
        times = [(token + Fraction(1, 2)) / TOKEN_RATE_HZ for token in range(n * N_TOKENS)]
        colour = film.read(times, (SIZE, SIZE))
    grey = np.round(colour @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.uint8)
    sound = samples[: n * N_SAMPLES].reshape(n, N_SAMPLES)
    rms = float(np.sqrt(np.square(sound).mean()))
    if rms < 1e-5:
        raise MediaError("its sound is silent")
    return grey.reshape(n, N_TOKENS, SIZE, SIZE), np.clip(sound * 10 ** (_LEVEL_DB / 20) / rms, -1, 1)


def _events(samples: npt.NDArray[np.float32]) -> list[tuple[float, float]]:
    """The onsets, with a strength by how loud each is against the loudest."""
    times = onsets(Audio(samples[None], RATE_HZ))
    n = int(_LOUDEST_S * RATE_HZ)
    levels = [float(np.sqrt(np.square(samples[int(time * RATE_HZ) :][:n]).mean())) for time in times]
    loudest = max(levels, default=1.0) or 1.0
    return [(time, max(level / loudest, _WEAKEST)) for time, level in zip(times, levels, strict=True)]


def _soundtrack(samples: npt.NDArray[np.float32], heard: Heard, caption: str) -> Soundtrack:
    silence = np.zeros_like(samples)
    layers = {name: samples if name in ("mix", "effects") else silence for name in TRACKS}
    captions = {name: caption if name in ("mix", "effects") else "" for name in TRACKS}
    return Soundtrack(layers, captions, dict.fromkeys(TRACKS, RATE_HZ // 2), heard.events, unasked=False)
