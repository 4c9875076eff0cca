"""`v2a train pocket` on a handful of made-up recordings: end to end, resumed, and refused."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

pytest.importorskip("scipy")

from v2a.cards import read_card
from v2a.errors import GenerationError, MediaError, UsageError
from v2a.models.pocket.codec import LATENT_DIM, N_MELS, Codec
from v2a.models.pocket.model import load
from v2a.models.pocket.text import TextEncoder
from v2a.train import codec as codec_fitting
from v2a.train.loop import Settings, train
from v2a.train.pocket import Recipe, train_pocket
from v2a.train.recordings import RATE_HZ, SoundBank, cut_recordings
from v2a.train.scenes import render_scene
from v2a.train.shards import read_films, read_soundtracks
from v2a.train.soundtrack import compose
from v2a.train.words import Listener, Portraits, match_loss, train_words

CARD = Path(__file__).parents[2] / "v2a" / "models" / "pocket" / "card.json"


def knock(rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    t = np.arange(RATE_HZ) / RATE_HZ
    return 0.5 * rng.standard_normal(RATE_HZ) * np.exp(-t / 0.05)


def write_sound(path: Path, samples: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples[None] * 32_767).astype(np.int16), "s16", "mono")
        frame.sample_rate = RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "sounds").mkdir()
    rng = np.random.default_rng(0)
    labels = ["door slam", "metal hit", "footstep on wood", "rain", "wind", "piano music"]
    rows = []
    for number, label in enumerate(label for label in labels for _ in range(4)):
        name = f"{label.replace(' ', '_')}{chr(97 + number)}x.wav"
        long = label in ("rain", "wind", "piano music")
        samples = 0.1 * rng.standard_normal(6 * RATE_HZ) if long else knock(rng)
        write_sound(folder / "sounds" / name, samples)
        kind = {"rain": "ambience", "wind": "ambience", "piano music": "music"}.get(label, "foley")
        rows.append({"path": name, "kind": kind, "label": label})
    (folder / "sounds" / "broken.wav").write_bytes(b"not a sound")
    rows.append({"path": "broken.wav", "kind": "foley", "label": "broken"})
    with (folder / "sounds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "kind", "label"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_recordings_are_cut_by_what_they_are(data: Path, tmp_path: Path) -> None:
    cut_recordings(data, tmp_path)
    sounds = SoundBank(tmp_path).sounds + SoundBank(tmp_path, held_out=True).sounds
    roles = {sound.label: sound.role for sound in sounds}
    assert roles == {
        "door slam": "one-shot",
        "metal hit": "one-shot",
        "footstep on wood": "one-shot",
        "rain": "bed",
        "wind": "bed",
        "piano music": "music",
    }
    rng = np.random.default_rng(0)
    assert SoundBank(tmp_path).draw(rng, "one-shot", "walk").label == "footstep on wood"
    assert "door slam" in SoundBank(tmp_path).draw(rng, "one-shot", "door").phrases


def test_a_scene_is_heard_when_it_is_seen(data: Path, tmp_path: Path) -> None:
    cut_recordings(data, tmp_path)
    bank = SoundBank(tmp_path)
    for number in range(8):
        rng = np.random.default_rng(number)
        scene = render_scene(rng)
        assert scene.frames.shape == (200, 64, 64)
        track = compose(rng, scene.heard, bank)
        times = [time for heard in scene.heard for time, _ in heard.events]
        assert sorted(times) == [time for time, _ in track.events]
        for time, _ in track.events:
            at = round(time * RATE_HZ)
            around = np.abs(track.layers["effects"][at : at + 2_400])
            assert around.max() > 0.005
        assert bool(track.captions["effects"]) == bool(times)


RECIPE = Recipe(n_films=4, n_imagined=4, shard_size=2, words_steps=2, eyes_steps=2, flow_steps=2, tokens=200)


@pytest.fixture(autouse=True)
def small_codec_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_fitting, "_N_SOUNDTRACKS", 4)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which all is done."""
    work = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec_fitting, "_N_SOUNDTRACKS", 4)
        train_pocket(data, work, RECIPE)
    return work


