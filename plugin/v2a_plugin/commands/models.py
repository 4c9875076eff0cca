"""`v2a models`: what the server can run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from v2a_plugin.options import JsonOption, ServerOption, TokenFileOption

if TYPE_CHECKING:
    pass

models = typer.Typer(name="models", help="List the models, or describe one.", add_completion=False)


@dataclass(frozen=True)
class _Asked:
    """The options given before a subcommand, which hold for it too."""

    server: str | None
    token_file: Path | None
    as_json: bool


@models.callback(invoke_without_command=True)
def list_models(
    context: typer.Context,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the models that the server can run."""
    context.obj = _Asked(server, token_file, as_json)
    if context.invoked_subcommand is not None:
        return
    from v2a_plugin.client import ServerChoice, connect
    from v2a_plugin.facts import model_facts

    with connect(ServerChoice(server, token_file)) as client:
        found = [model_facts(model) for model in client.models()]
    if as_json:
        typer.echo(json.dumps({"models": found}, indent=2, ensure_ascii=False))
        return
    table = Table("name", "what it is", "layers", "sound", "licence", box=None)
    for facts in found:
        use = "" if facts["commercial_use"] else " (non-commercial)"
        sound = f"{facts['sample_rate_hz'] / 1000:g} kHz {'mono' if facts['channels'] == 1 else 'stereo'}"
        table.add_row(facts["name"], facts["title"], ", ".join(facts["layers"]), sound, facts["licence"] + use)
    Console(markup=False).print(table)


@models.command("get")
def get_model(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The model's name, as `v2a models` lists it.")],
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Describe one model."""
    from v2a_plugin.client import ServerChoice, connect
    from v2a_plugin.facts import model_facts

    asked: _Asked = context.obj
    with connect(ServerChoice(server or asked.server, token_file or asked.token_file)) as client:
        facts = model_facts(client.model(name))
    if as_json or asked.as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    table = Table(show_header=False, box=None)
    for key, value in facts.items():
        table.add_row(key, ", ".join(value) if isinstance(value, list) else str(value))
    Console(markup=False).print(table)
