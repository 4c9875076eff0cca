# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the add-on's files: `python integrations/blender/make_zips.py FOLDER`.

FOLDER gets the extension for Blender 4.2 and newer, the legacy add-on for 3.4 to 4.1, and in `repository/` what a web
server needs to be an extension repository. The same sources make the same bytes. Where a `bpy` wheel is installed
(`make test-hosts` does that), Blender's own validator reads the extension.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from v2a.output import whole_file
from v2a_plugin.host_files import blender_files

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = "blender_manifest.toml"
_LICENCES = {"LICENSE-GPL-3.0-or-later.txt": "LICENSES/GPL-3.0-or-later.txt", "LICENSE-Apache-2.0.txt": "LICENSE"}
_MODULE = "v2a_studio"  # the legacy add-on's folder, named as the extension's id
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def build(folder: Path) -> tuple[Path, Path, Path]:
    """Write all of it; the extension, the legacy add-on and the repository's index."""
    files = {**blender_files(), **{name: ROOT / path for name, path in _LICENCES.items()}}
    manifest = tomllib.loads(files[MANIFEST].read_text(encoding="utf-8"))
    stem = f"{manifest['id']}-{manifest['version']}"
    extension, legacy = folder / f"{stem}.zip", folder / f"{stem}-legacy.zip"
    index = folder / "repository" / "index.json"
    index.parent.mkdir(parents=True, exist_ok=True)
    _zip(extension, files)
    _zip(legacy, {f"{_MODULE}/{name}": file for name, file in files.items() if name != MANIFEST})
    served = index.with_name(extension.name)
    with whole_file(served) as part:
        part.write_bytes(extension.read_bytes())
    with whole_file(index) as part:
        part.write_text(json.dumps(_index(manifest, served), indent=2) + "\n", encoding="utf-8")
    return extension, legacy, index


def validator() -> Path | None:
    """Blender's own tool for extensions, out of an installed wheel; the newest."""
    inside = "lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
    found = sorted(ROOT.glob(f".venv-bpy-*/{inside}"))
    return found[-1] if found else None


def _index(manifest: dict[str, object], served: Path) -> dict[str, object]:
    """The list of a repository, as `blender --command extension server-generate` writes it."""
    archive = served.read_bytes()
    described = {
        **manifest,
        "archive_url": f"./{served.name}",
        "archive_size": len(archive),
        "archive_hash": f"sha256:{hashlib.sha256(archive).hexdigest()}",
    }
    return {"version": "v1", "blocklist": [], "data": [described]}


def _zip(path: Path, files: dict[str, Path]) -> None:
    with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)


def main() -> None:
    """Build into the folder that is named, and say what was made."""
    extension, legacy, index = build(Path(sys.argv[1]))
    tool = validator()
    if tool is None:
        sys.stderr.write(
            "Not validated, as no bpy wheel is installed: `python -m tests.hosts.environments` does that.\n"
        )
    else:
        subprocess.run([sys.executable, str(tool), "validate", str(extension)], check=True)  # noqa: S603
    for path in (extension, legacy, index):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
