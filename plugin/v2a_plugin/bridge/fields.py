"""Values out of JSON objects, refused by their key's name where they are of another kind."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2a.errors import UsageError
from v2a_plugin.timeline import Range

_MISSING = object()
_MAX_TIME_CHARS = 64


class Fields:
    """An object's values by key. where: what to call the object in messages, "job" or "layers[0]".

    `close` refuses the keys that nobody asked for: most likely they are misspelt.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            raise UsageError(f"{where} is {kind(value)} and must be an object")
        self._value = value
        self._where = where
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        self._asked.add(key)
        return self._value.get(key) is not None

    def name(self, key: str) -> str:
        """What to call a key's value in messages."""
        return f"{self._where}.{key}"

    def raw(self, key: str, default: Any = _MISSING) -> Any:
        """A value as it is; null is as if the key were not there."""
        self._asked.add(key)
        value = self._value.get(key)
        if value is not None:
            return value
        if default is _MISSING:
            raise UsageError(f"{self.name(key)} is missing")
        return default

    def text(self, key: str, default: Any = _MISSING) -> str:
        """A text."""
        value = self.raw(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, value, "text")
        return value

    def whole(self, key: str, default: Any = _MISSING) -> int:
        """A whole number."""
        value = self.raw(key, default)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, value, "a whole number")
        return value

    def number(self, key: str, default: Any = _MISSING) -> float:
        """A number."""
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(key, value, "a number")
        return float(value)

    def flag(self, key: str, default: Any = _MISSING) -> bool:
        """True or false."""
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def time(self, key: str, default: Any = _MISSING) -> Fraction:
        """An exact time in seconds, as text."""
        return time_of(self.raw(key, default), self.name(key))

    def rate(self, key: str, default: Any = _MISSING) -> Fraction:
        """Frames a second, as text."""
        rate = self.time(key, default)
        if not 0 < rate <= 1000:
            raise UsageError(f"{self.name(key)} must be frames a second, got {rate}")
        return rate

    def span(self, key: str) -> Range:
        """A range [start, end), not empty."""
        start_s, end_s = self.times(key)
        if end_s <= start_s:
            raise UsageError(f"{self.name(key)} is empty: it ends at {end_s}, starts at {start_s}")
        return Range(start_s, end_s)

    def times(self, key: str) -> tuple[Fraction, Fraction]:
        """Two times."""
        value = self.raw(key)
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
            raise self._wrong(key, value, "two times")
        return time_of(value[0], self.name(key)), time_of(value[1], self.name(key))

    def path(self, key: str) -> Path:
        """An absolute path."""
        return path_of(self.text(key), self.name(key))

    def items(self, key: str, default: Any = _MISSING) -> list[Any]:
        """A list."""
        value = self.raw(key, default)
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise self._wrong(key, value, "a list")
        return list(value)

    def objects(self, key: str, default: Any = _MISSING) -> "list[Fields]":
        """A list of objects."""
        return [Fields(item, f"{self.name(key)}[{n}]") for n, item in enumerate(self.items(key, default))]

    def rest(self) -> dict[str, Any]:
        """What nobody has asked for yet, as it is."""
        return {key: value for key, value in self._value.items() if key not in self._asked}

    def close(self) -> None:
        """Refuse what is left."""
        unknown = sorted(str(key) for key in self._value if key not in self._asked)
        if unknown:
            raise UsageError(f"{self._where} has no {', '.join(unknown)}: choose from {', '.join(sorted(self._asked))}")

    def _wrong(self, key: str, value: Any, wanted: str) -> UsageError:
        return UsageError(f"{self.name(key)} is {kind(value)} and must be {wanted}")


def time_of(value: Any, name: str) -> Fraction:
    """An exact time, or another exact number, from text as `Fraction` reads it. Raises UsageError with its name."""
    # A float could not say what it means.
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, str) and len(value) <= _MAX_TIME_CHARS and "e" not in value.lower():
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            pass
    raise UsageError(f"{name} is {kind(value)} and must be an exact number as text, as in '1001/24' or '12.5'")


def path_of(text: str, name: str) -> Path:
    """An absolute path. Raises UsageError with its name."""
    path = Path(text)
    if not text or "\0" in text or not path.is_absolute():
        raise UsageError(f"{name} is {kind(text)} and must be an absolute path")
    return path


def kind(value: Any) -> str:
    """A value for a message, in short."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"
