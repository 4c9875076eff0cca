"""`v2a train pocket` on a handful of made-up recordings: end to end, resumed, and refused."""

import csv
import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch

pytest.importorskip("scipy")

from v2a.cards import read_card
from v2a.errors import UsageError
from v2a.models.pocket import PocketModel
from v2a.train import shards
from v2a.train.pocket import Recipe, train_pocket
from v2a.train.recordings import RATE_HZ, SoundBank, cut_recordings
from v2a.train.scenes import render_scene
from v2a.train.soundtrack import compose

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
    assert "door" in next(sound.motions for sound in sounds if sound.label == "door slam")


def test_a_scene_is_heard_when_it_is_seen(data: Path, tmp_path: Path) -> None:
    cut_recordings(data, tmp_path)
    bank = SoundBank(tmp_path)
    for number in range(8):
        rng = np.random.default_rng(number)
        scene = render_scene(rng)
        assert scene.frames.shape == (200, 32, 32)
        track = compose(rng, scene, bank)
        times = [time for heard in scene.heard for time, _ in heard.events]
        assert sorted(times) == [time for time, _ in track.events]
        for time, _ in track.events:
            at = round(time * RATE_HZ)
            around = np.abs(track.layers["effects"][at : at + 2_400])
            assert around.max() > 0.005
        assert bool(track.captions["effects"]) == any(heard.events for heard in scene.heard) or not times


def test_training_goes_from_recordings_to_weights_that_load(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "N_FITTED_SCENES", 4)
    recipe = Recipe(n_scenes=4, shard_size=2, n_steps=2, tokens=200)
    weights = train_pocket(data, tmp_path, recipe)
    first = weights.read_bytes()
    # Asked again, nothing is left to do; asked for more, it goes on from where it stood.
    assert train_pocket(data, tmp_path, recipe).read_bytes() == first
    assert train_pocket(data, tmp_path, Recipe(n_scenes=4, shard_size=2, n_steps=3, tokens=200)).read_bytes() != first

    (tmp_path / "card.json").write_text(json.dumps(json.loads(CARD.read_text())))
    model = PocketModel.load(read_card(tmp_path), torch.device("cpu"))
    assert model.unknown_words("a door slam") == []
    assert model.encode_video(torch.zeros(10, 32, 32, 3, dtype=torch.uint8)).shape == (10, 192)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sounds\.csv"):
        train_pocket(tmp_path, tmp_path / "work", Recipe())
