"""The files that go into a host, as they lie in an installed package or in the source tree."""

import csv
from collections.abc import Iterator
from pathlib import Path

from v2a.errors import NotFoundError

_HERE = Path(__file__).parent
# What Python and editors leave lying about.
_NOT_OURS = ("__pycache__",)


def blender_files() -> dict[str, Path]:
    """The files of Blender's add-on by their path in it, "/" between folders; `v2a_host` is a package of it.

    Raises NotFoundError where the installed package does not have them.
    """
    return {
        **_tree("blender/v2a_blender"),
        **{f"v2a_host/{name}": file for name, file in _tree("common/v2a_host").items()},
    }


def resolve_menu(support: Path) -> dict[str, Path | str]:
    """The scripts of Resolve's menu by their names; each is told where the rest is, since Resolve does not say.

    support: where `resolve_support` goes. Raises NotFoundError.
    """
    files = _tree("resolve/menu")
    launcher, entries = (files.pop(name).read_text(encoding="utf-8") for name in ("launcher.py", "entries.csv"))
    scripts = {
        f"{row['name']}.py": _filled(launcher, SUPPORT=str(support), ENTRY=row["entry"])
        for row in csv.DictReader(entries.splitlines(), strict=True)
    }
    return {**files, **scripts}


def _filled(launcher: str, **values: str) -> str:
    """The launcher with its empty texts filled in, in ASCII: an old Python reads nothing else."""
    for name, value in values.items():
        launcher = launcher.replace(f'{name} = ""', f"{name} = {value!a}", 1)
    return launcher


def resolve_support() -> dict[str, Path | str]:
    """What the scripts of Resolve's menu import. Raises NotFoundError."""
    return {
        f"{package}/{name}": file
        for package, tree in (("v2a_resolve", "resolve/v2a_resolve"), ("v2a_host", "common/v2a_host"))
        for name, file in _tree(tree).items()
    }


def _tree(name: str) -> dict[str, Path]:
    for root in (_HERE / "hosts", _HERE.parents[1] / "integrations"):
        if (root / name).is_dir():
            return dict(_files(root / name, ""))
    raise NotFoundError(f"{name} is missing from this installation: install v2a-studio again")


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _NOT_OURS:
            continue
        if path.is_dir():
            yield from _files(path, f"{prefix}{path.name}/")
        else:
            yield f"{prefix}{path.name}", path
