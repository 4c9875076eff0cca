"""`v2a install blender` into the folders that Blenders keep, and Blender finds it there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.blender import Blender
from tests.hosts.contract import RATE, FlashFilm, flash_film, pressed
from tests.hosts.environments import BLENDERS, Program, Wheel
from tests.server.running import Server

pytestmark = pytest.mark.hosts

__all__ = ["flash_film"]


@pytest.fixture(params=BLENDERS, ids=lambda which: which.name)
def bare(request: pytest.FixtureRequest, tmp_path: Path, clicking: Server) -> Iterator[Blender]:
    """A Blender without the add-on, and without a word on where the bridge is."""
    which: Wheel | Program = request.param
    if missing := which.missing():
        pytest.skip(missing)
    blender = Blender(which, tmp_path, server=clicking.address, known_bridge="").start(None)
    yield blender
    blender.close()


def test_installed_switched_on_and_used(bare: Blender, tmp_path: Path, clicking: Server, flash_film: FlashFilm) -> None:
    series = ".".join(str(bare.do("version")).split(".")[:2])
    # Blender's own folder for its user's files, which it would call by its version.
    folder = tmp_path / "config" / series
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "blender", target_is_directory=True)
    told = subprocess.run(
        [sys.executable, "-m", "v2a_plugin", "install", "blender", "--config", str(folder.parent)],
        env={**os.environ, "V2A_HOME": str(tmp_path / "v2a")},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert f"Blender {series}: installed in " in told
    assert "switch it on" in told
    bare.close()
    bare.start(None)
    bare.do("enable", name="v2a_studio" if series == "3.4" else "bl_ext.user_default.v2a_studio")
    bare.do("prefer", server=clicking.address)
    bare.new_edit(RATE)
    bare.set(model="clicks", output=tmp_path / "sounds", handles_s=0)
    bare.select(bare.add_film(flash_film([5]), 1))
    pressed(bare)
