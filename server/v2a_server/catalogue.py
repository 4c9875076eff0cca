"""The models that are served, as they are installed at the moment: they may be replaced under a running server."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from v2a.cards import ModelCard
from v2a.errors import ConflictError, NotFoundError, UsageError
from v2a.published import how_to_have
from v2a.request import Request

# By name. A call may block, to hash new weights.
Cards: TypeAlias = Callable[[], Mapping[str, ModelCard]]


def find_card(cards: Cards, name: str) -> ModelCard:
    """The card of a model that is served. Blocks. Raises NotFoundError with the known names."""
    served = cards()
    if name not in served:
        known = ", ".join(served)
        raise NotFoundError(f"no model named '{name}' at this server; known: {known}{how_to_have(name)}")
    return served[name]


def check_model(cards: Cards, request: Request) -> None:
    """Refuse what the model of a request cannot make. Blocks.

    Raises NotFoundError, ConflictError where the request means another version of the model, UsageError.
    """
    card = find_card(cards, request.model)
    if card.digest != request.model_digest:
        raise ConflictError(
            f"the model '{card.name}' of this server is another version than the request names: ask again"
        )
    missing = [layer.name for layer in request.layers if layer.name not in card.layers]
    if missing:
        raise UsageError(f"the model '{card.name}' makes {', '.join(card.layers)}, but not {', '.join(missing)}")
