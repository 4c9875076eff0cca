"""The shipped model: small, free for commercial use, quick on a laptop CPU."""

from v2a.models.pocket.model import PocketModel

__all__ = ["PocketModel"]
