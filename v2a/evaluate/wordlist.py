"""The classes of sounds that words are measured by, what they are asked for by, and which recordings they are.

`prompt` is a plain word of the training; `paraphrases` say the same in words that the recordings' labels and the
training's phrases do not use.
"""

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class WordClass:
    """One class; pattern matches the labels of its recordings."""

    name: str
    kind: Literal["ambience", "effects"]
    pattern: str
    prompt: str
    paraphrases: tuple[str, ...]

    def matches(self, label: str) -> bool:
        """True for the label of a recording of this class."""
        return re.search(self.pattern, label.lower()) is not None


CLASSES = (
    WordClass("rain", "ambience", r"^(?!.*(thunder|storm)).*\brain\b", "rain", ("downpour on a roof", "drizzle")),
    WordClass("sea", "ambience", r"sea wave|ocean wave|^waves?$|beach", "sea waves", ("surf", "breakers at the shore")),
    WordClass("wind", "ambience", r"^(?!.*chime).*\bwind\b(?! up)", "wind", ("gale", "gusts around the house")),
    WordClass("fire", "ambience", r"fire ?(crackling|burn|long|place)", "fire crackling", ("blazing logs", "hearth")),
    WordClass("helicopter", "ambience", r"helicopter", "helicopter", ("chopper hovering", "rotorcraft")),
    WordClass("chainsaw", "ambience", r"chainsaw", "chainsaw", ("logging tool revving", "power saw felling trees")),
    WordClass("birds", "ambience", r"\bbirds?\b|canary", "birds", ("sparrows twittering", "dawn chorus")),
    WordClass("crickets", "ambience", r"cricket|cicada|(summer|clear) night", "crickets",
              ("grasshoppers", "katydids in the dark")),
    WordClass("train", "ambience", r"^(?!.*(breakdown|whistle|brakes)).*(\btrain\b|subway)", "train",
              ("locomotive on rails", "express rolling by")),
    WordClass("crowd", "ambience", r"crowd|applause", "crowd", ("murmuring audience", "packed stadium")),
    WordClass("thunder", "ambience", r"^(?!.*(rain|drum)).*thunder", "thunder", ("rumble of a tempest", "lightning")),
    WordClass("dog", "effects", r"dog ?bark", "dog bark", ("hound barking", "terrier yapping")),
    WordClass("rooster", "effects", r"rooster", "rooster", ("cockerel at dawn", "cock-a-doodle-doo")),
    WordClass("footsteps", "effects", r"^walk|footstep|heavy run", "footsteps", ("somebody strolls", "boots marching")),
    WordClass("door", "effects", r"door ?(slam|close|shut)", "door slam", ("portal shuts with a bang", "doors banged")),
    WordClass("clock", "effects", r"(clock|watch) tick", "clock tick", ("wristwatch", "metronome beats")),
    WordClass("keyboard", "effects", r"keyboard key", "keyboard typing", ("typist at a computer", "keystrokes")),
    WordClass("glass", "effects", r"glass ?(hit|break|smash)|wine ?glass", "glass", ("goblet", "windowpane smashed")),
    WordClass("bell", "effects", r"church ?bell|\bbell\b|tinybell|templebell", "bell", ("carillon", "belfry")),
    WordClass("gunshot", "effects",
              r"^(?!.*(load|cock|bolt)).*(explosion|rifle|gun ?shot|pistol|cannon|gunfire)", "gunshot",
              ("revolver fired", "detonation")),
    WordClass("drum", "effects", r"^(?!.*(kickst|kicki|thunder|splash)).*(\btom\b|snare|\bkick\b|\bdrum\b|conga|tabla)",
              "drum", ("bongos", "timpani stroke")),
    WordClass("sneeze", "effects", r"sneeze|cough", "sneeze", ("achoo", "clearing the throat")),
)  # fmt: skip

# Mixed prompts, and what is then asked to go: (kept, unwanted), names of ambience classes.
UNWANTED = (
    ("rain", "birds"), ("sea", "helicopter"), ("wind", "chainsaw"), ("fire", "train"), ("crickets", "rain"),
    ("birds", "sea"), ("train", "crickets"), ("crowd", "thunder"), ("helicopter", "wind"), ("chainsaw", "fire"),
)  # fmt: skip


def class_of(label: str) -> int | None:
    """The index of the first class that a recording's label belongs to."""
    return next((k for k, one in enumerate(CLASSES) if one.matches(label)), None)