@pytest.fixture
def work(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(trained, tmp_path / "work")


def test_training_goes_from_recordings_to_weights_that_load(data: Path, work: Path) -> None:
    first = (work / "weights.safetensors").read_bytes()
    # Asked again, nothing is left to do; asked for more, it goes on from where it stood.
    assert train_pocket(data, work, RECIPE).read_bytes() == first
    assert train_pocket(data, work, replace(RECIPE, flow_steps=3)).read_bytes() != first

    shutil.copy(CARD, work)
    model = load(read_card(work), torch.device("cpu"), "auto")
    assert model.text_warnings("a door slam") == []


def test_training_begins_with_given_weights_and_refuses_those_of_another_shape(data: Path, tmp_path: Path) -> None:
    shipped = CARD.with_name("weights.safetensors")
    weights = train_pocket(data, tmp_path / "work", RECIPE, start=shipped)
    kept, began = (load_file(path)["codec.basis"] for path in (weights, shipped))
    assert torch.equal(kept, began)
    save_file({"flow.take_in.weight": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(UsageError, match="weights of this model"):
        train_pocket(data, tmp_path / "other", RECIPE, start=tmp_path / "other.safetensors")


def test_words_learn_which_sounds_they_name(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2a.train.words._PAIRS", 48)
    cut_recordings(data, tmp_path)
    codec, text = Codec(), TextEncoder(32)
    codec.fit(torch.randn(600, 4 * N_MELS))
    portraits = Portraits(SoundBank(tmp_path), codec)
    captions, labels, drawn = portraits.pairs(np.random.default_rng(0), 64)
    assert {"rain", "wind"} <= {word for caption in captions for word in caption.split()}
    assert drawn.shape == (64, 3 * LATENT_DIM)
    listener = Listener(32)

    def loss() -> float:
        with torch.no_grad():
            parts = match_loss(text.eval(), listener.eval(), captions, torch.tensor(labels), drawn)
        return float(parts["match"])

    before = loss()
    text.train()
    train_words(tmp_path / "words", text, portraits, Settings(n_steps=60, peak_rate=1e-2, averaging=0.0))
    state = torch.load(tmp_path / "words" / "checkpoint.pt", weights_only=True)["networks"]
    listener.load_state_dict({name[9:]: value for name, value in state.items() if name.startswith("listener.")})
    assert loss() < 0.9 * before


def test_a_killed_training_goes_on_from_what_is_there(data: Path, work: Path) -> None:
    (work / "weights.safetensors").unlink()
    (work / "imagined" / "00001.json").unlink()  # killed while this shard was written,
    (work / "imagined" / "00001.npz").write_bytes(b"half a sh")
    (work / "flow" / "checkpoint.part").write_bytes(b"and half a check")
    train_pocket(data, work, replace(RECIPE, flow_steps=3))
    assert (work / "weights.safetensors").exists()
    assert torch.load(work / "flow" / "checkpoint.pt", weights_only=True)["step"] == 3


def test_a_checkpoint_of_another_shape_is_refused(data: Path, work: Path) -> None:
    path = work / "flow" / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    del state["networks"]["flow.take_in.bias"]
    torch.save(state, path)
    with pytest.raises(GenerationError, match="another shape"):
        train_pocket(data, work, replace(RECIPE, flow_steps=3))


def test_a_loss_that_is_no_number_stops_the_training_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    layer = torch.nn.Linear(1, 1)

    def loss(step: int, device: torch.device) -> dict[str, torch.Tensor]:
        return {"all": layer(torch.ones(1)).sum() * (torch.nan if step == 2 else 1.0)}

    train(tmp_path, {"layer": layer}, loss, Settings(n_steps=2), lambda: 0)
    with pytest.raises(GenerationError, match="step 2 is not a number"):
        train(tmp_path, {"layer": layer}, loss, Settings(n_steps=3), lambda: 0)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2


def test_training_learns_from_films_with_sound_and_skips_the_others(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    films = tmp_path / "films"
    films.mkdir()
    write_film(films / "knocks.mp4", sound=True)
    write_film(films / "silent.mp4", sound=False)
    (films / "broken.mp4").write_bytes(b"not a film")
    (films / "films.csv").write_text("file,caption\nknocks.mp4,knocks on wood\n")
    with caplog.at_level("INFO"):
        train_pocket(data, tmp_path / "work", RECIPE, own_films=films)
    assert "1 stretches of 1 films; 2 films skipped" in caplog.text
    assert "silent.mp4: it has no sound" in caplog.text
    own = tmp_path / "work" / "own"
    (heard,) = read_films(own / "films", 0).heard[0]
    assert [time for time, _ in heard.events] == pytest.approx([1.0, 3.0, 5.0, 7.0], abs=0.05)
    assert read_soundtracks(own / "sound", 0).captions[0]["mix"] == "knocks on wood"

    (films / "knocks.mp4").unlink()
    with pytest.raises(MediaError, match="none of the 2 films"):
        train_pocket(data, tmp_path / "again", RECIPE, own_films=films)


def write_film(path: Path, sound: bool) -> None:
    """Nine seconds of grey, with a knock at 1, 3, 5 and 7 s."""
    rng = np.random.default_rng(0)
    samples = np.zeros(9 * RATE_HZ)
    for second in (1, 3, 5, 7):
        samples[second * RATE_HZ :][: RATE_HZ // 2] = knock(rng)[: RATE_HZ // 2]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 64
        audio = container.add_stream("aac", rate=RATE_HZ, layout="mono") if sound else None
        for number in range(225):
            picture = np.full((64, 64, 3), number % 200, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode(None))
        if audio:
            frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), "fltp", "mono")
            frame.sample_rate = RATE_HZ
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sounds\.csv"):
        train_pocket(tmp_path, tmp_path / "work", Recipe())
