"""The add-on's files: what Blender finds in them, and that Blender's own tools agree where they are installed."""

import ast
import hashlib
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import v2a
from make_zips import MANIFEST, ROOT, build, validator

ADDON = ROOT / "integrations" / "blender" / "v2a_blender"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    return build(tmp_path_factory.mktemp("dist") / "blender")


def test_the_extension_has_its_manifest_on_top_and_the_bridges_client_inside(built: tuple[Path, Path, Path]) -> None:
    names = set(zipfile.ZipFile(built[0]).namelist())
    assert {MANIFEST, "__init__.py", "v2a_host/bridge_client.py", "LICENSE-GPL-3.0-or-later.txt"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_guide_for_developers_tells_of_every_file() -> None:
    guide = (ADDON.parent / "README.md").read_text()
    told = {path.name for path in ADDON.glob("*.py")} - {"__init__.py", "version.py"}
    assert {name for name in told if f"`{name}`" not in guide} == set()


def test_the_legacy_addon_is_a_folder_without_a_manifest(built: tuple[Path, Path, Path]) -> None:
    names = zipfile.ZipFile(built[1]).namelist()
    assert "v2a_studio/__init__.py" in names
    assert all(name.startswith("v2a_studio/") and not name.endswith(MANIFEST) for name in names)


def test_the_same_sources_make_the_same_bytes(built: tuple[Path, Path, Path], tmp_path: Path) -> None:
    for one, other in zip(built, build(tmp_path), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_repository_lists_the_extension_that_it_serves(built: tuple[Path, Path, Path]) -> None:
    (entry,) = json.loads(built[2].read_text())["data"]
    archive = (built[2].parent / entry["archive_url"]).read_bytes()
    assert entry["archive_size"] == len(archive)
    assert entry["archive_hash"] == f"sha256:{hashlib.sha256(archive).hexdigest()}"


def test_one_version_everywhere() -> None:
    manifest = tomllib.loads((ADDON / MANIFEST).read_text())
    tree = ast.parse((ADDON / "__init__.py").read_text())
    (info,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "bl_info"
    ]
    said = ast.parse((ADDON / "version.py").read_text()).body[-1]
    assert isinstance(said, ast.Assign)
    assert manifest["version"] == ".".join(map(str, info["version"])) == ast.literal_eval(said.value) == v2a.__version__


def test_every_file_says_its_licence() -> None:
    sources = [*ADDON.rglob("*.py"), ADDON / MANIFEST, Path(sys.modules["make_zips"].__file__ or "")]
    assert len(sources) > 10
    for path in sources:
        assert path.read_text().startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n"), path


def test_it_imports_nothing_but_blender_and_the_standard_library() -> None:
    for path in ADDON.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            roots = {name.split(".")[0] for name in names}
            # v2a_host is named for type checkers alone: builds put it into the add-on.
            assert roots <= sys.stdlib_module_names | {"bpy", "aud", "v2a_host"}, path


def test_blenders_own_tools_agree(built: tuple[Path, Path, Path], tmp_path: Path) -> None:
    tool = validator()
    if tool is None:
        pytest.skip("no bpy wheel is installed: python -m tests.hosts.environments installs some")
    subprocess.run([sys.executable, str(tool), "validate", str(built[0])], check=True)
    (tmp_path / built[0].name).write_bytes(built[0].read_bytes())
    subprocess.run([sys.executable, str(tool), "server-generate", f"--repo-dir={tmp_path}"], check=True)
    assert json.loads((tmp_path / "index.json").read_text()) == json.loads(built[2].read_text())
