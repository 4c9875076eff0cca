"""`report.html`: the report to look at and listen to, one file that needs only the WAVs beside it."""

from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

import numpy as np

from v2a.audio import Audio
from v2a.delivery import wav_blocks, wav_info
from v2a.errors import MediaError, NotFoundError
from v2a.output import whole_file

FILE = "report.html"

_COLUMNS = 600  # of a waveform picture
_HALF = 40  # its height above and below zero
# All pictures of a page together: a browser still opens it.
_MAX_COLUMNS = 200_000
_MIN_COLUMNS = 60
_STATUS = {"done": "", "failed": "failed", "skipped": "no sound wanted", "pending": "not made yet"}


def write(path: Path, report: dict[str, Any], folder: Path) -> None:
    """Write the page for a report (see `report.document`) whose files lie in a folder."""
    # Event by event, so that ten thousand of them need no more memory than one.
    before, _, after = _template("report.html").template.partition("$events")
    columns = max(_MIN_COLUMNS, min(_COLUMNS, _MAX_COLUMNS // max(report["totals"]["sounds"], 1)))
    with (
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        facts = _page(report)
        file.write(Template(before).substitute(facts))
        for event in report["events"]:
            file.write(_event(event, report["model"], folder, columns))
        file.write(Template(after).substitute(facts))


def waveform(sound: Iterable[Audio], n_samples: int, n_columns: int = _COLUMNS) -> str:
    """A sound's outline as an SVG path over _COLUMNS × 2 _HALF: each column's highest and lowest sample."""
    if not n_samples:
        return ""
    edges = np.linspace(0, n_samples, min(n_columns, n_samples) + 1).astype(int)[:-1]
    step = _COLUMNS / len(edges)
    high, low = np.zeros(len(edges)), np.zeros(len(edges))
    start = 0
    for block in sound:
        end = start + block.n_samples
        columns = slice(int(np.searchsorted(edges, start, "right")) - 1, int(np.searchsorted(edges, end)))
        inside = np.maximum(edges[columns] - start, 0)
        high[columns] = np.maximum(high[columns], np.maximum.reduceat(block.samples.max(axis=0), inside))
        low[columns] = np.minimum(low[columns], np.minimum.reduceat(block.samples.min(axis=0), inside))
        start = end
    above = [f"{column * step:g},{_HALF * (1 - value):.1f}" for column, value in enumerate(high)]
    below = [f"{column * step:g},{_HALF * (1 - value):.1f}" for column, value in enumerate(low)]
    return "M" + "L".join(above + below[::-1]) + "Z"


def _page(report: dict[str, Any]) -> dict[str, str]:
    timeline, totals, model = report["timeline"], report["totals"], report["model"]
    return {
        "title": escape(timeline["name"] or Path(timeline["file"]).stem),
        "model": escape(f"{model['title'] or model['name']} ({model['licence']})"),
        "preview": _preview(report["preview"]),
        "totals": escape(_totals(totals)),
        "failures": _failures(report["events"]),
        "facts": _facts(
            ("Timeline", timeline["file"]),
            ("Rate", f"{timeline['rate']['text']} frames a second"),
            ("Starts at", timeline["origin"]["text"]),
            ("Lasts", timeline["duration"]["text"]),
            ("Written", report["output"]),
            ("Model", f"{model['name']}, {model['licence']}, digest {model['digest'][:12]}"),
            ("Software", report["software"]),
        ),
        "warnings": _notes(report["warnings"]),
    }


def _failures(events: list[dict[str, Any]]) -> str:
    """Where to look first."""
    links = [
        f'<a href="#event-{event["number"]:03d}">{event["number"]:03d} {escape(event["name"])}</a>'
        for event in events
        if event["status"] == "failed"
    ]
    return f'<p class="error">Failed: {", ".join(links)}</p>' if links else ""


def _totals(totals: dict[str, Any]) -> str:
    said = [f"{totals['done']} of {totals['events']} events have sound"]
    said += [f"{totals['failed']} failed"] if totals["failed"] else []
    said += [f"{totals['skipped']} wanted none"] if totals["skipped"] else []
    said += [f"{totals['reused']} kept from an earlier run"] if totals["reused"] else []
    return ", ".join(said) + f"; {totals['seconds_of_sound']['text']} s in {totals['sounds']} files"


def _preview(preview: dict[str, Any] | None) -> str:
    if preview is None:
        return ""
    return (
        f'<figure><video controls preload="metadata" src="{_address(preview["file"])}"></video>'
        f"<figcaption>Picture: {escape(preview['picture'])}. Sound: take 1 of every layer.</figcaption>"
        f"</figure>{_notes(preview['warnings'])}"
    )


def _event(event: dict[str, Any], model: dict[str, Any], folder: Path, columns: int) -> str:
    record, media = event["record"], event["media"]
    handles = event["file_range"]
    return _template("event.html").substitute(
        number=f"{event['number']:03d}",
        name=escape(event["name"]),
        status=escape(event["status"]),
        status_text=escape(_STATUS[event["status"]]),
        span=f"{escape(record['start']['text'])} – {escape(record['end']['text'])}",
        error=f'<p class="error">{escape(event["error"])}</p>' if event["error"] else "",
        warnings=_notes(event["warnings"]),
        origin=escape(" · ".join(_origin(event, model))),
        layers="\n".join(_layer(layer, event["sounds"], folder, columns) for layer in event["layers"]),
        facts=_facts(
            ("Record", f"{record['start']['text']} – {record['end']['text']}, {record['frames']} frames"),
            ("Source", media["file"]),
            ("Reel", media["reel"]),
            (
                "Source range",
                f"{media['start']['text']} – {media['end']['text']}, {media['frames']} frames at "
                f"{media['rate']['text']} frames a second, speed {media['speed']['text']}",
            ),
            ("File range", f"{handles['start']['text']} – {handles['end']['text']}" if handles else ""),
            ("Track", event["track"]),
            ("Model", f"{model['name']}, {model['licence']}" if event["sounds"] else ""),
            ("Seed", str(event["seed"])),
            ("Quality", event["quality"]),
            ("Request", event["request_id"]),
            *((f"SHA-256, {sound['layer']} {sound['take']}", sound["sha256"]) for sound in event["sounds"]),
        ),
    )


def _origin(event: dict[str, Any], model: dict[str, Any]) -> Iterator[str]:
    media = event["media"]
    name = media["file"].replace("\\", "/").rsplit("/", 1)[-1] or "no film"
    yield f"{name} {media['start']['text']} – {media['end']['text']}"
    if media["speed"]["num"] != media["speed"]["den"]:
        yield f"speed {media['speed']['text']}"
    if event["sounds"]:
        yield f"seed {event['seed']}"
        yield model["name"]


def _layer(layer: dict[str, Any], sounds: list[dict[str, Any]], folder: Path, columns: int) -> str:
    own = [sound for sound in sounds if sound["layer"] == layer["layer"]]
    return _words(layer, _seen(own)) + "\n".join(_sound(sound, folder, columns) for sound in own)


def _seen(sounds: list[dict[str, Any]]) -> str:
    """What the model saw for a layer without cues; all its takes follow the same."""
    if not sounds or not sounds[0]["cues_seen"]:
        return ""
    times = ", ".join(escape(cue["text"]) for cue in sounds[0]["cues"])
    return f' <span class="quiet">{f"events seen at {times}" if times else "no event seen"}</span>'


def _words(layer: dict[str, Any], seen: str) -> str:
    said = f"<q>{escape(layer['prompt'])}</q>" if layer["prompt"] else "<i>no words: from the picture alone</i>"
    unwanted = f' <span class="quiet">not <q>{escape(layer["negative"])}</q></span>' if layer["negative"] else ""
    cues = ", ".join(escape(cue["text"]) for cue in layer["cues"])
    heard = f' <span class="quiet">cues at {cues}</span>' if cues else ""
    return f'<p class="words"><b>{escape(layer["layer"])}</b> {said}{unwanted}{heard}{seen}</p>'


def _sound(sound: dict[str, Any], folder: Path, columns: int) -> str:
    try:
        info = wav_info(folder / sound["file"])
        outline = waveform(wav_blocks(folder / sound["file"]), info.n_samples, columns)
    except (MediaError, NotFoundError) as error:
        return f'<p class="error">{escape(str(error))}</p>'
    loudness = "too little to measure" if sound["loudness_lufs"] is None else f"{sound['loudness_lufs']:.1f} LUFS"
    peak = "silence" if sound["peak_dbfs"] is None else f"peak {sound['peak_dbfs']:.1f} dBFS"
    return (
        f'<div class="sound"><svg viewBox="0 0 {_COLUMNS} {2 * _HALF}" preserveAspectRatio="none" role="img" '
        f'aria-label="waveform"><path d="{outline}"/></svg>'
        f'<audio controls preload="none" src="{_address(sound["file"])}"></audio>'
        f'<p class="quiet">take {sound["take"]} · {loudness} · {peak} · '
        f"{sound['n_samples']:,} samples at {info.rate_hz:,} Hz · {escape(Path(sound['file']).name)}</p>"
        "</div>"
    )


def _facts(*facts: tuple[str, str]) -> str:
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts if value)
    return f"<dl>{''.join(rows)}</dl>"


def _notes(warnings: list[str]) -> str:
    return "".join(f'<p class="note">{escape(warning)}</p>' for warning in warnings)


def _address(file: str) -> str:
    return escape(quote(file))


@cache
def _template(name: str) -> Template:
    return Template(files("v2a_otio").joinpath("templates", name).read_text(encoding="utf-8"))
