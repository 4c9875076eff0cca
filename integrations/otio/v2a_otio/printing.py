"""What `v2a conform` prints: the plan or the result, for people."""

from pathlib import Path
from typing import Any

import typer

from v2a_plugin.progress import duration_text, printable


def show(report: dict[str, Any], output: Path) -> None:
    """Print a report (see `report.document`) of what was made, or would be."""
    planned = not report["output"]
    for event in report["events"]:
        span = f"{event['record']['start']['text']} – {event['record']['end']['text']}"
        _say(f"{event['number']:03d}  {span}  {event['name']}: {_state(event, planned=planned)}")
        for layer in event["layers"] if planned and event["status"] == "pending" else ():
            _say(f"     {layer['layer']}: {layer['prompt'] or '(no words)'}")
        for warning in event["warnings"]:
            _say(f"v2a: warning: event {event['number']}: {warning}", err=True)
    preview = report["preview"]
    for warning in report["warnings"] + (preview["warnings"] if preview else []):
        _say(f"v2a: warning: {warning}", err=True)
    if planned:
        _plan(report)
    else:
        _result(report, output)


def _plan(report: dict[str, Any]) -> None:
    totals = report["totals"]
    _say(f"{totals['pending']} of {totals['events']} events would get sound; nothing was written")
    if totals["done"]:
        _say(f"{totals['done']} are there already, made by model {report['model']['name']} as it was then")
    if totals["failed"]:
        _say(f"{totals['failed']} cannot be made")
    if totals["pending"]:
        estimate = report["estimate"]
        _say(
            f"this takes {duration_text(estimate['seconds'])} (by {estimate['source']})"
            if estimate
            else "nobody has measured how long this model takes: the first run will tell"
        )


def _result(report: dict[str, Any], output: Path) -> None:
    totals, preview = report["totals"], report["preview"]
    made = totals["done"] - totals["reused"]
    if totals["done"] and not made and not totals["failed"]:
        _say("nothing new to make: every sound is there already")
    else:
        _say(f"{made} events made, {totals['reused']} kept from an earlier run, {totals['failed']} failed")
    if preview:
        _say(f"{output / preview['file']}: picture {preview['picture']}")
    for export in report["exports"]:
        lacks = f"what it lacks stands in {export['losses_file']}" if export["file"] else "there is no sound for it"
        _say(f"{output / (export['file'] or export['format'])}: {lacks}")
    if report["stems"]:
        _say(f"{output / 'stems'}: {len(report['stems'])} stems")
    _say(f"{output / report['output']}, {output / 'report.html'}")


def _state(event: dict[str, Any], *, planned: bool) -> str:
    if event["status"] in ("failed", "skipped"):
        return f"{event['status']}: {event['error']}"
    if planned and event["status"] == "pending":
        return f"{event['seconds']['text']} s of sound in each of {event['files']} files, seed {event['seed']}"
    return "kept" if event["reused"] else "made"


def _say(text: str, *, err: bool = False) -> None:
    # Names in a timeline come from anywhere; printed as they are, they could control the terminal.
    typer.echo(printable(text), err=err)
