"""What every host must do, whichever it is: read what is chosen, place what was made, and leave the rest alone.

A host's test module derives a class from `HostContract` and gives it a `host` fixture. The server under test clicks
where the picture turns white, and makes no other sound (`click_worker`): so each case sees whether the sound lies where
the picture is.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.hosts.clicking import OTHER_MODEL
from tests.hosts.driver import RENDERING, RETIMING, SOUND, UNDO, HostDriver, Job, RefusedError, Strip, ours
from v2a.audio import sample_at
from v2a.delivery import read_wav

RATES = (Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001))
RATE = Fraction(24)
_SIZE = (72, 128)
# A server that has made a sound before has it at once: who wants to see it at work asks for another.
_seeds = itertools.count(1)

FlashFilm = Callable[..., Path]


@pytest.fixture(scope="session")
def flash_film(tmp_path_factory: pytest.TempPathFactory, make_film: Callable[..., Path]) -> FlashFilm:
    """Makes a black film, or numbered pictures, that turn white for four frames from each of the given frames on."""
    folder = tmp_path_factory.mktemp("films")

    def make(flashes: Iterable[int], rate: Fraction = RATE, n_frames: int = 96) -> Path:
        at = sorted(flashes)
        path = folder / f"flash_{rate.numerator}_{n_frames}_{'_'.join(map(str, at))}.mp4"
        if not path.exists():
            make_film(path, rate=rate, n_frames=n_frames, size=_SIZE, painter=lambda index: _painted(index, at))
        return path

    return make


@pytest.fixture(scope="session")
def flash_images(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Path]]:
    """The same as numbered pictures."""

    def make(flashes: Iterable[int], n_frames: int = 96) -> list[Path]:
        folder, at = tmp_path_factory.mktemp("images"), sorted(flashes)
        with av.open(
            str(folder / "scan.%04d.png"), "w", format="image2", options={"start_number": "1001"}
        ) as container:
            stream = container.add_stream("png", rate=24)
            stream.height, stream.width, stream.pix_fmt = *_SIZE, "rgb24"
            for index in range(n_frames):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(_painted(index, at), format="rgb24")))
            container.mux(stream.encode(None))
        return sorted(folder.iterdir())

    return make


def _painted(index: int, flashes: Sequence[int]) -> npt.NDArray[np.uint8]:
    white = any(flash <= index < flash + 4 for flash in flashes)
    return np.full((*_SIZE, 3), 250 if white else 5, np.uint8)


def clicks(strip: Strip, rate: Fraction) -> list[Fraction]:
    """The frames of the timeline at which a placed sound clicks, handles not among them."""
    assert strip.path is not None
    heard = read_wav(strip.path)
    first = sample_at((strip.start - strip.head) / rate, heard.rate_hz)
    at = [Fraction(int(sample) + first, heard.rate_hz) * rate for sample in np.flatnonzero(heard.samples[0] > 0.1)]
    # A sample is a hundredth of a frame or less; nearer than that, a click lies on its frame.
    return [frame for frame in (_snapped(frame) for frame in at) if strip.start <= frame < strip.end]


def _snapped(frame: Fraction) -> Fraction:
    return Fraction(round(frame)) if abs(frame - round(frame)) < Fraction(1, 1000) else frame


def pressed(host: HostDriver, scope: str = "selected") -> list[Job]:
    """Press, and wait for the sounds; the new jobs, all of which succeeded and lie on the timeline."""
    asked = host.press(scope)
    assert asked
    jobs = [job for job in host.wait() if job.id in asked]
    placed = SOUND in host.can
    assert [(job.state, job.placed) for job in jobs] == [("succeeded", placed)] * len(asked), jobs
    assert all((not job.messages) == placed for job in jobs), "a host that cannot place sound says so"
    return jobs


def sounds(host: HostDriver) -> list[Strip]:
    """The generated sounds on the timeline.

    Where a host cannot hold any, what its jobs tell stands for them: so what it reads is checked there, too.
    """
    if SOUND in host.can:
        return ours(host.strips())
    return [
        Strip(
            name=job.name,
            kind="sound",
            track=0,
            track_name="",
            start=int(job.frames[0]),
            end=int(job.frames[1]),
            head=int(job.handles[0]),
            tail=int(job.handles[1]),
            path=Path(take["path"]),
            muted=False,
            made={"job": job.id, "layer": take["layer"], "take": take["take"], "seed": take["seed"]},
        )
        for job in host.jobs()
        for take in job.takes
    ]


class HostContract:
    """The cases. `host` has an empty edit at 24 frames a second, and the add-on a server."""

    def test_a_trimmed_film_gets_its_sound_at_its_frames(self, host: HostDriver, flash_film: FlashFilm) -> None:
        film = flash_film([20, 40])
        host.select(host.add_film(film, 101, head=10, tail=30))
        host.set(handles_s=0)
        pressed(host)
        (sound,) = sounds(host)
        assert (sound.kind, sound.start, sound.end, sound.muted) == ("sound", 101, 157, False)
        assert clicks(sound, RATE) == [111, 131]

    def test_handles_are_there_and_hidden(self, host: HostDriver, flash_film: FlashFilm) -> None:
        film = flash_film([20])
        host.select(host.add_film(film, 101, head=36, tail=12))
        host.set(handles_s=1)
        pressed(host)
        (sound,) = sounds(host)
        # A second on either side, and only half of one where the film has no more.
        assert (sound.start, sound.end, sound.head, sound.tail) == (101, 149, 24, 12)

    def test_the_sound_says_what_it_is(self, host: HostDriver, flash_film: FlashFilm) -> None:
        _needs(host, SOUND)
        host.select(host.add_film(flash_film([5]), 1))
        host.set(prompt="a door", negative="music", seed=7, handles_s=0)
        (job,) = pressed(host)
        (sound,) = sounds(host)
        assert sound.path is not None
        assert sound.path.is_file()
        assert sound.colour
        made = sound.made
        assert (made["job"], made["layer"], made["take"], made["seed"], made["synthetic"]) == (
            job.id,
            "mix",
            1,
            7,
            True,
        )
        assert (made["prompt"], made["negative"], made["model"]) == ("a door", "music", "clicks")
        assert made["licence"] == "Apache-2.0"

    def test_a_model_of_another_family_is_a_model(self, host: HostDriver, flash_film: FlashFilm) -> None:
        host.select(host.add_film(flash_film([20, 40]), 101, head=10, tail=30))
        host.set(model=OTHER_MODEL, quality="preview", handles_s=0)
        pressed(host)
        (sound,) = sounds(host)
        assert (sound.start, sound.end, sound.made["layer"]) == (101, 157, "mix")
        assert sound.path is not None
        heard = read_wav(sound.path)
        assert heard.samples.shape[1] >= int((157 - 101) / RATE * 48_000)
        assert heard.samples.std() > 1e-5
        if SOUND in host.can:
            assert (sound.made["model"], sound.made["licence"]) == (OTHER_MODEL, "Apache-2.0")

    def test_a_layer_gets_a_track_of_its_own_and_nothing_is_moved(
        self, host: HostDriver, flash_film: FlashFilm
    ) -> None:
        _needs(host, SOUND)
        film = host.add_film(flash_film([5]), 50)
        above = host.add_film(flash_film([5]), 60, track=2)
        host.select(film)
        host.set(layers=["effects", "ambience"], handles_s=0)
        before = host.strips()
        pressed(host)
        after = host.strips()
        assert [strip for strip in after if not strip.made] == before
        assert above in [strip.name for strip in before]
        effects, ambience = sorted(ours(after), key=lambda strip: strip.made["layer"], reverse=True)
        assert (effects.made["layer"], ambience.made["layer"]) == ("effects", "ambience")
        assert len({effects.track, ambience.track, 1, 2}) == 4
        assert "V2A" in effects.track_name
        assert effects.track_name != ambience.track_name

    def test_a_layers_own_track_is_used_again_where_it_is_free(self, host: HostDriver, flash_film: FlashFilm) -> None:
        _needs(host, SOUND)
        first = host.add_film(flash_film([5]), 1)
        second = host.add_film(flash_film([5]), 101)
        host.set(handles_s=0)
        host.select(first)
        pressed(host)
        host.select(second)
        pressed(host)
        one, other = sounds(host)
        assert (one.track, one.start, other.start) == (other.track, 1, 101)

    def test_a_locked_track_stays_as_it_is(self, host: HostDriver, flash_film: FlashFilm) -> None:
        _needs(host, SOUND)
        host.select(host.add_film(flash_film([5]), 1))
        host.lock_track(2)
        host.set(handles_s=0)
        pressed(host)
        (sound,) = sounds(host)
        assert sound.track > 2

    def test_further_takes_are_muted_above_and_one_is_chosen(self, host: HostDriver, flash_film: FlashFilm) -> None:
        _needs(host, SOUND)
        host.select(host.add_film(flash_film([5]), 1))
        host.set(takes=3, handles_s=0)
        (job,) = pressed(host)
        assert [(strip.made["take"], strip.muted) for strip in sounds(host)] == [
            (1, False),
            (2, True),
            (3, True),
        ]
        assert len({strip.track for strip in sounds(host)}) == 3
        host.hear(job.id, "mix", 3)
        assert [(strip.made["take"], strip.muted) for strip in sounds(host)] == [
            (1, True),
            (2, True),
            (3, False),
        ]

    def test_a_take_can_be_thrown_away(self, host: HostDriver, flash_film: FlashFilm) -> None:
        _needs(host, SOUND)
        host.select(host.add_film(flash_film([5]), 1))
        host.set(takes=2, handles_s=0)
        (job,) = pressed(host)
        _, second = sounds(host)
        host.delete_take(job.id, "mix", 2)
        host.wait()
        assert [strip.made["take"] for strip in sounds(host)] == [1]
        assert second.path is not None
        assert not second.path.exists()

    def test_rolled_again_with_the_next_seed(self, host: HostDriver, flash_film: FlashFilm) -> None:
        _needs(host, SOUND)
        host.select(host.add_film(flash_film([5]), 1))
        host.set(layers=["effects", "ambience"], seed=3, handles_s=0)
        (job,) = pressed(host)
        before = sounds(host)
        host.again(job.id, "effects")
        *_, rolled = host.wait()
        assert (rolled.state, rolled.placed, rolled.messages) == ("succeeded", True, ())
        new = [strip for strip in sounds(host) if strip.made["job"] == rolled.id]
        assert [(strip.made["layer"], strip.made["seed"], strip.muted) for strip in new] == [("effects", 4, False)]
        # The other layer is as it was, and the sound before is still there.
        kept = {(strip.path, strip.start, strip.end) for strip in sounds(host)}
        assert {(strip.path, strip.start, strip.end) for strip in before} <= kept
        heard = [strip for strip in sounds(host) if not strip.muted]
        assert sorted((strip.made["layer"], strip.made["seed"]) for strip in heard) == [("ambience", 3), ("effects", 4)]

    def test_markers_say_words_and_cues(self, host: HostDriver, flash_film: FlashFilm) -> None:
        host.select(host.add_film(flash_film([5]), 11))
        host.add_marker(20, "v2a: rain on a roof")
        host.add_marker(33, "v2a-cue")
        host.add_marker(47, "v2a-cue")
        host.add_marker(400, "v2a-cue")
        host.add_marker(50, "somebody else's")
        host.set(prompt="what the panel says", handles_s=0)
        pressed(host)
        (sound,) = sounds(host)
        assert sound.made.get("prompt", "rain on a roof") == "rain on a roof"
        assert clicks(sound, RATE) == [33, 47]

    def test_words_stand_in_the_timeline(self, host: HostDriver, flash_film: FlashFilm) -> None:
        film = host.add_film(flash_film([5]), 11)
        host.add_text("v2a: a train comes in", 11, 60, track=2)
        host.select(film)
        host.set(handles_s=0)
        pressed(host)
        (sound,) = sounds(host)
        assert sound.made.get("prompt", "a train comes in") == "a train comes in"
        assert clicks(sound, RATE) == [16]

    def test_numbered_pictures(self, host: HostDriver, flash_images: Callable[..., list[Path]]) -> None:
        host.select(host.add_images(flash_images([20, 40]), 201, head=8, tail=30))
        host.set(handles_s=0)
        pressed(host)
        (sound,) = sounds(host)
        assert (sound.start, sound.end) == (201, 259)
        assert clicks(sound, RATE) == [213, 233]

    @pytest.mark.parametrize("speed", [Fraction(1, 2), Fraction(2)], ids=str)
    def test_a_retimed_film(self, host: HostDriver, flash_film: FlashFilm, speed: Fraction) -> None:
        _needs(host, RETIMING)
        name = host.add_film(flash_film([24, 48]), 1)
        host.retime(name, speed)
        host.select(name)
        host.set(handles_s=0)
        pressed(host)
        film, (sound,) = host.strips()[0], sounds(host)
        assert (sound.start, sound.end) == (film.start, film.end)
        # Where the speed is half, a frame more or less is the host's own way to round.
        at = clicks(sound, RATE)
        assert [abs(found - wanted) <= 1 for found, wanted in zip(at, (1 + 24 / speed, 1 + 48 / speed), strict=True)]

    def test_a_film_of_another_rate(self, host: HostDriver, flash_film: FlashFilm) -> None:
        """Every frame of the film is shown for one of the timeline, whatever its own rate, or the host follows it."""
        name = host.add_film(flash_film([24], rate=Fraction(12), n_frames=48), 1)
        host.select(name)
        host.set(handles_s=0)
        pressed(host)
        film, (sound,) = host.strips()[0], sounds(host)
        assert (sound.start, sound.end) == (film.start, film.end)
        shown_as_is = film.end - film.start == 48
        assert clicks(sound, RATE) == [25 if shown_as_is else 49]

    def test_a_nested_film_is_rendered(self, host: HostDriver, flash_film: FlashFilm) -> None:
        _needs(host, RENDERING)
        nest = host.nest(host.add_film(flash_film([20, 40], n_frames=60), 31, head=10, tail=5))
        host.select(nest)
        host.set(handles_s=0)
        pressed(host)
        (sound,) = sounds(host)
        assert (sound.start, sound.end) == (31, 76)
        assert clicks(sound, RATE) == [41, 61]

    def test_the_whole_edit(self, host: HostDriver, flash_film: FlashFilm) -> None:
        _needs(host, RENDERING)
        host.add_film(flash_film([20], n_frames=48), 11)
        host.add_film(flash_film([10], n_frames=36), 59)
        host.set(handles_s=0)
        pressed(host, "edit")
        made = sounds(host)
        assert (made[0].start, made[-1].end) == (11, 95)
        assert [at for sound in made for at in clicks(sound, RATE)] == [31, 69]

    @pytest.mark.parametrize("rate", RATES, ids=str)
    def test_sound_where_the_picture_is(
        self, host: HostDriver, flash_film: FlashFilm, rate: Fraction, tmp_path: Path
    ) -> None:
        """The host's own mix clicks within a sample of the frames at which its picture turns white."""
        _needs(host, SOUND)
        host.new_edit(rate)
        first = host.add_film(flash_film([20, 40, 70], rate), 2, head=15, tail=13)
        last = host.add_film(flash_film([33, 66], rate), 1001, head=7, tail=22)
        host.select(first, last)
        host.set(model="clicks", prompt=f'{{"rate": "{rate}"}}', handles_s=Fraction(1, 2))
        pressed(host)
        start, end = 1, 1101
        host.mix_down(tmp_path / "mix.wav", start, end)
        mix = read_wav(tmp_path / "mix.wav")
        heard = [int(at) for at in np.flatnonzero(np.abs(mix.samples[0]) > 0.1)]
        frames = [2 + 5, 2 + 25, 2 + 55, 1001 + 26, 1001 + 59]
        places = [sample_at((frame - start) / rate, 48_000) for frame in frames]
        assert len(heard) == len(places)
        assert max(abs(at - place) for at, place in zip(heard, places, strict=True)) <= 1

    def test_undone_in_one_step_and_done_again(self, host: HostDriver, flash_film: FlashFilm) -> None:
        _needs(host, SOUND)
        _needs(host, UNDO)
        host.select(host.add_film(flash_film([5]), 1))
        host.set(layers=["effects", "ambience"], handles_s=0)
        before = host.strips()
        (job,) = pressed(host)
        after = host.strips()
        host.undo()
        assert host.strips() == before
        assert [one.id for one in host.wait()] == [job.id]
        assert host.strips() == before, "what was undone does not come back by itself"
        host.redo()
        assert host.strips() == after

    def test_a_job_outlives_the_closed_edit(self, host: HostDriver, flash_film: FlashFilm, tmp_path: Path) -> None:
        host.select(host.add_film(flash_film([5]), 1))
        host.set(prompt='{"steps": 8, "step_s": 0.1}', seed=next(_seeds), handles_s=0)
        host.save(tmp_path / "edit")
        (asked,) = host.press()
        host.until("running")
        host.save(tmp_path / "edit")
        host.new_edit(RATE)
        host.wait()
        assert host.jobs() == []
        assert host.strips() == []
        host.load(tmp_path / "edit")
        (job,) = host.wait()
        assert (job.id, job.state, job.placed) == (asked, "succeeded", SOUND in host.can)
        (sound,) = sounds(host)
        assert clicks(sound, RATE) == [6]

    def test_a_cancelled_job_leaves_the_timeline_alone(self, host: HostDriver, flash_film: FlashFilm) -> None:
        host.select(host.add_film(flash_film([5]), 1))
        host.set(prompt='{"steps": 100, "step_s": 0.1}', seed=next(_seeds), handles_s=0)
        before = host.strips()
        (asked,) = host.press()
        host.until("running")
        host.cancel(asked)
        (job,) = host.wait()
        assert job.state == "cancelled"
        assert host.strips() == before

    def test_two_of_several_sounds_fail_and_the_others_come(self, host: HostDriver, flash_film: FlashFilm) -> None:
        good = host.add_film(flash_film([5]), 1)
        host.select(good)
        host.set(prompt='{"error": "the picture is broken: mend it"}', handles_s=0)
        host.press()
        (failed,) = host.wait()
        assert (failed.state, failed.placed) == ("failed", False)
        assert failed.messages[0] == "the picture is broken: mend it"
        host.set(prompt="", handles_s=0)
        pressed(host)
        assert len(sounds(host)) == 1

    def test_nothing_selected_is_refused(self, host: HostDriver, flash_film: FlashFilm) -> None:
        host.add_film(flash_film([5]), 1)
        host.select()
        with pytest.raises(RefusedError, match="select"):
            host.press()
        assert host.jobs() == []


def _needs(host: HostDriver, ability: str) -> None:
    if ability not in host.can:
        pytest.skip(f"{host.name} lacks {ability}")
