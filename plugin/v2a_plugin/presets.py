"""Presets: words for what archives ask for again and again, shipped as a table beside this module."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from v2a.errors import UsageError


@dataclass(frozen=True)
class Preset:
    """Words under a name. use: what they are for."""

    name: str
    prompt: str
    negative: str
    use: str


@cache
def presets() -> dict[str, Preset]:
    """All presets by name, in the table's order."""
    text = files("v2a_plugin").joinpath("presets.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), strict=True)
    return {row["name"]: Preset(row["name"], row["prompt"], row["negative"], row["for"]) for row in rows}


def find_preset(name: str) -> Preset:
    """The preset of a name, in any case. Raises UsageError with the known names."""
    found = presets().get(" ".join(name.lower().replace("-", " ").replace("_", " ").split()))
    if found is None:
        raise UsageError(f"unknown preset '{name}': choose from {', '.join(presets())}")
    return found
