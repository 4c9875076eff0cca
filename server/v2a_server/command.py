"""`v2a serve`."""

import logging
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from v2a.cards import ModelCard, card, model_names
from v2a.errors import NotFoundError, UsageError
from v2a.extras import require

_log = logging.getLogger(__name__)

_DEVICES = ("auto", "cpu", "cuda", "mps")


def serve(
    listen: Annotated[
        str,
        typer.Option(metavar="ADDR", help="unix:/path, 127.0.0.1:PORT, [::1]:PORT or localhost:PORT (0: any)."),
    ] = "127.0.0.1:50061",
    root: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Folder whose films clients may name. Repeatable."),
    ] = None,
    read_anything: Annotated[
        bool, typer.Option("--read-anything", help="Clients may name any film that you can read.")
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Model to serve. Repeatable; default: all installed."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="D", help="auto, cpu, cuda or mps.")] = "auto",
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where jobs and takes are kept; one server at a time.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the token that callers must show.")
    ] = None,
    exit_when_idle: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=1, help="Stop after so long without calls and jobs."),
    ] = None,
    queue: Annotated[int, typer.Option(metavar="N", min=1, help="Jobs that may wait.")] = 256,
) -> None:
    """Serve the installed models over gRPC, on this machine."""
    require("server", "torch", "einops", "safetensors", "soxr", "pyloudnorm", "grpc_health", "grpc_reflection")
    import platformdirs

    from v2a_server import app

    if device not in _DEVICES:
        raise UsageError(f"unknown device '{device}': choose from {', '.join(_DEVICES)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    cards = partial(_cards, model)
    installed = cards()
    for name in model or model_names():
        if name not in installed:
            missing = f"the model '{name}' is not installed, or has no usable weights"
            if model:
                raise NotFoundError(f"{missing}; installed: {', '.join(model_names())}")
            _log.warning("%s: it is not served", missing)
    options = app.ServeOptions(
        listen=listen,
        store=(store or platformdirs.user_state_path("v2a-studio") / "served").absolute(),
        roots=tuple(_folder(path) for path in root or ()),
        read_anything=read_anything,
        token=_token(token_file),
        exit_when_idle_s=exit_when_idle,
        max_queued=queue,
    )
    app.run(
        options,
        cards,
        [app.worker_command(device, list(installed))],
        on_listening=lambda address: typer.echo(f"listening on {address}"),
    )


def _cards(names: list[str] | None) -> dict[str, ModelCard]:
    """The models as they are installed now. One that is just being replaced is left out until it is whole."""
    cards = {}
    for name in names or model_names():
        try:
            cards[name] = card(name)
        except (NotFoundError, OSError, ValueError, KeyError):
            continue
    return cards


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise UsageError(f"--root {path} is not a folder")
    return path


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the token file {path} cannot be read: {error}") from error
    if not token.isascii() or not token.isprintable() or not token:
        raise UsageError(f"the token file {path} must hold one line of ASCII characters")
    return token
