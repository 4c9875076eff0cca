"""`v2a train mmaudio` on painted films: from a folder to a model that makes sound; what is done again and what not."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

pytest.importorskip("matplotlib")
pytest.importorskip("open_clip")

import v2a
from tests.v2a.mmaudio.painted_films import paint_film
from v2a.cards import card, model_names
from v2a.errors import MediaError, NotFoundError, UsageError
from v2a.media import VideoFile
from v2a.models.mmaudio.model import MMAudioModel
from v2a.request import Clip, Layer, Piece, Request, Sampling
from v2a.train.command import train
from v2a.train.crew import Crew
from v2a.train.mmaudio.films import Senses, make_features
from v2a.train.mmaudio.fine_tune import Recipe
from v2a.train.mmaudio.lora import LoraOptions
from v2a.train.mmaudio.run import train_mmaudio
from v2a.train.mmaudio.shards import Film, read_example, read_list
from v2a.train.own_films import films_under
from v2a.train.recordings import decode_audio

MODEL = "mmaudio-tiny-16k=random"
FEW = Recipe(lora=LoraOptions(4, 4.0), steps=3, batch=3, at_once=3, rate=1e-3, precision="float32")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for kind in range(3):
        paint_film(folder / f"{kind}.mkv", kind)
    (folder / "films.csv").write_text("file,caption\n0.mkv,a red square hums\n")
    return folder


@pytest.fixture(scope="module")
def trained(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What a user does once: a work folder, and a model of the name my-foley in the models folder."""
    work = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("V2A_MODELS", str(tmp_path_factory.mktemp("models")))
        options = [
            "--steps",
            "40",
            "--batch",
            "3",
            "--at-once",
            "3",
            "--rate",
            "1e-2",
            "--precision",
            "float32",
            "--full",
        ]
        call = [
            "mmaudio",
            "--model",
            MODEL,
            "--films",
            str(films),
            "--work",
            str(work),
            "--export",
            "my-foley",
            *options,
        ]
        done = CliRunner().invoke(train, call)
        assert done.exit_code == 0, done.output
        assert done.output.strip().endswith("my-foley/card.json")
        yield work


def test_it_learns_the_films_and_is_a_model_of_its_own(trained: Path, films: Path) -> None:
    rows = (trained / "flow" / "held_out.csv").read_text().splitlines()[1:]
    first, last = (float(row.split(",")[1]) for row in (rows[0], rows[-1]))
    assert last < 0.8 * first
    assert "my-foley" in model_names()
    parent, made = card(MODEL), card("my-foley")
    assert (made.licence, made.commercial_use, made.variant) == (parent.licence, parent.commercial_use, parent.variant)
    assert "Made from mmaudio-tiny-16k=random" in made.description
    assert parent.digest in made.part("flow").source
    sounds = [_sound(name, films / "0.mkv") for name in (MODEL, "my-foley")]
    assert sounds[0].shape == sounds[1].shape == (1, 8 * 16_000)
    assert np.abs(sounds[0] - sounds[1]).max() > 1e-3


def test_what_it_shares_with_its_parent_is_the_same_to_the_bit(trained: Path) -> None:
    parent, made = (cast(MMAudioModel, v2a.load_model(name, "cpu", "float32")) for name in (MODEL, "my-foley"))
    for part in ("vae", "vocoder", "sync", "clip"):
        own = getattr(made.networks, part).state_dict()
        for key, value in getattr(parent.networks, part).state_dict().items():
            torch.testing.assert_close(own[key], value, rtol=0, atol=0, msg=f"{part}: {key}")


