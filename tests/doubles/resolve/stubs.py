"""Compares the double with the published stubs of Resolve's interface, by their syntax trees."""

from __future__ import annotations

import ast
from importlib.metadata import files
from pathlib import Path

DOUBLE = Path(__file__).parent
# In the documentation of July 2026, and in no published stubs yet.
NEWER = {"Timeline.GetSelectedClips"}
# Documented without parameters of that name; the double takes what overloads take under one name.
_OVERLOADED = {"MediaPoolItem.SetMetadata", "MediaPoolItem.SetThirdPartyMetadata"}

Methods = dict[str, list[tuple[str, ...]]]


def published() -> str:
    """The text of the installed stubs."""
    found = [path for path in files("fusionscript-stubs") or [] if path.name == "fusionscript.pyi"]
    return Path(str(found[0].locate())).read_text(encoding="utf-8")


def methods(source: str) -> Methods:
    """ "Class.Method" to the parameters of each of its overloads."""
    found: Methods = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name[0].isupper():
                    names = tuple(argument.arg for argument in inner.args.args[1:])
                    found.setdefault(f"{node.name}.{inner.name}", []).append(names)
    return found


def double_methods() -> Methods:
    """The same of the double."""
    modules = (DOUBLE / f"{name}.py" for name in ("app", "items", "media", "timeline"))
    found = methods("\n".join(path.read_text(encoding="utf-8") for path in modules))
    return {name: parameters for name, parameters in found.items() if name != "Fusion.UIManager"}


def differences(stubs: Methods) -> list[str]:
    """What the double has that the stubs have not, or takes that they do not, as sentences."""
    sentences = []
    for name, ((*wanted,),) in double_methods().items():
        if name in NEWER:
            if name in stubs:
                sentences.append(f"{name} is in the stubs now: take it off NEWER")
        elif name not in stubs:
            sentences.append(f"{name} is not in the stubs")
        elif tuple(wanted) not in stubs[name]:
            sentences.append(f"{name} takes {tuple(wanted)}, in the stubs {stubs[name]}")
    return sentences
