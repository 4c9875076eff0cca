"""While many jobs run, Blender's main thread belongs to its user."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hosts.blender import Blender
from tests.hosts.contract import RATE, FlashFilm, flash_film
from tests.hosts.driver import ours
from tests.hosts.environments import BLENDERS, Program, Wheel
from tests.server.running import Server

pytestmark = pytest.mark.hosts

__all__ = ["flash_film"]

N_JOBS = 20
AT_MOST_MS = 50


@pytest.mark.parametrize("which", [BLENDERS[-1], BLENDERS[-2]], ids=lambda which: which.name)
def test_twenty_jobs_without_a_stall(
    which: Wheel | Program,
    tmp_path: Path,
    addons: Callable[[Wheel | Program], Path],
    clicking: Server,
    flash_film: FlashFilm,
) -> None:
    if missing := which.missing():
        pytest.skip(missing)
    blender = Blender(which, tmp_path, server=clicking.address).start(addons(which))
    try:
        blender.new_edit(RATE)
        films = [blender.add_film(flash_film([5]), 1 + 100 * index) for index in range(N_JOBS)]
        blender.select(*films)
        blender.set(
            model="clicks", prompt='{"steps": 10, "step_s": 0.02}', seed=len(which.name), handles_s=0, output=tmp_path
        )
        blender.press()
        blender.do("measure")
        states = set()
        while not blender.do("is_settled"):
            blender.do("go_on_smoothly", for_s=0.5)
            states |= {job.state for job in blender.jobs()}
        measured = blender.do("measured")
        assert {"waiting", "running", "succeeded"} <= states
        assert len(ours(blender.strips())) == N_JOBS
        (longest_ms, n_ticks) = measured["timer"]
        assert n_ticks > N_JOBS
        assert longest_ms < AT_MOST_MS
    finally:
        blender.close()
