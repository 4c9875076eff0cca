"""`v2a install blender` into folders as Blender has them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from v2a_host import finding
from v2a_plugin.blender_folders import usual_folder
from v2a_plugin.host_files import blender_files
from v2a_plugin.local_server import home

Run = Callable[..., Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Blender's folder after some years."""
    folder = tmp_path / "blender"
    for version in ("2.93", "3.3", "3.4", "4.1", "4.2", "5.2", "cache"):
        (folder / version / "config").mkdir(parents=True)
    return folder


def add_on(config: Path, version: str) -> Path:
    kind = "scripts/addons" if version in ("3.4", "4.1") else "extensions/user_default"
    return config / version / kind / "v2a_studio"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_version_gets_the_add_on_in_its_own_way(run_v2a: Run, config: Path) -> None:
    done = run_v2a("install", "blender", "--config", config)
    assert done.status == 0, done.err
    assert "Preferences → Add-ons" in done.out
    wanted = {name: path.read_bytes() for name, path in blender_files().items()}
    for version in ("3.4", "4.1", "4.2", "5.2"):
        assert f"Blender {version}: installed in {add_on(config, version)}" in done.out
        there = files(add_on(config, version))
        assert json.loads(there.pop("v2a-install.json"))["files"] == sorted(wanted)
        assert there == wanted
    assert sorted(path.name for path in (config / "3.3").iterdir()) == ["config"]
    assert finding.bridge_command("", {"V2A_HOME": str(home())}) == [sys.executable, "-m", "v2a_plugin", "bridge"]


def test_the_add_on_has_the_hosts_side_of_the_bridge_inside() -> None:
    names = set(blender_files())
    assert {"v2a_host/__init__.py", "v2a_host/bridge_client.py", "v2a_host/finding.py"} <= names
    assert {"__init__.py", "blender_manifest.toml"} <= names
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)


def test_installing_again_changes_nothing_and_an_older_ones_files_go(run_v2a: Run, config: Path) -> None:
    run_v2a("install", "blender", "--config", config)
    before = files(config)
    assert run_v2a("install", "blender", "--config", config).status == 0
    assert files(config) == before
    folder = add_on(config, "4.2")
    mark = json.loads((folder / "v2a-install.json").read_text())
    (folder / "old").mkdir()
    (folder / "old" / "gone.py").touch()
    (folder / "__init__.py").write_text("an older one")
    (folder / "v2a-install.json").write_text(json.dumps({**mark, "files": [*mark["files"], "old/gone.py"]}))
    run_v2a("install", "blender", "--config", config)
    assert files(config) == before
    assert not (folder / "old").exists()


def test_uninstalling_leaves_what_others_put_there(run_v2a: Run, config: Path) -> None:
    run_v2a("install", "blender", "--config", config)
    (add_on(config, "4.2") / "notes.txt").write_text("mine")
    compiled = add_on(config, "5.2") / "v2a_host" / "__pycache__"
    compiled.mkdir()
    (compiled / "finding.cpython-313.pyc").touch()
    done = run_v2a("install", "blender", "--config", config, "--uninstall")
    assert done.status == 0
    assert "what others put there stays: notes.txt" in done.out
    assert list(files(config)) == ["4.2/extensions/user_default/v2a_studio/notes.txt"]
    assert not add_on(config, "5.2").exists()
    assert "nothing was installed" in run_v2a("install", "blender", "--config", config, "--uninstall").out


def test_an_add_on_from_elsewhere_is_not_touched(run_v2a: Run, config: Path, tmp_path: Path) -> None:
    there = add_on(config, "4.2")
    there.mkdir(parents=True)
    (there / "__init__.py").write_text("from a zip")
    done = run_v2a("install", "blender", "--config", config)
    assert done.status == 1
    assert "was not put there by `v2a install`" in done.err
    assert files(there) == {"__init__.py": b"from a zip"}
    assert "Blender 4.2: installed by other means" in run_v2a("install", "blender", "--config", config, "--list").out
    run_v2a("install", "blender", "--config", config, "--uninstall")
    assert files(there) == {"__init__.py": b"from a zip"}
    (there / "__init__.py").unlink()
    there.rmdir()
    (tmp_path / "sources").mkdir()
    there.symlink_to(tmp_path / "sources")
    assert run_v2a("install", "blender", "--config", config).status == 1
    assert there.is_symlink()
    assert list((tmp_path / "sources").iterdir()) == []


def test_a_record_that_leads_out_of_its_folder_is_not_followed(run_v2a: Run, config: Path) -> None:
    run_v2a("install", "blender", "--config", config)
    (config / "precious").write_text("mine")
    mark = add_on(config, "4.2") / "v2a-install.json"
    mark.write_text(json.dumps({"files": ["../../../../precious"]}))
    done = run_v2a("install", "blender", "--config", config, "--uninstall")
    assert done.status == 1
    assert "remove the folder by hand" in done.err
    assert (config / "precious").read_text() == "mine"


def test_a_legacy_add_on_that_blender_copied_into_a_newer_version_goes(run_v2a: Run, config: Path) -> None:
    run_v2a("install", "blender", "--config", config / "4.1")
    copied = config / "4.2" / "scripts" / "addons"
    copied.mkdir(parents=True)
    add_on(config, "4.1").rename(copied / "v2a_studio")
    assert run_v2a("install", "blender", "--config", config).status == 0
    assert not (copied / "v2a_studio").exists()
    assert (add_on(config, "4.2") / "__init__.py").is_file()


def test_one_version_may_be_named(run_v2a: Run, config: Path) -> None:
    assert run_v2a("install", "blender", "--config", config / "5.2").status == 0
    assert not add_on(config, "4.2").exists()
    shown = run_v2a("install", "blender", "--config", config, "--list").out
    assert "Blender 5.2: installed, version 0.1.0" in shown
    assert "Blender 3.4: not installed" in shown


def test_without_blender_the_bridge_is_recorded_all_the_same(run_v2a: Run, tmp_path: Path) -> None:
    done = run_v2a("install", "blender", "--config", tmp_path / "nowhere")
    assert done.status == 1
    assert "start Blender once" in done.err
    assert (home() / "bridge.json").is_file()
    (home() / "bridge.json").unlink()
    assert run_v2a("install").status == 0
    assert (home() / "bridge.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("photoshop",), "choose from blender"),
        (("blender", "--list", "--uninstall"), "leave out"),
        (("--uninstall",), "say of which program: blender"),
    ],
)
def test_bad_usage_is_said(run_v2a: Run, arguments: tuple[str, ...], message: str) -> None:
    done = run_v2a("install", *arguments)
    assert done.status == 2
    assert message in done.err


def test_blenders_folder_is_where_each_system_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert usual_folder() == tmp_path / ".config" / "blender"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert usual_folder() == tmp_path / "config" / "blender"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert usual_folder() == tmp_path / "Library" / "Application Support" / "Blender"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    assert usual_folder() == tmp_path / "Roaming" / "Blender Foundation" / "Blender"
