"""Looks at pickles without running them: what they would call, and with which instructions. Needs no torch.

A pickle is a program. Those of checkpoints that hold nothing but tensors need a few instructions and a handful of
names; anything else is refused before it is run by whatever reads it.
"""

import pickletools
from typing import BinaryIO

from v2a.errors import UsageError

_TENSOR_TYPES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
# What a dictionary of tensors is made with. Storages are named by torch's readers, and looked up there.
_ALLOWED = frozenset(
    {"collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"}
    | {f"torch {name}Storage" for name in _TENSOR_TYPES}
)
# Enough for numbers, texts, tuples, lists and dictionaries. The newer ways to name something (STACK_GLOBAL, EXT1 …) or
# to make an object (NEWOBJ, INST, OBJ …) are not among them: torch writes the second protocol.
_INSTRUCTIONS = frozenset(
    (
        *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
        *("GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
    )
)


def check_pickle(file: BinaryIO, what: str) -> None:
    """Read one pickle to its end, and refuse it where it does more than describe tensors. what: names it in messages.

    Raises UsageError, in one line.
    """
    try:
        for instruction, argument, _ in pickletools.genops(file):
            if instruction.name == "GLOBAL" and argument not in _ALLOWED:
                name = "".join(c if c.isprintable() else "?" for c in str(argument)[:80]).replace(" ", ".")
                raise UsageError(f"{what} is refused: it would run {name}, which no weights need. Nothing was run")
            if instruction.name not in _INSTRUCTIONS:
                raise UsageError(
                    f"{what} is refused: its pickle uses {instruction.name}, which no weights need. Nothing was run"
                )
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise UsageError(f"{what} is damaged or cut short: what describes its tensors cannot be read") from error
