"""Cards: what is installed and where, parts that are shared or missing, digests, and models with random weights."""

import hashlib
import json
import math
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from v2a import extras
from v2a.cards import ModelCard, card, model_names, models_folder, read_card
from v2a.errors import GenerationError, MissingExtraError, NotFoundError, UsageError
from v2a.models import load_model
from v2a.published import published_model
from v2a.request import QUALITIES, Clip, Piece

SHIPPED = Path(__file__).parents[2] / "v2a" / "models" / "pocket"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's models, with none in it."""
    monkeypatch.setenv("V2A_MODELS", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, *parts: dict[str, Any], **facts: Any) -> Path:
    """A card like the shipped one's, with other parts; by default with a file that holds no weights."""
    known = json.loads((SHIPPED / "card.json").read_text())
    (folder / name).mkdir()
    if not parts:
        parts = ({"name": "weights", "file": "weights.safetensors"},)
        (folder / name / "weights.safetensors").write_bytes(b"none")
    listed = [{"licence": "MIT", "source": "here", **part} for part in parts]
    (folder / name / "card.json").write_text(json.dumps({**known, "name": name, **facts, "parts": listed}))
    return folder / name


def test_the_users_models_come_after_those_of_the_package(folder: Path) -> None:
    assert models_folder() == folder
    assert model_names() == ["pocket"]
    install(folder, "mine", samples_per_token=1_024, sample_rate_hz=44_100, family="mmaudio")
    install(folder, "pocket", title="another")
    shutil.copytree(SHIPPED, folder / "theirs")
    with pytest.raises(NotFoundError, match=r"the card in .*theirs is that of 'pocket': install 'theirs' again"):
        card("theirs")
    shutil.rmtree(folder / "theirs")
    assert model_names() == ["pocket", "mine"]
    assert card("pocket").title == "V2A pocket", "what is shipped is not replaced"
    mine = card("mine")
    assert (mine.family, mine.variant, mine.latent_rate) == ("mmaudio", "mine", Fraction(11_025, 256))
    assert mine.token_s(11_025) == 256
    clip = Clip("0" * 64, (Piece(Fraction(0), Fraction(8), Fraction(0), Fraction(8)),))
    assert mine.n_tokens(clip) == 345
    with pytest.raises(NotFoundError, match="no model named 'yours' is installed; known: pocket, mine"):
        card("yours")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mmaudio-small-16k", "; `v2a models get mmaudio-small-16k` installs it"),
        (
            "mmaudio-tiny-16k",
            "; for trying out, `v2a serve --model mmaudio-tiny-16k=random` serves it with random weights",
        ),
        ("mmaudio-tiny-16k=randm", "`v2a serve --model mmaudio-tiny-16k=random`"),
    ],
)
def test_what_others_published_is_said_how_to_have(folder: Path, name: str, says: str) -> None:
    with pytest.raises(NotFoundError, match=re.escape(says)):
        card(name)


