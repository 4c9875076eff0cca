"""Makes the demo: `python -m examples.make_demo [FOLDER]`, from the repository's root.

It writes, the same bytes for the same versions of the libraries:

* `reel.mp4`: a silent reel of four shots, black and white, 18 fps, as if it came out of an archive;
* `demo.otio`: a cut of it with trimmed clips, a gap and a dissolve;
* `reference.mp4`: the reference film of that very cut;
* `prompts.csv`: what should be heard in each clip;
* `impacts.json`: when something strikes something, exactly, in the reel's time and in the timeline's.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import opentimelineio as otio

from examples.reel.aging import develop
from examples.reel.ball import BALL
from examples.reel.crates import QUAY
from examples.reel.drawing import HEIGHT, WIDTH, Canvas
from examples.reel.engine import ENGINE
from examples.reel.shot import Shot
from examples.reel.smithy import SMITHY

Picture = npt.NDArray[np.uint8]  # (HEIGHT, WIDTH)

RATE = Fraction(18)
START_FRAME = 60 * 60 * 18  # the timeline starts at 01:00:00:00
SHOTS = (SMITHY, BALL, QUAY, ENGINE)
_EXPOSURES = 3  # drawings a frame, over the half turn of the shutter


@dataclass(frozen=True)
class Cut:
    """A clip of the timeline: frames [first, last) of a shot.

    dissolve: frames that are mixed on each side of the cut into it; gap_before: frames of black before it.
    """

    shot: Shot
    first: int
    last: int
    dissolve: int = 0
    gap_before: int = 0

    @property
    def n_frames(self) -> int:
        """Length on the timeline."""
        return self.last - self.first

    @property
    def reel_frame(self) -> int:
        """The first frame, counted on the reel."""
        return _shot_frame(self.shot) + self.first


CUTS = (
    Cut(SMITHY, 9, 135),
    Cut(QUAY, 6, 144),
    Cut(BALL, 4, 140, gap_before=18),
    Cut(ENGINE, 8, 134, dissolve=6),
)

PROMPTS = (
    ("smithy", "effects", "hammer striking an anvil, metal hit", "music, speech"),
    ("smithy", "ambience", "fire crackling", "music, speech"),
    ("crates", "effects", "heavy wooden box drop, wood hit", "music, speech"),
    ("ball", "effects", "ball bouncing on the floor", "music, speech"),
    ("engine", "effects", "steam engine, train running", "music, speech"),
)


def main(folder: Path) -> None:
    """Write the five files."""
    folder.mkdir(parents=True, exist_ok=True)
    reel = [picture for shot in SHOTS for picture in expose(shot, _shot_frame(shot))]
    write_film(folder / "reel.mp4", reel)
    write_film(folder / "reference.mp4", edited(reel))
    otio.adapters.write_to_file(timeline(len(reel)), str(folder / "demo.otio"), indent=2)
    with (folder / "prompts.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("clip", "layer", "prompt", "negative", "cues"))
        rows.writerows((*row, "") for row in PROMPTS)
    (folder / "impacts.json").write_text(json.dumps(impacts(len(reel)), indent=1) + "\n")


def expose(shot: Shot, first_frame: int) -> Iterator[Picture]:
    """A shot's frames as they lie on the reel. Frame k shows the instants from k / RATE on."""
    background = Canvas()
    shot.background(background)
    for frame in range(shot.n_frames):
        light = np.zeros_like(background.light)
        for exposure in range(_EXPOSURES):
            canvas = Canvas(background.light)
            shot.draw(canvas, float((frame + Fraction(exposure, 2 * _EXPOSURES)) / RATE))
            light += canvas.light / _EXPOSURES
        yield np.rint(develop(light, first_frame + frame)).astype(np.uint8)


def edited(reel: list[Picture]) -> Iterator[Picture]:
    """The cut's frames: black in the gap, a true mix in the dissolve."""
    for cut, after in zip(CUTS, (*CUTS[1:], None), strict=True):
        yield from (np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(cut.gap_before))
        leaving = after.dissolve if after else 0
        yield from reel[cut.reel_frame + cut.dissolve : cut.reel_frame + cut.n_frames - leaving]
        for step in range(2 * leaving if after else 0):
            incoming = (step + 1) / (2 * leaving + 1)
            old = reel[cut.reel_frame + cut.n_frames - leaving + step]
            new = reel[after.reel_frame - leaving + step] if after else old
            yield np.rint(old * (1 - incoming) + new * incoming).astype(np.uint8)


