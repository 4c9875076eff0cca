"""The command line `v2a`: finds subcommands among the installed entry points, and words every failure."""

import io
import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from v2a.errors import UsageError, V2AError
from v2a.version import __version__

_GROUP = "v2a.commands"
# Subcommands in the order of first use; any others follow by name.
_ORDER = ("generate", "conform", "models", "doctor", "serve")


_INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process and end it.

    Exit status 0: success, 1: the work failed, 2: bad usage, 130: Ctrl-C. With V2A_DEBUG=1 in the environment
    there are logs and tracebacks.
    """
    # Inherited by the server and its workers: threads of a math library that wait by spinning make sampling
    # twenty times slower as soon as something else wants the cores. It must be set before that library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    debug = bool(os.environ.get("V2A_DEBUG"))
    if debug:
        logging.basicConfig(level=logging.DEBUG)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be text of the terminal's encoding, and finished work must not end in an error.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        typer.main.get_command(_root).main(prog_name="v2a")
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            _end_at_once(
                _INTERRUPTED, "v2a: stopped: what was finished is kept, and the same command goes on from there"
            )
        raise
    except V2AError as error:
        if debug:
            traceback.print_exc()
        typer.echo(f"v2a: error: {error}", err=True)
        sys.exit(error.exit_status)
    except Exception as error:
        typer.echo(f"v2a: internal error: {type(error).__name__}: {error}. {_keep_traceback()}", err=True)
        if debug:
            traceback.print_exc()
        sys.exit(1)


def _end_at_once(exit_status: int, message: str) -> NoReturn:
    """End this process with a message, without letting go of what it holds.

    A Ctrl-C that hit gRPC while it began a call leaves one that never ends, and Python's end would wait for it.
    """
    # What read its output may have ended by the same Ctrl-C, or have been closed.
    with suppress(OSError, ValueError):
        typer.echo(message, err=True)
    with suppress(OSError, ValueError):
        if sys.stdout is not None:
            sys.stdout.flush()
    os._exit(exit_status)


class LazyGroup(TyperGroup):
    """Loads a subcommand when it is called, from the room that it lives in."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All subcommands."""
        names = [point.name for point in entry_points(group=_GROUP)]
        return sorted(set(names), key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The subcommand of a name; None where there is none."""
        points = entry_points(group=_GROUP)
        if not points:
            raise UsageError("v2a-studio is not installed here, so it has no commands: pip install v2a-studio")
        return next((_load(point) for point in points if point.name == cmd_name), None)


def _load(point: EntryPoint) -> Any:
    app = typer.Typer(add_completion=False)
    try:
        loaded = point.load()
    except Exception as error:
        # One part that cannot be loaded must not take the help of all others with it.
        anything = {"allow_extra_args": True, "ignore_unknown_options": True}
        app.command(point.name, context_settings=anything)(_refusal(point.name, error))
        return typer.main.get_command(app)
    if not isinstance(loaded, typer.Typer):
        app.command(point.name)(loaded)
        return typer.main.get_command(app)
    command = typer.main.get_command(loaded)
    command.name = point.name  # its own name, if any, is not what the user types
    return command


def _refusal(name: str, cause: Exception) -> Callable[[], None]:
    reason = str(cause) if isinstance(cause, V2AError) else f"{type(cause).__name__}: {cause}"

    def refuse() -> None:
        raise UsageError(f"the command '{name}' cannot be loaded ({reason}): install v2a-studio again") from cause

    refuse.__doc__ = f"Not available: {reason}"
    return refuse


def _keep_traceback() -> str:
    from v2a_plugin.local_server import home

    log = home() / "log" / "v2a.log"
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
    except OSError:
        return "Set V2A_DEBUG=1 and run it again to see where"
    return f"The details are at the end of {log}; please report them"


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"v2a {__version__}")
        raise typer.Exit


_root = typer.Typer(cls=LazyGroup, add_completion=False, no_args_is_help=True)


@_root.callback()
def _describe(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Give silent pictures a soundtrack."""
