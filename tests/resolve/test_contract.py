"""The contract suite of all hosts, on the double of Resolve in every edition, version, end-frame mode and rate."""

import json
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.hosts import contract
from tests.hosts.contract import FlashFilm, HostContract, flash_images, pressed
from tests.hosts.driver import ours
from tests.resolve.combinations import COMBINATIONS, FEW, Combination
from tests.resolve.driver import ResolveDouble
from tests.server.running import Server
from v2a.audio import sample_at
from v2a.delivery import read_wav

__all__ = ["flash_images"]


def test_the_few_have_all_values() -> None:
    for value in ("studio", "version", "end_frame", "rate_text", "film_rate"):
        assert {getattr(one, value) for one in FEW} == {getattr(one, value) for one in COMBINATIONS}
    assert len(set(COMBINATIONS)) == 2 * 5 * 2 * 7


@pytest.fixture(scope="session")
def clicking_at(new_clicking: Callable[..., Server]) -> Callable[[Fraction], Server]:
    """Servers that look at their films once for each frame of a timeline of some rate."""
    servers: dict[Fraction, Server] = {}

    def find(rate: Fraction) -> Server:
        if rate not in servers:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("V2A_CLICKS", json.dumps({"rate": str(rate)}))
                servers[rate] = new_clicking().start()
        return servers[rate]

    return find


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            one, id=str(one), marks=[pytest.mark.xdist_group(str(one))] + [pytest.mark.hosts] * (one not in FEW)
        )
        for one in COMBINATIONS
    ],
)
def combination(request: pytest.FixtureRequest) -> Combination:
    found: Combination = request.param
    return found


@pytest.fixture(scope="module")
def double(
    combination: Combination, bridge_home: Path, clicking_at: Callable[[Fraction], Server]
) -> Iterator[ResolveDouble]:
    """One Resolve for all cases of a combination. Films play a frame for each of the timeline, but at plain 24."""
    server, as_is = clicking_at(combination.rate), combination.rate_text != "24" or combination.is_reinterpreted
    double = ResolveDouble(combination.behaviour, combination.rate_text, server.address, as_is=as_is)
    yield double
    double.close()


@pytest.fixture
def flash_film(
    combination: Combination, tmp_path_factory: pytest.TempPathFactory, make_film: Callable[..., Path]
) -> FlashFilm:
    """As the contract's, at the rate of the combination."""
    folder = tmp_path_factory.getbasetemp() / "flashes"
    folder.mkdir(exist_ok=True)

    def make(flashes: Iterable[int], rate: Fraction = combination.film_rate, n_frames: int = 96) -> Path:
        at = sorted(flashes)
        path = folder / f"flash_{rate.numerator}_{rate.denominator}_{n_frames}_{'_'.join(map(str, at))}.mp4"
        if not path.exists():
            make_film(path, rate=rate, n_frames=n_frames, size=(72, 128), painter=lambda n: contract._painted(n, at))
        return path

    return make


class TestResolve(HostContract):
    @pytest.fixture
    def host(
        self, double: ResolveDouble, combination: Combination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> ResolveDouble:
        monkeypatch.setattr(contract, "RATE", combination.rate)
        double.new_edit(combination.rate)
        double.set(model="clicks", output=tmp_path / "sounds")
        return double

    def test_handles_are_there_and_hidden(  # type: ignore[override]
        self, host: ResolveDouble, flash_film: FlashFilm, combination: Combination
    ) -> None:
        """A second on either side, whatever the rate; and less where the film has no more."""
        second = round(combination.rate)
        host.select(host.add_film(flash_film([20], n_frames=3 * second), 101, head=second + 12, tail=12))
        host.set(handles_s=1)
        pressed(host)
        (sound,) = ours(host.strips())
        assert (sound.start, sound.end) == (101, 101 + 2 * second - 24)
        # Resolve shows no frame of a WAV that ends within it.
        is_whole = (48_000 / combination.rate).denominator == 1
        assert sound.head == second
        assert sound.tail in ((12,) if is_whole else (11, 12))

    @pytest.mark.parametrize("rate", ["its own"])
    def test_sound_where_the_picture_is(  # type: ignore[override]
        self, host: ResolveDouble, flash_film: FlashFilm, rate: str, combination: Combination, tmp_path: Path
    ) -> None:
        """What a render plays clicks within a sample of the frames at which the picture turns white."""
        first = host.add_film(flash_film([20, 40, 70]), 2, head=15, tail=13)
        last = host.add_film(flash_film([33, 66]), 1001, head=7, tail=22)
        host.select(first, last)
        host.set(handles_s=Fraction(1, 2))
        pressed(host)
        host.mix_down(tmp_path / "mix.wav", 1, 1101)
        mix = read_wav(tmp_path / "mix.wav").samples[0]
        heard = [int(at) for at in np.flatnonzero(np.abs(mix) > 0.1)]
        frames = [2 + 5, 2 + 25, 2 + 55, 1001 + 26, 1001 + 59]
        places = [sample_at((frame - 1) / combination.rate, 48_000) for frame in frames]
        assert len(heard) == len(places)
        assert max(abs(at - place) for at, place in zip(heard, places, strict=True)) <= 1
