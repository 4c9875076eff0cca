"""`v2a models`: what the server can run, and what others have published that it could."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from v2a.errors import StorageError, UsageError
from v2a_plugin.options import JsonOption, ServerOption, TokenFileOption

models = typer.Typer(name="models", help="List, describe, get or remove models.", add_completion=False)

NameArgument = Annotated[str, typer.Argument(help="The model's name, as `v2a models` lists it.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it without asking; you accept the licences that are shown.")]


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
    """List the models that the server can run, and those that `v2a models get` can install."""
    context.obj = _Asked(server, token_file, as_json)
    if context.invoked_subcommand is not None:
        return
    from v2a.published import published_models
    from v2a_plugin.client import ServerChoice, connect
    from v2a_plugin.facts import model_facts

    with connect(ServerChoice(server, token_file)) as client:
        found = [model_facts(model) for model in client.models()]
    names = {facts["name"] for facts in found}
    available = [
        {key: model.facts[key] for key in ("name", "title", "licence", "commercial_use")} | {"n_bytes": model.n_bytes}
        for model in published_models().values()
        if model.files and model.name not in names
    ]
    if as_json:
        _print_json({"models": found, "available": available})
        return
    table = Table("name", "what it is", "layers", "sound", "licence", box=None)
    for facts in found:
        sound = f"{facts['sample_rate_hz'] / 1000:g} kHz {'mono' if facts['channels'] == 1 else 'stereo'}"
        table.add_row(facts["name"], facts["title"], ", ".join(facts["layers"]), sound, _licence(facts))
    console = Console(markup=False)
    console.print(table)
    if available:
        console.print("\nTo be had by `v2a models get NAME`:\n")
        table = Table("name", "what it is", "size", "licence", box=None)
        for facts in available:
            table.add_row(facts["name"], facts["title"], _size(facts["n_bytes"]), _licence(facts))
        console.print(table)


@models.command("show")
def show_model(
    context: typer.Context,
    name: NameArgument,
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
        _print_json(facts)
        return
    table = Table(show_header=False, box=None)
    for key, value in facts.items():
        table.add_row(key, ", ".join(value) if isinstance(value, list) else str(value))
    Console(markup=False).print(table)


@models.command("get")
def get_model(
    context: typer.Context,
    name: NameArgument,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Folder that holds the published files: nothing is downloaded."),
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Install a model that others have published: show its licences and size, ask, fetch, check and convert it."""
    from v2a.cards import model_names, models_folder
    from v2a.models_folder import ModelsFolder
    from v2a.published import published_model, published_models
    from v2a_plugin.getting import carry_out, plan

    as_json = as_json or context.obj.as_json
    if name in model_names() and name not in published_models():
        raise UsageError(f"'{name}' is here already, and not published elsewhere: use it by `--model {name}`")
    model, models = published_model(name), ModelsFolder(models_folder())
    if source is not None and not source.is_dir():
        raise UsageError(f"{source} is no folder: --from wants the one that holds the published files")
    with models.alone():
        damaged = models.damaged(name) if name in models.names() else None
        if damaged == []:
            _say(f"{name} is installed in {models.folder}, and all its parts are whole")
        else:
            if damaged:
                _say(f"{name} is installed, but damaged: {', '.join(damaged)}")
            todo = plan(model, models, source)
            _show(todo, models.folder)
            free = shutil.disk_usage(models.folder).free
            if free < todo.n_bytes_needed:
                raise StorageError(
                    f"{models.folder} has {_size(free)} free, and this needs {_size(todo.n_bytes_needed)}: make room, "
                    "or set V2A_MODELS to a folder on another disk"
                )
            _ask(f"Install {name} under these licences?", yes)
            carry_out(todo, models, _say)
            _say(f"{name} is installed in {models.folder}: use it by `--model {name}`")
        card = models.card(name)
    if as_json:
        _print_json({"folder": str(models.folder), "already_installed": damaged == [], **card})


@models.command("remove")
def remove_model(
    context: typer.Context, name: NameArgument, yes: YesOption = False, as_json: JsonOption = False
) -> None:
    """Remove an installed model, and those of its parts that no other one uses."""
    from v2a.cards import model_names, models_folder
    from v2a.models_folder import ModelsFolder

    models = ModelsFolder(models_folder())
    if name in model_names() and name not in models.names():
        raise UsageError(
            f"'{name}' is a part of v2a-studio and stays with it: `v2a serve --model NAME` serves others alone"
        )
    with models.alone():
        models.card(name)
        _ask(f"Remove {name} from {models.folder}?", yes)
        n_bytes = models.remove(name)
    if as_json or context.obj.as_json:
        _print_json({"removed": name, "n_bytes": n_bytes})
    else:
        _say(f"{name} is removed; {_size(n_bytes)} are free again")


def _show(todo: Any, folder: Path) -> None:
    """What is to be got, from where, and under which licences; on stderr, which is where questions are asked."""
    console = Console(stderr=True, markup=False)
    table = Table("part", Column("file", overflow="fold"), "size", "licence", box=None)
    for part, file in todo.model.files.items():
        size = "is here" if part in todo.stored else _size(file.n_bytes)
        table.add_row(part, file.name, size, file.licence.title)
    console.print(f"{todo.model.name}: {todo.model.facts['title']}. {todo.model.facts['description']}\n")
    console.print(table)
    console.print()
    if todo.missing:
        console.print("\n".join(file.url for file in todo.missing.values()), end="\n\n", soft_wrap=True)
    for licence in {file.licence.name: file.licence for file in todo.model.files.values()}.values():
        use = "" if licence.commercial_use else " (no commercial use)"
        console.print(f"{licence.name}{use}: {licence.url}", soft_wrap=True)
    verb = "read" if todo.found is not None else "downloaded"
    free = _size(shutil.disk_usage(folder).free)
    console.print(f"\n{_size(todo.n_bytes)} are {verb} and converted into {folder}; {free} are free.", soft_wrap=True)


def _ask(question: str, yes: bool) -> None:
    """Raises UsageError where there is nobody to answer, and ends with exit status 1 where the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on: add --yes if you agree. Nothing was changed")
    typer.echo(f"{question} [y/N] ", err=True, nl=False)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        _say("nothing was changed")
        raise typer.Exit(1)


def _licence(facts: dict[str, Any]) -> str:
    return str(facts["licence"]) + ("" if facts["commercial_use"] else " (non-commercial)")


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.1f} MB"


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
