"""The Lua canary tells "no Python found" from "wrong folder", and both from an edition that runs no Python."""

from pathlib import Path
from typing import Any

import pytest
from lupa import lua51

CANARY = Path(__file__).parents[2] / "integrations" / "resolve" / "menu" / "V2A Canary.lua"


def _said(product: str | None, *version: int) -> str:
    """What the console shows. product None: outside of Resolve."""
    lua: Any = lua51.LuaRuntime()
    lines: list[str] = []
    lua.globals()["print"] = lines.append
    if product is not None:
        lua.globals()["product"], lua.globals()["version"] = product, lua.table_from(version)
        lua.execute(
            "resolve = {GetProductName = function() return product end, GetVersion = function() return version end}"
        )
    lua.execute(CANARY.read_text(encoding="utf-8"))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("product", "version"),
    [("DaVinci Resolve", (18, 6, 6)), ("DaVinci Resolve", (21, 0, 3)), ("DaVinci Resolve Studio", (21, 1, 0))],
)
def test_where_python_scripts_may_run_the_folder_is_right_and_python_is_missing(
    product: str, version: tuple[int, ...]
) -> None:
    said = _said(product, *version)
    assert f"{product} {version[0]}.{version[1]} reads this folder, so it is the right one" in said
    assert "Resolve found no Python. Install Python 3.8 or newer, 64 bit" in said
    assert "PYTHON3HOME" in said


@pytest.mark.parametrize("version", [(21, 1, 0), (22, 0, 0)])
def test_the_free_edition_runs_none_since_21_1(version: tuple[int, ...]) -> None:
    said = _said("DaVinci Resolve", *version)
    assert "since 21.1 Python scripts are for Studio alone" in said
    assert "v2a conform" in said
    assert "found no Python" not in said


def test_outside_of_resolve_it_ends_all_the_same() -> None:
    assert "is the right one" in _said(None)
