"""The broadcast extension (EBU Tech 3285, version 1 and 2): who made a sound, and where it lies in time."""

import struct
from dataclasses import dataclass

from v2a.errors import MediaError

_LAYOUT = struct.Struct("<256s32s32s10s8sQH64s5h180s")
_UNSET = 0x7FFF


@dataclass(frozen=True)
class Bext:
    """A broadcast extension.

    Texts are ASCII (other characters become '?') and are cut to the chunk's fields: description 256
    characters, originator and its reference 32. time_reference: the first sample, in samples since midnight.
    loudness_lufs: integrated, in steps of 0.01; None where it was not measured. Date and time of origination
    stay empty: what is written depends on nothing but the sound.
    """

    description: str = ""
    originator: str = ""
    originator_reference: str = ""
    time_reference: int = 0
    loudness_lufs: float | None = None
    coding_history: str = ""

    def pack(self) -> bytes:
        """The chunk's content: version 2 where there is a loudness, otherwise version 1."""
        measured = self.loudness_lufs is not None
        loudness = round(self.loudness_lufs * 100) if self.loudness_lufs is not None else 0
        others = _UNSET if measured else 0
        return _LAYOUT.pack(
            _ascii(self.description),
            _ascii(self.originator),
            _ascii(self.originator_reference),
            b"",
            b"",
            self.time_reference,
            2 if measured else 1,
            b"",
            loudness,
            others,
            others,
            others,
            others,
            b"",
        ) + _ascii(self.coding_history)

    @classmethod
    def unpack(cls, content: bytes) -> "Bext":
        """Read a chunk's content, of any version. Raises MediaError for one that is too short."""
        if len(content) < _LAYOUT.size:
            raise MediaError("the bext chunk is damaged: it is too short")
        fields = _LAYOUT.unpack(content[: _LAYOUT.size])
        version, loudness = fields[6], fields[8]
        return cls(
            description=_text(fields[0]),
            originator=_text(fields[1]),
            originator_reference=_text(fields[2]),
            time_reference=fields[5],
            loudness_lufs=loudness / 100 if version >= 2 and loudness != _UNSET else None,
            coding_history=_text(content[_LAYOUT.size :]),
        )


def _ascii(text: str) -> bytes:
    return text.encode("ascii", errors="replace")


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("ascii", errors="replace")