def test_parts_lie_beside_the_card_or_are_shared(folder: Path) -> None:
    (folder / "parts").mkdir()
    (folder / "parts" / "shared.safetensors").write_bytes(b"shared")
    recorded = "ab" * 32
    parts = [
        {"name": "own", "file": "own.safetensors"},
        {"name": "shared", "file": "shared.safetensors", "sha256": recorded},
    ]
    home = install(folder, "mine", *parts)
    (home / "own.safetensors").write_bytes(b"own")
    found = card("mine")
    assert found.part("own").file == home / "own.safetensors"
    assert (found.part("shared").file, found.part("shared").n_bytes) == (folder / "parts" / "shared.safetensors", 6)
    digest = hashlib.sha256((home / "card.json").read_bytes())
    digest.update(hashlib.sha256(b"own").hexdigest().encode() + recorded.encode())
    assert found.digest == digest.hexdigest()
    with (folder / "parts" / "shared.safetensors").open("rb+") as file:
        file.truncate(3 << 30)
    assert card("mine").n_bytes == (3 << 30) + 3, "a part may be large"
    (home / "own.safetensors").write_bytes(b"new")
    assert card("mine").digest != found.digest
    with pytest.raises(NotFoundError, match="names no part 'other'"):
        found.part("other")


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"name": "flow", "file": "gone.safetensors"}, "the part 'flow' of .* is missing: install the model again"),
        ({"name": "flow", "file": "../../card.json"}, "a part's file is a bare name"),
        ({"name": "flow"}, "is not a model's card"),
    ],
)
def test_a_model_that_is_not_whole_is_said_to_be(folder: Path, part: dict[str, Any], says: str) -> None:
    install(folder, "mine", part)
    with pytest.raises(NotFoundError, match=says):
        card("mine")


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"parts": []}', '{"parts": 3}', '{"parts": [{"name": "flow", "file": 3}]}', "[" * 100_000],
)
def test_a_file_that_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(NotFoundError, match=r"card.json is not a model's card .*: install the model again"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"frame_rate": "25/0"}, "ZeroDivisionError"),
        ({"presets": {"standard": {"steps": 8, "guidance": 4.5}}}, "its presets lack preview, best"),
        ({"parts": []}, "it names no parts"),
        ({"sample_rate_hz": "16000"}, "its sample_rate_hz cannot be '16000'"),
        ({"sample_rate_hz": 2**31}, "its sample_rate_hz cannot be 2147483648"),
        ({"window_tokens": "9"}, "its window_tokens cannot be '9'"),
        ({"samples_per_token": 0}, "its samples_per_token is at least 1, not 0"),
        ({"overlap_tokens": -1}, "its overlap_tokens cannot be -1"),
        ({"pads": 1}, "its pads cannot be 1"),
        ({"guided_until": math.nan}, "its guided_until cannot be nan"),
        ({"title": "a\nb"}, "its title cannot be"),
        ({"title": "\ud800"}, "its title cannot be"),
        ({"layers": ["noise"]}, "its layers cannot be"),
        ({"schedule": "none"}, "its schedule cannot be 'none'"),
        ({"presets": {name: {"steps": 0, "guidance": 1} for name in QUALITIES}}, "its presets take at least 1 step"),
    ],
)
def test_a_card_that_lacks_what_a_model_needs_is_refused_in_one_line(
    folder: Path, facts: dict[str, Any], says: str
) -> None:
    home = install(folder, "mine")
    known = json.loads((home / "card.json").read_text())
    (home / "card.json").write_text(json.dumps(known | facts))
    with pytest.raises(NotFoundError, match=f"is not a model's card .*{says}.*: install the model again") as caught:
        card("mine")
    assert "\n" not in str(caught.value)


def test_random_weights_are_had_by_name_alone(folder: Path) -> None:
    found = card("mmaudio-tiny-16k=random")
    assert (found.name, found.variant) == ("mmaudio-tiny-16k=random", "mmaudio-tiny-16k")
    assert found.title.endswith("(random weights)")
    assert found.parts == ()
    assert found.digest != card("mmaudio-small-16k=random").digest
    assert found.name not in model_names()
    assert card("mmaudio-small-16k=random").n_bytes == published_model("mmaudio-small-16k").n_bytes > 6 << 30
    with pytest.raises(NotFoundError, match="no published model is named 'pocket'"):
        card("pocket=random")


def test_a_model_of_no_known_family_cannot_be_run(folder: Path) -> None:
    install(folder, "theirs", family="elsewhere")
    with pytest.raises(NotFoundError, match=r"cannot run 'theirs' \(elsewhere\); it can run: pocket, mmaudio"):
        load_model("theirs", "cpu")


def test_a_family_whose_packages_are_missing_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "open_clip" else name)
    with pytest.raises(MissingExtraError, match=r"pip install 'v2a-studio\[mmaudio\]'"):
        load_model("mmaudio-tiny-16k=random")


def test_a_variant_of_no_known_name_cannot_be_run(folder: Path) -> None:
    install(folder, "mine", family="mmaudio", variant="mmaudio-huge")
    with pytest.raises(NotFoundError, match=r"cannot run 'mine' \(variant 'mmaudio-huge'\); it can run: mmaudio-small"):
        load_model("mine", "cpu")


def test_a_card_that_is_not_its_variants_cannot_be_run(folder: Path) -> None:
    stated = {"sample_rate_hz": 16_000, "samples_per_token": 512, "latent_dim": 40, "window_tokens": 345}
    install(folder, "mine", family="mmaudio", variant="mmaudio-tiny-16k", **stated)
    with pytest.raises(
        GenerationError, match="its card says latent_dim 40 instead of 20, window_tokens 345 instead of 250: install"
    ):
        load_model("mine", "cpu")


def test_pocket_computes_in_float32() -> None:
    assert load_model("pocket", "cpu").precision == "float32"
    with pytest.raises(UsageError, match="float32 only: leave out --precision bfloat16"):
        load_model("pocket", "cpu", "bfloat16")


def test_loading_pocket_loads_no_other_family() -> None:
    code = (
        "import sys, v2a; v2a.load_model('pocket', 'cpu'); "
        "print([name for name in sys.modules if name == 'open_clip' or name.startswith('v2a.models.mmaudio')])"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "[]"


def test_the_shipped_card_says_what_its_files_are() -> None:
    shipped: ModelCard = card("pocket")
    (weights,) = shipped.parts
    assert weights.file == SHIPPED / "weights.safetensors"
    assert weights.n_bytes == weights.file.stat().st_size
