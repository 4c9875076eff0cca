"""What runs inside Resolve needs no more than Python 3.8 and its library, and says so where there is less."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.resolve.menu import python
from v2a_plugin.resolve_folders import Scripts

_ROOT = Path(__file__).parents[2] / "integrations"
_OURS = {"v2a_resolve", "v2a_host"}
MODULES = sorted([*(_ROOT / "resolve").rglob("*.py"), *(_ROOT / "common").rglob("*.py")])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_it_is_python_3_8_and_imports_the_library_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    roots = {name.partition(".")[0] for name in imported}
    assert roots <= {*sys.stdlib_module_names, *_OURS}


def test_there_are_modules() -> None:
    assert len(MODULES) > 20


@pytest.mark.hosts
@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_a_python_that_is_too_old_is_told_of(version: str, tmp_path: Path) -> None:
    found = python(version)
    if found is None:
        pytest.skip(f"Python {version} is not installed")
    scripts = Scripts(tmp_path / "Fusion ü")
    scripts.install()
    for script in scripts.menu.folder.glob("*.py"):
        run = subprocess.run([found, str(script)], capture_output=True, text=True, check=True)
        assert run.stderr == ""
        assert f"V2A needs Python 3.8 or newer, and Resolve found {version}." in run.stdout
