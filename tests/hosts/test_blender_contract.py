"""The contract suite in every Blender, without a window; with the add-on out of its built zip."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from tests.hosts.blender import Blender
from tests.hosts.contract import RATE, FlashFilm, HostContract, clicks, flash_film, flash_images, pressed, sounds
from tests.hosts.driver import SOUND
from tests.hosts.environments import BLENDERS, Program, Wheel
from tests.server.running import Server

pytestmark = pytest.mark.hosts

__all__ = ["flash_film", "flash_images"]


@pytest.fixture(scope="module", params=BLENDERS, ids=lambda which: which.name)
def blender(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    addons: Callable[[Wheel | Program], Path],
    clicking: Server,
) -> Iterator[Blender]:
    """One Blender for all cases of its version; it takes a second to start, and the bridge another."""
    which = request.param
    if missing := which.missing():
        pytest.skip(missing)
    blender = Blender(which, tmp_path_factory.mktemp(which.name), server=clicking.address)
    yield blender.start(addons(which))
    blender.close()


class TestBlender(HostContract):
    """What every host must do, and what only Blender has."""

    @pytest.fixture
    def host(self, blender: Blender, tmp_path: Path) -> Blender:
        """An empty edit; in a new Blender, where the last one crashed."""
        blender.revive()
        blender.new_edit(RATE)
        blender.set(model="clicks", output=tmp_path / "sounds")
        return blender

    def test_it_is_the_version_that_it_says(self, host: Blender) -> None:
        assert host.do("version").split()[0] in ("3.4.1", host.name.removeprefix("bpy-"))

    def test_a_scene_is_rendered(self, host: Blender, flash_film: FlashFilm) -> None:
        host.select(host.do("add_scene", path=flash_film([20, 30], n_frames=48), at=101, n_frames=48))
        host.set(handles_s=0)
        pressed(host)
        (sound,) = sounds(host)
        assert (sound.start, sound.end) == (101, 149)
        assert clicks(sound, RATE) == [121, 131]

    def test_an_effect_is_rendered(self, host: Blender, flash_film: FlashFilm) -> None:
        film = host.add_film(flash_film([20, 30], n_frames=48), 101)
        host.select(host.do("add_effect", of=film, track=2))
        host.set(handles_s=0)
        pressed(host)
        (sound,) = sounds(host)
        assert (sound.start, sound.end) == (101, 149)
        assert clicks(sound, RATE) == [121, 131]

    def test_the_range_of_the_scene(self, host: Blender, flash_film: FlashFilm) -> None:
        host.add_film(flash_film([20, 40]), 1)
        host.do("set_range", start=31, end=61)
        host.set(handles_s=Fraction(1, 2))
        pressed(host, "range")
        (sound,) = sounds(host)
        assert (sound.start, sound.end, sound.head, sound.tail) == (31, 61, 12, 12)
        assert clicks(sound, RATE) == [41]

    def test_inside_an_open_meta_strip_the_sound_lies_there(self, host: Blender, flash_film: FlashFilm) -> None:
        if SOUND not in host.can:
            pytest.skip(f"{host.name} has no sound")
        film = host.add_film(flash_film([20], n_frames=48), 101)
        meta = host.nest(film)
        host.do("enter", name=meta)
        host.select(film)
        host.set(handles_s=0)
        pressed(host)
        host.do("leave")
        (sound,) = sounds(host)
        assert (sound.inside, sound.start, sound.end) == ((meta,), 101, 149)
        assert clicks(sound, RATE) == [121]

    def test_rolled_again_from_the_strip_itself(self, host: Blender, flash_film: FlashFilm) -> None:
        if SOUND not in host.can:
            pytest.skip(f"{host.name} has no sound")
        host.select(host.add_film(flash_film([5]), 1))
        host.set(handles_s=0, seed=40)
        pressed(host)
        (sound,) = sounds(host)
        host.do("again_from_strip", name=sound.name)
        host.wait()
        assert [(strip.made["seed"], strip.muted) for strip in sounds(host)] == [(40, True), (41, False)]