def write_film(path: Path, pictures: Iterable[Picture]) -> None:
    """H.264 in MP4, without sound; frame k is shown at exactly k / RATE."""
    # Clocks that 18 divides: without them MP4 would round the film's length to a millisecond.
    clocks = {"movie_timescale": "18000", "video_track_timescale": "18000"}
    with av.open(path, "w", options={"movflags": "+faststart", **clocks}) as film:
        stream = film.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = stream.codec_context.time_base = 1 / RATE
        # One thread: the bytes then do not depend on the machine.
        stream.options = {"crf": "25", "preset": "slower", "threads": "1", "g": "36"}
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.repeat(picture[..., None], 3, axis=2), format="rgb24")
            frame.pts, frame.time_base = index, 1 / RATE
            film.mux(stream.encode(frame))
        film.mux(stream.encode())


def timeline(reel_frames: int) -> otio.schema.Timeline:
    """The cut, over the reel as a relative media reference."""
    track = otio.schema.Track("Picture", kind=otio.schema.TrackKind.Video)
    for cut in CUTS:
        if cut.gap_before:
            track.append(otio.schema.Gap(source_range=_range(0, cut.gap_before)))
        if cut.dissolve:
            track.append(
                otio.schema.Transition(
                    name="dissolve",
                    transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
                    in_offset=_time(cut.dissolve),
                    out_offset=_time(cut.dissolve),
                )
            )
        media = otio.schema.ExternalReference("reel.mp4", available_range=_range(0, reel_frames))
        media.name = "reel.mp4"
        clip_range = _range(cut.reel_frame, cut.n_frames)
        track.append(otio.schema.Clip(cut.shot.name, media_reference=media, source_range=clip_range))
    made = otio.schema.Timeline("Demo", global_start_time=_time(START_FRAME))
    made.tracks.append(track)
    return made


def impacts(reel_frames: int) -> dict[str, object]:
    """The true times, in seconds as "numerator/denominator".

    `reel.shots`: of the whole shots, 0 being the reel's first frame. `timeline.clips`: of what the cut shows,
    dissolves included, 0 being the timeline's first frame (not its start timecode).
    """
    clips = []
    at = 0
    for cut, after in zip(CUTS, (*CUTS[1:], None), strict=True):
        at += cut.gap_before
        shown = (cut.first - cut.dissolve) / RATE, (cut.last + (after.dissolve if after else 0)) / RATE
        clips.append(
            {
                "clip": cut.shot.name,
                "start_s": _text(at / RATE),
                "end_s": _text((at + cut.n_frames) / RATE),
                "impacts_s": [
                    _text(impact + (at - cut.first) / RATE)
                    for impact in cut.shot.impacts_s
                    if shown[0] <= impact < shown[1]
                ],
            }
        )
        at += cut.n_frames
    shots = [
        {
            "shot": shot.name,
            "start_s": _text(_shot_frame(shot) / RATE),
            "end_s": _text((_shot_frame(shot) + shot.n_frames) / RATE),
            "impacts_s": [_text(impact + _shot_frame(shot) / RATE) for impact in shot.impacts_s],
        }
        for shot in SHOTS
    ]
    return {
        "rate": _text(RATE),
        "reel": {"file": "reel.mp4", "n_frames": reel_frames, "shots": shots},
        "timeline": {"file": "demo.otio", "reference": "reference.mp4", "n_frames": at, "clips": clips},
    }


def _shot_frame(shot: Shot) -> int:
    return sum(before.n_frames for before in SHOTS[: SHOTS.index(shot)])


def _time(frames: int) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(frames, int(RATE))


def _range(first: int, n_frames: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(_time(first), _time(n_frames))


def _text(time_s: Fraction) -> str:
    return f"{time_s.numerator}/{time_s.denominator}"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
