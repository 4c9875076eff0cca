"""A published model of reduced width, and folders of models with and without it."""

import json
import os
import shutil
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path

import pytest

from tests.plugin.getting.publishing import PROGRAM, Publication, publication


@pytest.fixture(scope="session")
def published_files(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    return publication(tmp_path_factory.mktemp("published"))


@pytest.fixture
def tiny(published_files: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publication:
    """The publication, in a folder of the test's own; there is nothing yet in the folder of models."""
    folder = tmp_path / "published"
    shutil.copytree(published_files.folder, folder)
    files = {part: folder / path.name for part, path in published_files.files.items()}
    own = Publication(folder, files, deepcopy(published_files.table))
    own.publish(monkeypatch, tmp_path / "table.json")
    monkeypatch.setenv("V2A_MODELS", str(tmp_path / "models"))
    return own


@pytest.fixture(scope="session")
def installed(published_files: Publication, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with the tiny one: killed once it had stored a part, and asked for again."""
    folder = tmp_path_factory.mktemp("installed")
    table = folder / "table.json"
    table.write_text(json.dumps(published_files.table))
    models = folder / "models"
    command = [sys.executable, "-c", PROGRAM, str(table), "models", "get", "tiny", "--yes", "--json"]
    command += ["--from", str(published_files.folder)]
    environment = {**os.environ, "V2A_MODELS": str(models)}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while not list(models.glob("parts/*.safetensors")):
        assert first.poll() is None, first.communicate()
        time.sleep(0.05)
    first.kill()
    first.communicate()
    before = {path: path.stat().st_ino for path in models.glob("parts/*.safetensors")}
    assert not list(models.glob("*/card.json")), "nothing is half installed"
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["name"] == "tiny"
    assert all(path.stat().st_ino == number for path, number in before.items()), "it goes on where it stopped"
    assert not list(models.glob("parts/.*")), "and clears what was left"
    return models


@pytest.fixture
def with_tiny(tiny: Publication, installed: Path, tmp_path: Path) -> Publication:
    """The publication, with the model installed."""
    shutil.copytree(installed, tmp_path / "models")
    return tiny
