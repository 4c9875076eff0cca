"""From films with sound to a model: features, training, export."""

import logging
from pathlib import Path
from typing import cast

import torch

from v2a.cards import ModelCard, card
from v2a.errors import UsageError
from v2a.models.mmaudio.flow import FlowTransformer
from v2a.models.mmaudio.model import load_part
from v2a.output import storage_error
from v2a.train.crew import gathered
from v2a.train.mmaudio.export import check_name, export
from v2a.train.mmaudio.films import Senses, make_features
from v2a.train.mmaudio.fine_tune import Recipe, claim, fine_tune
from v2a.train.mmaudio.shards import read_list
from v2a.train.own_films import films_under

log = logging.getLogger(__name__)


def train_mmaudio(
    model: str, work: Path, recipe: Recipe, *, films: Path | None, new_name: str | None, device: str = "auto"
) -> Path | None:
    """Fine-tune an installed model of the family; where the new model's card is, in the process that wrote it.

    What is in `work` is not done again: features in `work`/features, the training in `work`/flow.
    films: a folder of films with sound; None: the features are there already. new_name: what to install the result
    as, in place of what `work` has given this name before; None leaves it in `work`, from where a later run with a name
    installs it.
    Raises NotFoundError for an unknown model; UsageError for one of another family, a name that is taken, a `work` of
    another training, or features of another model; otherwise as `films_under`, `make_features` and `fine_tune` do.
    """
    parent = card(model)
    if parent.family != "mmaudio":
        raise UsageError(f"'{model}' is of the family {parent.family}: choose a model of the family mmaudio")
    if new_name is not None:
        check_name(new_name, work)
    own_films = films_under(films) if films is not None else None
    with gathered(device) as crew:
        recipe.passes(crew.size)
        features = work / "features"
        try:
            work.mkdir(parents=True, exist_ok=True)
            claim(work, parent, recipe)
            if own_films is not None:
                make_features(own_films, features, Senses(parent, crew.device), crew)
            listed = read_list(features, parent)
            tensors = fine_tune(work, _flow(parent), features, listed, recipe, crew)
        except OSError as error:
            raise storage_error(work, error) from error
        if not crew.first or new_name is None:
            return None
        n_windows = sum(film.n_windows for film in listed if not film.held_out)
        return export(new_name, parent, tensors, f"{recipe.how()}, {n_windows} windows of 8 s", work)


def _flow(parent: ModelCard) -> FlowTransformer:
    """Held by nobody but the training, whose crew wants it gone before it parts."""
    return cast(FlowTransformer, load_part(parent, "flow", torch.float32))
