"""V2A Studio's model library: frames and words in, labelled audio out.

`import v2a` loads no torch; `generate` and `load_model` are loaded when first used.
"""

from typing import TYPE_CHECKING, Any

from v2a.version import __version__

if TYPE_CHECKING:
    from v2a.generation import Progress, Take, generate
    from v2a.models import load_model

__all__ = ["Progress", "Take", "__version__", "generate", "load_model"]


def __getattr__(name: str) -> Any:
    if name in ("Progress", "Take", "generate"):
        from v2a import generation

        return getattr(generation, name)
    if name == "load_model":
        from v2a.models import load_model

        return load_model
    raise AttributeError(f"module 'v2a' has no attribute '{name}'")
