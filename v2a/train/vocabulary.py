"""Classes of sounds: which recordings belong to one, what people call it, and which motions it suits.

Labels of recordings are mostly file names, hundreds of them heard once or twice. Drawn by label, a word would be met
a few dozen times in a training; drawn by class, often enough to be learnt. What no class matches stays in use under
its own label.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SoundClass:
    """One class.

    pattern: regular expression its recordings' labels match; phrases: what an editor would type, the first the
    plainest; motions: names of scene motions (`v2a.train.scenes`) it suits; steady: every long recording of it is a
    bed, however uneven.
    """

    name: str
    pattern: str
    phrases: tuple[str, ...]
    motions: tuple[str, ...]
    steady: bool = False

    def matches(self, label: str) -> bool:
        """True for labels of this class."""
        return re.search(self.pattern, label.lower()) is not None


def _read(role: str) -> tuple[SoundClass, ...]:
    with _TABLE.open(newline="") as file:
        return tuple(
            SoundClass(
                row["name"], row["pattern"], tuple(row["phrases"].split(", ")), tuple(row["motions"].split()),
                bool(row["steady"]),
            )
            for row in csv.DictReader(file) if row["role"] == role
        )  # fmt: skip


# In the table, too, the first match wins: the particular stands before the general.
_TABLE = Path(__file__).with_suffix(".csv")
EVENT_CLASSES = _read("one-shot")
BED_CLASSES = _read("bed")

# Motions that are heard as long as they are seen; all others are heard at their events only.
CONTINUOUS_MOTIONS = frozenset({"wheel", "rain", "water", "fire", "vehicle", "wind"})

# What a motion is called, whatever the recording it sounds like is.
MOTION_PHRASES = {
    "ball": ("bouncing ball", "ball bouncing on the ground"),
    "hammer": ("hammer blows", "hammering"),
    "fall": ("falling objects", "things dropped on the floor"),
    "walk": ("footsteps", "someone walking"),
    "door": ("door", "a door shuts"),
    "clap": ("clapping",),
    "collide": ("knocks", "objects colliding"),
    "drum": ("drumming", "tapping"),
    "shake": ("shaking", "rattling"),
    "blast": ("bang", "explosion"),
    "call": ("animal call",),
    "splash": ("splash",),
    "wheel": ("machine running",),
    "rain": ("rain",),
    "water": ("water",),
    "fire": ("fire",),
    "vehicle": ("vehicle passing",),
    "wind": ("wind",),
    "saw": ("sawing",),
    "press": ("machine press",),
    "break": ("breaking",),
    "knock": ("knocking",),
    "chop": ("chopping",),
}


def class_of(label: str, role: str) -> SoundClass | None:
    """The class of a one-shot or bed by its label; None for none, and for music."""
    classes = {"one-shot": EVENT_CLASSES, "bed": BED_CLASSES}.get(role, ())
    return next((one for one in classes if one.matches(label)), None)
