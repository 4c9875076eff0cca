"""A reel, and somebody who makes sound for it."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.otio.local_maker import LocalMaker


@pytest.fixture
def maker(tmp_path: Path) -> LocalMaker:
    folder = tmp_path / "server"
    folder.mkdir()
    return LocalMaker(folder)


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory, make_film: Callable[..., Path]) -> Path:
    """Four seconds at 18 frames a second, each frame showing its number."""
    return make_film(tmp_path_factory.mktemp("reel") / "reel.mp4", rate=Fraction(18), n_frames=72)