def _sound(name: str, path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    model = v2a.load_model(name, "cpu", "float32")
    clip = Clip("0" * 64, (Piece(Fraction(0), Fraction(8), Fraction(0), Fraction(8)),))
    request = Request(clip, name, model.card.digest, (Layer(prompt="a red square hums"),), Sampling(steps=2))
    with VideoFile(path) as film:
        (take,) = v2a.generate(model, film, request, lambda _: None)
        return take.audio.samples


def test_what_is_done_is_not_done_again(trained: Path, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2a.train.mmaudio.films._features", None)  # nothing is looked at
    flow = load_file(card("my-foley").part("flow").file)
    recipe = Recipe(steps=40, batch=3, at_once=3, rate=1e-2, precision="float32")
    train_mmaudio(MODEL, trained, recipe, films=films, new_name="my-second", device="cpu")
    again = load_file(card("my-second").part("flow").file)
    assert all(torch.equal(value, again[name]) for name, value in flow.items())
    parts = {name: {part.name: part.file for part in card(name).parts} for name in ("my-foley", "my-second")}
    assert parts["my-foley"] == parts["my-second"]  # nothing is on the disk twice
    assert train_mmaudio(MODEL, trained, recipe, films=None, new_name=None, device="cpu") is None


def test_a_fine_tuned_model_can_be_the_parent_of_another(trained: Path, films: Path, tmp_path: Path) -> None:
    made = train_mmaudio("my-foley", tmp_path, FEW, films=films, new_name="my-third", device="cpu")
    assert made is not None
    old, new = card("my-foley"), card("my-third")
    assert [part.file for part in old.parts][1:] == [part.file for part in new.parts][1:]
    assert old.part("flow").file != new.part("flow").file
    assert "Made from my-foley" in new.description


def test_more_steps_renew_the_model(trained: Path, films: Path) -> None:
    for steps in (46, 47):
        recipe = Recipe(steps=steps, batch=3, at_once=3, rate=1e-2, precision="float32")
        train_mmaudio(MODEL, trained, recipe, films=films, new_name="my-fourth", device="cpu")
    assert "47 steps" in card("my-fourth").description


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"new_name": "pocket"}, "already"),
        ({"new_name": "../etc"}, "cannot be a model's name"),
        ({"new_name": "mmaudio-large-44k"}, "already"),
        ({"model": "pocket"}, "family mmaudio"),
        ({"recipe": FEW}, "begun with another"),
        ({"recipe": Recipe(batch=5)}, "choose a multiple of 4"),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once(trained: Path, change: dict[str, object], message: str) -> None:
    recipe = Recipe(steps=40, batch=3, at_once=3)
    call = {
        "model": MODEL,
        "work": trained,
        "recipe": recipe,
        "films": None,
        "new_name": None,
        "device": "cpu",
    } | change
    with pytest.raises(UsageError, match=message):
        train_mmaudio(**call)  # type: ignore[arg-type]


def test_an_unknown_model_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no model named"):
        train_mmaudio("nobody", tmp_path, FEW, films=None, new_name=None)
    with pytest.raises(UsageError, match="give a folder of films"):
        train_mmaudio(MODEL, tmp_path, FEW, films=None, new_name=None)
    (tmp_path / "films").mkdir()
    with pytest.raises(MediaError, match="there are no films under"):
        train_mmaudio(MODEL, tmp_path / "work", FEW, films=tmp_path / "films", new_name=None)
    assert not (tmp_path / "work").exists()  # no recipe is left behind that a later call would have to keep to


def test_features_of_another_model_are_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"made by mmaudio-tiny-16k=random, not by my-foley"):
        read_list(trained / "features", card("my-foley"))


