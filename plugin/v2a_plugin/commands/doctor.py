"""`v2a doctor`: what works here, what does not, and what to do about it."""

import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import typer

from v2a.errors import V2AError
from v2a_plugin.options import ServerOption, TokenFileOption

_DISTRIBUTION = "v2a-studio"
_PACKAGES = ("grpcio", "protobuf", "numpy", "av", "opentimelineio", "torch", "torchaudio")
_USER_EXTRAS = ("server", "train", "mmaudio")
_NEEDED_FREE_BYTES = 1 << 30
# A line of the installed metadata: "torch==2.11.*; extra == 'server'".
_REQUIREMENT = re.compile(
    r"(?P<package>[\w.-]+)\s*(?:\[(?P<extras>[^]]*)\])?[^;]*;.*extra == ['\"](?P<extra>[\w-]+)['\"]"
)


@dataclass(frozen=True)
class Finding:
    """One checked thing. advice: what to do; empty where it works."""

    what: str
    found: str
    advice: str = ""


def doctor(server: ServerOption = None, token_file: TokenFileOption = None) -> None:
    """Check the installation, the server and its models, and say what to do about problems."""
    problems = 0
    for finding in _findings(server, token_file):
        problems += bool(finding.advice)
        mark = "problem" if finding.advice else "ok"
        typer.echo(f"{mark:8}{finding.what}: {finding.found}" + (f". {finding.advice}" if finding.advice else ""))
    if problems:
        raise typer.Exit(1)


def _findings(server: str | None, token_file: Path | None) -> Iterator[Finding]:
    yield _python()
    yield _software()
    yield from (_extra(name, needed=name == "server" and server is None) for name in _USER_EXTRAS)
    yield from _home()
    yield _ffmpeg()
    yield from _resolve()
    yield from _server(server, token_file)


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    old = sys.version_info < (3, 11)
    return Finding("python", found, "Install Python 3.11 or newer" if old else "")


def _software() -> Finding:
    try:
        found = f"{_DISTRIBUTION} {version(_DISTRIBUTION)}"
    except PackageNotFoundError:
        return Finding("software", f"{_DISTRIBUTION} is not installed", f"Run pip install '{_DISTRIBUTION}[server]'")
    return Finding("software", ", ".join([found, *(f"{name} {v}" for name in _PACKAGES if (v := _version_of(name)))]))


def _extra(name: str, *, needed: bool) -> Finding:
    missing = sorted(package for package in _packages_of(name) if _version_of(package) is None)
    if not missing:
        return Finding(f"extra '{name}'", "installed")
    found = f"not installed ({', '.join(missing)})"
    install = f"To make sound on this machine, run pip install '{_DISTRIBUTION}[{name}]'"
    return Finding(f"extra '{name}'", found, install if needed else "")


def _packages_of(extra: str) -> set[str]:
    """The packages that an extra adds, those of extras that it names included."""
    try:
        required = distribution(_DISTRIBUTION).requires or []
    except PackageNotFoundError:
        return set()
    packages: set[str] = set()
    for line in required:
        found = _REQUIREMENT.match(line)
        if found is None or found["extra"] != extra:
            continue
        if found["package"] == _DISTRIBUTION:
            packages.update(*(_packages_of(name.strip()) for name in found["extras"].split(",")))
        else:
            packages.add(found["package"])
    return packages


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _home() -> Iterator[Finding]:
    from v2a_plugin.local_server import home

    folder = home()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        advice = "Make it writable, or set V2A_HOME to a folder that is"
        yield Finding("home", f"{folder} cannot be written: {error.strerror or error}", advice)
        return
    yield Finding("home", f"{folder} can be written")
    scarce = free_bytes < _NEEDED_FREE_BYTES
    yield Finding("disk", f"{free_bytes / 1e9:.1f} GB free", "Make room: results are kept there" if scarce else "")


def _ffmpeg() -> Finding:
    import av
    from av.codec import codecs_available

    wanted = ("h264", "hevc", "prores", "aac")
    missing = [name for name in wanted if name not in codecs_available]
    found = f"libavcodec {'.'.join(str(n) for n in av.library_versions['libavcodec'])} in PyAV {av.__version__}"
    advice = f"It lacks {', '.join(missing)}: run pip install --force-reinstall av" if missing else ""
    return Finding("ffmpeg", found, advice)


def _resolve() -> Iterator[Finding]:
    """DaVinci Resolve, where it was ever started."""
    from v2a_plugin.resolve_folders import Scripts, resolve_finds_python, usual_folder

    scripts = Scripts(usual_folder())
    if not scripts.fusion.parent.is_dir():
        return
    ours, version = scripts.menu.version, _version_of(_DISTRIBUTION)
    advice = "Run `v2a install resolve` for its menu scripts" if ours != version else ""
    yield Finding("resolve", f"{scripts.state()} in {scripts.menu.folder}", advice)
    if sys.platform == "darwin" and ours and not resolve_finds_python():
        found = "Resolve finds none: /usr/local/bin/python3 is not there, and PYTHON3HOME leads to none"
        yield Finding("resolve's python", found, "Run `v2a install resolve` again, then log out and in")


def _server(address: str | None, token_file: Path | None) -> Iterator[Finding]:
    from v2a_plugin.client import ServerChoice, connect

    try:
        with connect(ServerChoice(address, token_file)) as client:
            info = client.info()
            found = f"software {info.software_version}, contract {info.contract_version}, process {info.pid}"
            yield Finding("server", found)
            yield Finding("device", info.device or "not known until the first job")
            models = client.models()
            names = ", ".join(model.name for model in models)
            yield Finding("models", names or "none", "" if models else "Install v2a-studio again: it ships a model")
    except V2AError as error:
        yield Finding("server", "no answer", f"{error}")
