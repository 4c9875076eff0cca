"""`v2a serve`."""

import logging
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from v2a.cards import PRECISIONS, ModelCard, card, model_names
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
        typer.Option(
            metavar="NAME",
            help="Model to serve and to load at the start; NAME=random: a published one without its weights. "
            "Repeatable; default: all, of which only the first is loaded at the start.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(metavar="D", help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[
        str, typer.Option(metavar="P", help="auto, float32, bfloat16 or float16, of models that can compute in it.")
    ] = "auto",
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where jobs and takes are kept; one server at a time. Default: served/ in your state folder.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the token that callers must show.")
    ] = None,
    exit_when_idle: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=1, help="Stop after so long without calls and jobs."),
    ] = None,
    queue: Annotated[int, typer.Option(metavar="N", min=1, help="Jobs of each priority that may wait.")] = 256,
    workers: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Jobs at once, each in a process of its own; 0: one for each GPU."),
    ] = 0,
    keep_days: Annotated[
        float,
        typer.Option(metavar="DAYS", min=0, help="How long jobs and takes are kept after they ended; 0: for ever."),
    ] = 30,
    keep_loaded: Annotated[
        float, typer.Option(metavar="GB", min=0, help="Weights of models that stay loaded, beside the one in use.")
    ] = 8,
    unload_after: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="A model that nobody uses is unloaded after so long.")
    ] = 600,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether a server can be started like this, and what is wrong.")
    ] = False,
) -> None:
    """Serve the installed models over gRPC, on this machine."""
    require("server", "torch", "einops", "safetensors", "soxr", "pyloudnorm", "grpc_health", "grpc_reflection")
    import platformdirs

    from v2a_server import app
    from v2a_server.janitor import Keeping

    if device not in _DEVICES:
        raise UsageError(f"unknown device '{device}': choose from {', '.join(_DEVICES)}")
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision '{precision}': choose from {', '.join(PRECISIONS)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in model or model_names():
        try:
            card(name)
        except NotFoundError as error:
            if model:
                raise
            _log.warning("'%s' is not served: %s", name, error)
    cards = partial(_cards, model)
    options = app.ServeOptions(
        listen=listen,
        store=(store or platformdirs.user_state_path("v2a-studio") / "served").absolute(),
        roots=tuple(_folder(path) for path in root or ()),
        read_anything=read_anything,
        token=_token(token_file),
        exit_when_idle_s=exit_when_idle,
        computing=f"{precision} on {device}",
        max_queued=queue,
        keeping=Keeping(jobs_s=keep_days * 86_400 or None),
    )
    # Nobody has asked for the others yet, and they may be large: they must not keep the first job waiting.
    at_once = list(cards()) if model else list(cards())[:1]
    commands = _workers(
        workers,
        device,
        at_once,
        precision=precision,
        keep_loaded_bytes=round(keep_loaded * 1e9),
        unload_after_s=unload_after,
    )
    if check:
        from v2a_server.checking import check_server

        raise typer.Exit(check_server(options, cards, commands, typer.echo))
    app.run(
        options,
        cards,
        commands,
        on_listening=lambda address: typer.echo(f"listening on {address}"),
    )


def _workers(n_workers: int, device: str, models: list[str], **limits: Any) -> list[list[str]]:
    """The commands of the worker processes, spread over the GPUs."""
    from v2a_server.app import worker_command

    n_gpus = len([*Path("/dev").glob("nvidia[0-9]*")]) if device in ("auto", "cuda") else 0
    n_workers = n_workers or max(n_gpus, 1)
    devices = [f"cuda:{index % n_gpus}" if n_gpus > 1 else device for index in range(n_workers)]
    threads = max((os.cpu_count() or 1) // n_workers, 1) if n_workers > 1 else 0
    return [worker_command(device, models, threads=threads, **limits) for device in devices]


def _cards(names: list[str] | None) -> dict[str, ModelCard]:
    """The models as they are installed now. One that is just being replaced is left out until it is whole."""
    cards = {}
    for name in names or model_names():
        try:
            cards[name] = card(name)
        except NotFoundError:
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