def test_films_that_cannot_be_learnt_from_are_named_and_a_changed_one_is_done_again(
    films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, out = tmp_path / "films", tmp_path / "features"
    (folder / "reel two").mkdir(parents=True)
    paint_film(folder / "reel two" / "long.mkv", 1, 17.5)
    paint_film(folder / "mute.mkv", 1, sound=False)
    paint_film(folder / "silent.mkv", 1, silent=True)
    paint_film(folder / "short.mkv", 1, 3.0)
    (folder / "broken.mkv").write_bytes(b"not a film")
    senses, crew = Senses(card(MODEL), CPU), Crew(CPU)
    with caplog.at_level("INFO"):
        make_features(films_under(folder), out, senses, crew)
    assert "3 windows of 1 films, 0 of them held out; 4 films skipped" in caplog.text
    skipped = json.loads((out / "films.json").read_text())["skipped"]
    assert {"broken.mkv", "mute.mkv", "silent.mkv", "short.mkv"} == skipped.keys()
    assert skipped["mute.mkv"] == "it has no sound"
    (film,) = read_list(out, senses.card)
    assert (film.file, film.n_windows) == ("reel two/long.mkv", 3)
    example = read_example(out, film, 2)
    assert (example.mean.shape, example.clip.shape[0], example.sync.shape[0]) == ((250, 20), 64, 192)

    (folder / "films.csv").write_text("file,caption\nreel two/long.mkv,a hum\n")
    make_features(films_under(folder), out, senses, crew)
    (captioned,) = read_list(out, senses.card)
    assert (captioned.caption, captioned.shard != film.shard) == ("a hum", True)
    paint_film(folder / "reel two" / "long.mkv", 2, 9.5)
    (out / captioned.shard).write_bytes(b"half a sh")  # killed by a power cut
    make_features(films_under(folder), out, senses, crew)
    (changed,) = read_list(out, senses.card)
    assert changed.n_windows == 2
    assert [path.name for path in out.glob("*.safetensors")] == [changed.shard]  # nothing old is left
    (out / changed.shard).unlink()
    with pytest.raises(UsageError, match=r"long\.mkv .* cannot be read"):
        read_example(out, changed, 0)


def held_out(folder: Path, out: Path, senses: Senses) -> dict[str, bool]:
    make_features(films_under(folder), out, senses, Crew(CPU))
    return {film.file: film.held_out for film in read_list(out, senses.card)}


def test_a_film_never_changes_sides_between_what_is_trained_on_and_what_is_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out, senses = tmp_path / "films", tmp_path / "features", Senses(card(MODEL), CPU)
    folder.mkdir()
    names = ("mean", "std", "clip", "sync")
    monkeypatch.setattr("v2a.train.mmaudio.films._features", lambda *_: {name: torch.zeros(1, 1) for name in names})
    monkeypatch.setattr(Senses, "read", lambda *_: torch.zeros(1, 1))
    for number in range(60):
        (folder / f"{number:02d}.mkv").write_bytes(bytes([number]))
        (folder / f"copy of {number:02d}.mkv").write_bytes(bytes([number]))
    first = held_out(folder, out, senses)
    assert 0.02 < np.mean(list(first.values())) < 0.25
    (folder / "films.csv").write_text("file,caption\n" + "".join(f"{name},a hum\n" for name in list(first)[::2]))
    assert held_out(folder, out, senses) == first
    monkeypatch.setattr("v2a.train.mmaudio.shards.__version__", "99")
    assert held_out(folder, out, senses) == first
    (folder / "another.mkv").write_bytes(b"another")
    assert first.items() <= held_out(folder, out, senses).items()
    for number in range(60):
        assert first[f"{number:02d}.mkv"] == first[f"copy of {number:02d}.mkv"]


def test_where_all_films_would_be_held_out_they_are_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2a.train.mmaudio.films._film", lambda own, *_: Film(own.name, "", "", 1, held_out=True))
    (tmp_path / "film.mkv").touch()
    assert held_out(tmp_path, tmp_path / "features", Senses(card(MODEL), CPU)) == {"film.mkv": False}


def test_an_alpha_of_nothing_is_refused(tmp_path: Path) -> None:
    call = ["mmaudio", "--model", MODEL, "--work", str(tmp_path / "work"), "--alpha", "0"]
    assert "must be more than 0" in str(CliRunner().invoke(train, call).exception)
    too_much = CliRunner().invoke(train, [*call, "--seed", str(2**64)])
    assert too_much.exit_code == 2
    assert not (tmp_path / "work").exists()


def test_sound_is_heard_where_it_is_in_the_film(tmp_path: Path) -> None:
    for late_s in (0.0, 0.5):
        paint_film(tmp_path / "film.mkv", 1, late_s=late_s)
        sound = np.abs(decode_audio(tmp_path / "film.mkv", 16_000))
        assert np.flatnonzero(sound > 0.01)[0] == pytest.approx(late_s * 16_000, abs=32)
        assert len(sound) == pytest.approx(8 * 16_000, abs=32)
