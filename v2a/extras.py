"""Optional parts of the distribution, and what to do where one is missing."""

from importlib.util import find_spec

from v2a.errors import MissingExtraError

# The packages that a family of models needs beside torch; the extra that holds them has its name.
_OF_FAMILIES = {"mmaudio": ("open_clip",)}


def require(extra: str, *modules: str) -> None:
    """Raise MissingExtraError, with the install line, unless all top-level modules can be imported."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"this needs the '{extra}' extra ({', '.join(missing)} not installed): pip install 'v2a-studio[{extra}]'"
        )


def require_family(family: str) -> None:
    """Raise MissingExtraError unless all that a family of models needs beside torch can be imported."""
    require(family, *_OF_FAMILIES.get(family, ()))
