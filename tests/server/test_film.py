"""A job's film is read as it was when its digest was made."""

from collections.abc import Callable
from fractions import Fraction as F
from pathlib import Path

import pytest

from v2a.errors import ConflictError
from v2a_server.film import Film, state_of


def test_a_film_that_changes_while_it_is_read_is_refused(tmp_path: Path, make_film: Callable[..., Path]) -> None:
    path = make_film(tmp_path / "film.mp4", rate=F(25), n_frames=10)
    other = make_film(tmp_path / "other.mp4", rate=F(25), n_frames=20)
    with Film(path, None, state_of(path)) as film:
        assert len(film.read([F(0), F(1, 5)], (8, 8))) == 2
        other.replace(path)
        with pytest.raises(ConflictError, match="the film has changed since this was asked for: ask again"):
            film.read([F(1, 5)], (8, 8))
