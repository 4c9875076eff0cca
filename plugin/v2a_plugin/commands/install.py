"""`v2a install`: puts V2A Studio into the programs that editors use."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from v2a.errors import NotFoundError, UsageError
from v2a.output import storage_error, whole_file
from v2a.version import __version__
from v2a_plugin import resolve_folders
from v2a_plugin.blender_folders import AddOn, find_add_ons, usual_folder
from v2a_plugin.host_files import blender_files
from v2a_plugin.resolve_folders import Scripts

# Hosts read it to find the bridge: see `integrations/common/v2a_host/finding.py`.
RECORD = "bridge.json"


def install(
    host: Annotated[
        str | None,
        typer.Argument(metavar="[blender|resolve]", help="The program. Without it, only the bridge is recorded."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the program keeps its users' files: for Blender, the folder with 4.5, 5.0 … in it, or one of "
            "these; for Resolve, the folder Fusion that has Scripts in it. Default: the usual place.",
        ),
    ] = None,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take away what was installed.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Say what is where, and change nothing.")] = False,
) -> None:
    """Put V2A Studio into a program's menus, and record where the bridge is.

    What was installed before is replaced; nothing is touched that was not put there by this command.
    """
    hosts: dict[str, Callable[[Path | None, bool, bool], None]] = {"blender": _blender, "resolve": _resolve}
    if host is not None and host not in hosts:
        raise UsageError(f"'{host}' is not known: choose from {', '.join(hosts)}")
    if uninstall and list_:
        raise UsageError("--list changes nothing: leave out --uninstall, or --list")
    if not uninstall and not list_:
        typer.echo(f"{record_bridge()}: the bridge is recorded")
    if host is not None:
        hosts[host](config, uninstall, list_)
    elif uninstall or list_ or config is not None:
        raise UsageError(f"say of which program: {', '.join(hosts)}")


def record_bridge() -> Path:
    """Write down how the bridge is started, for all hosts; the file. Raises StorageError."""
    from v2a_plugin.local_server import home

    record = home() / RECORD
    try:
        record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(record, error) from None
    # The link in a virtual environment, not what it points to: packages are found beside the link.
    told = {"command": [os.path.abspath(sys.executable), "-m", "v2a_plugin", "bridge"], "version": __version__}  # noqa: PTH100
    with whole_file(record) as part:
        part.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return record


def _blender(config: Path | None, uninstall: bool, list_: bool) -> None:
    folder = config.absolute() if config is not None else usual_folder()
    add_ons = find_add_ons(folder)
    if not add_ons:
        raise NotFoundError(
            f"no Blender 3.4 or newer has files in {folder}: start Blender once, then run this again, or name its "
            "folder with --config"
        )
    done = 0
    for add_on in add_ons:
        if list_:
            typer.echo(f"Blender {add_on.version_text}: {add_on.state()}: {add_on.folder}")
        elif uninstall:
            done += _take_away(add_on)
        else:
            add_on.install(blender_files())
            typer.echo(f"Blender {add_on.version_text}: installed in {add_on.folder}")
    if uninstall and not done:
        typer.echo("nothing was installed")
    elif not list_ and not uninstall:
        typer.echo(
            "Now start Blender (again), open Edit → Preferences → Add-ons, search for V2A Studio and switch it on. "
            "Its button is in the Video Sequencer's header, its panel in the sidebar (N), tab V2A."
        )


def _take_away(add_on: AddOn) -> int:
    if not add_on.is_ours():
        return 0
    left = add_on.uninstall()
    typer.echo(f"Blender {add_on.version_text}: taken away from {add_on.folder}")
    if left:
        typer.echo(f"  what others put there stays: {', '.join(left)}")
    return 1


def _resolve(config: Path | None, uninstall: bool, list_: bool) -> None:
    scripts = Scripts(config.absolute() if config is not None else resolve_folders.usual_folder())
    if config is None and not scripts.fusion.parent.is_dir():
        raise NotFoundError(
            f"DaVinci Resolve has no files in {scripts.fusion.parent}: start Resolve once, then run this again, or "
            "name its folder Fusion with --config"
        )
    if list_:
        typer.echo(f"DaVinci Resolve: {scripts.state()}: {scripts.menu.folder}")
    elif uninstall:
        was_there = bool(scripts.menu.version or scripts.support.version)
        left = scripts.uninstall()
        typer.echo(f"DaVinci Resolve: taken away from {scripts.fusion}" if was_there else "nothing was installed")
        if left:
            typer.echo(f"  what others put there stays: {', '.join(map(str, left))}")
        if sys.platform == "darwin" and resolve_folders.forget_python():
            typer.echo("  PYTHON3HOME is taken back")
    else:
        scripts.install()
        typer.echo(f"DaVinci Resolve: installed in {scripts.menu.folder}")
        if sys.platform == "darwin" and resolve_folders.should_tell_python():
            resolve_folders.tell_python()
            typer.echo(f"  Resolve is told to use the Python in {sys.base_prefix} (PYTHON3HOME, at each login)")
        typer.echo(
            "Now start Resolve (again), open a timeline, and choose Workspace → Scripts → V2A → V2A Generate. "
            "Where only V2A Canary is listed, choose that: it says why."
        )
