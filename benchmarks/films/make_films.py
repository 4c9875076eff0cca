"""Make the test films, which no model is trained on, with Blender's Cycles.

    python -m benchmarks.films.make_films OUT [NAME …]

Blender is no dependency of the project. In an environment of Python 3.11:

    pip install bpy==4.5.15 av

OUT then holds the films and films.json, which tells when things strike: in seconds of presentation, where frame n is
shown at n / rate. With names only those films are made anew, and their lines in films.json replaced.
"""

import json
import sys
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.films.archive import Frames, aged
from v2a.output import whole_file

SAMPLES = 4
MAX_BYTES = 60_000


def main(folder: Path, names: list[str]) -> None:
    """Make all films, or those named."""
    # Blender takes over the process when it is loaded, so only making films loads it.
    from benchmarks.films import falling, silent, striking, walking
    from benchmarks.films.stage import Stage

    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / "films.json"
    entries: dict[str, dict[str, Any]] = {}
    if listing.exists():
        entries = {entry["file"]: entry for entry in json.loads(listing.read_text())["films"]}
    films = [*falling.FILMS, *striking.FILMS, *walking.FILMS, *silent.FILMS]
    for film in films:
        if names and film.name not in names:
            continue
        seed = zlib.crc32(film.name.encode())
        stage = Stage(seed)
        strikes = [strike for strike in film.build(stage) if strike < film.duration_s]
        with tempfile.TemporaryDirectory() as pictures:
            stage.render(Path(pictures), film.rate, int(film.duration_s * film.rate), film.size, SAMPLES)
            frames = read(Path(pictures))
        if film.archive:
            frames = aged(frames, np.random.default_rng(seed))
        path = folder / f"{film.name}.mp4"
        write(path, frames, film.rate)
        entries[path.name] = {
            "file": path.name,
            "about": film.about,
            "kind": "impacts" if strikes else "silent",
            "rate": str(film.rate),
            "impacts_s": [f"{strike:.4f}" for strike in sorted(strikes)],
            "held_out": True,
        }
        print(f"{path.name}: {len(strikes)} impacts, {path.stat().st_size} bytes", flush=True)
    ordered = [entries[f"{film.name}.mp4"] for film in films if f"{film.name}.mp4" in entries]
    with whole_file(listing) as part:
        part.write_text(json.dumps({"films": ordered}, indent=1, ensure_ascii=False) + "\n")


def read(folder: Path) -> Frames:
    """The pictures of a folder in order: n × height × width × 3."""
    pictures = []
    for path in sorted(folder.glob("*.png")):
        with av.open(str(path)) as container:
            pictures.append(next(container.decode(video=0)).to_ndarray(format="rgb24"))
    return np.stack(pictures)


def write(path: Path, frames: Frames, rate: Fraction) -> None:
    """Write H.264, as good as MAX_BYTES allow."""
    for quality in range(18, 52, 3):
        with whole_file(path) as part:
            with av.open(str(part), "w", format="mp4") as container:
                stream = container.add_stream("libx264", rate=rate, options={"crf": str(quality), "preset": "slow"})
                stream.height, stream.width = frames.shape[1:3]
                stream.pix_fmt, stream.time_base = "yuv420p", 1 / rate
                # Without frames out of order no edit list is needed, and frame n is at n / rate for every reader.
                stream.codec_context.max_b_frames = 0
                for number, pixels in enumerate(frames):
                    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                    frame.pts, frame.time_base = number, 1 / rate
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
            size = part.stat().st_size
        if size <= MAX_BYTES:
            return
    raise ValueError(f"{path} does not fit into {MAX_BYTES} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
