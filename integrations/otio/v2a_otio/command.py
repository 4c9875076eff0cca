"""`v2a conform`: a soundtrack for a whole timeline."""

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, cast

import typer

from v2a.errors import UsageError
from v2a.request import Quality
from v2a_plugin.options import JsonOption, ServerOption, TokenFileOption


def conform(
    timeline: Annotated[
        Path, typer.Argument(metavar="TIMELINE", help="The timeline: .otio, or what an adapter reads.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUTDIR",
            help="The folder for timeline.otio, audio/*.wav, the preview and the report. Run again into "
            "the same folder, only what is missing or has changed is made.",
        ),
    ],
    prompts: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Words for the events. Columns event, from and to, clip or reel say which; layer, preset, prompt, "
            "negative, cues and seed say what. Rows that name the event's number win over ranges, these over clips, "
            "and clips over reels. What the table leaves empty, markers say (v2a: rain; v2a-not: music; v2a-preset: "
            "rain; v2a-cue; v2a-silent; v2a-effects: a door), then metadata under 'v2a' of clip, track and "
            "timeline, then --prompt, --negative and --preset. What any of them marks silent stays silent.",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The cut's reference film, whose picture goes into the preview as it is."),
    ] = None,
    media_root: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Where to look for films by name that are not where the timeline says."),
    ] = None,
    handles: Annotated[
        str,
        typer.Option(
            metavar="T",
            help="More sound on either side, in the files only: seconds (2.5), frames (48f) or timecode; shorter "
            "where the film ends. Decide before you choose takes: other handles make other sounds.",
        ),
    ] = "5",
    source_rate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[REEL=]R",
            help="Read the films as if they ran at R frames a second: 16, 18, 200/11. With a reel's or film's name "
            "before it, those alone.",
        ),
    ] = None,
    edl_rate: Annotated[
        str | None,
        typer.Option(
            metavar="R", help="The frames a second of an EDL, which does not say it. Default: 24; 29.97 for drop-frame."
        ),
    ] = None,
    takes: Annotated[int, typer.Option(metavar="K", help="How many alternatives to make of each layer.")] = 1,
    seed: Annotated[int, typer.Option(metavar="S", help="Another seed gives another sound.")] = 0,
    quality: Annotated[str, typer.Option(metavar="preview|standard|best")] = "standard",
    prompt: Annotated[
        str, typer.Option(metavar="P", help="What should be heard where table, markers and metadata do not say it.")
    ] = "",
    negative: Annotated[
        str,
        typer.Option(metavar="N", help="What should not be heard where table, markers and metadata do not say it."),
    ] = "",
    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Ready words for what --prompt and --negative leave empty: room tone, rain, wind, sea, birds, night, "
            "fire, street, crowd, train, machine, footsteps, hooves, door.",
        ),
    ] = "",
    model: Annotated[str, typer.Option(metavar="M", help="The model; `v2a models` lists them.")] = "pocket",
    write: Annotated[
        str,
        typer.Option(
            metavar="FORMATS",
            help="Also write fcp_xml, fcpx_xml, aaf, edl, otio_resolve, mlt, divided by commas. Each says beside "
            "itself, in .losses.txt, what it lacks of timeline.otio.",
        ),
    ] = "otio",
    stems: Annotated[
        bool, typer.Option("--stems", help="Also one WAV for each reel and layer, as long as the reel's stretch.")
    ] = False,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview/--no-preview",
            help="Also make the film with the new sound. Without --picture its picture is rendered, which takes its "
            "time: hours of film are better listened to in the editor.",
        ),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made, and how long it would take; write nothing.")
    ] = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make sound for each picture clip of TIMELINE, on new tracks of a copy of it.

    Its own tracks stay as they are. An event that fails does not stop the others; the exit status is then 1, as
    it is where there is no preview.
    """
    from v2a_api.v1.generation_pb2 import PRIORITY_BATCH
    from v2a_otio.conform import conform as run
    from v2a_otio.conform import outline, prepare
    from v2a_otio.exports import chosen
    from v2a_otio.plan import Options
    from v2a_otio.printing import show
    from v2a_plugin.client import ServerChoice, connect
    from v2a_plugin.progress import ProgressBars

    options = Options(
        prompts=prompts,
        picture=picture,
        media_roots=tuple(media_root or ()),
        handles=handles,
        source_rate=_rate_of_all(source_rate or ()),
        source_rates=_rates_of_reels(source_rate or ()),
        edl_rate=_rate(edl_rate),
        takes=takes,
        seed=seed,
        quality=cast(Quality, quality),
        prompt=prompt,
        negative=negative,
        preset=preset,
        model=model,
        write=chosen(write),
        stems=stems,
        preview=preview,
    )
    prepared = prepare(timeline, options)
    if dry_run:
        report = outline(prepared, output)
    else:
        with connect(ServerChoice(server, token_file)) as client, ProgressBars(quiet=as_json) as bars:
            client.priority = PRIORITY_BATCH
            report = run(prepared, output, client, bars.job, bars.tell)
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        show(report, output)
    if report["totals"]["failed"] or (preview and report["totals"]["sounds"] and not report["preview"]):
        raise typer.Exit(1)


def _rate_of_all(texts: Sequence[str]) -> Fraction | None:
    """The rate that names no reel. Raises UsageError for two of them."""
    general = [text for text in texts if "=" not in text]
    if len(general) > 1:
        raise UsageError(
            f"--source-rate says two rates for all films ({', '.join(general)}): name a reel, R1={general[1]}"
        )
    return _rate(general[0]) if general else None


def _rates_of_reels(texts: Sequence[str]) -> tuple[tuple[str, Fraction], ...]:
    """(reel, rate) of each that names a reel, the last for a reel said twice."""
    rates = {}
    for text in texts:
        reel, equals, rate = text.rpartition("=")
        if equals:
            if not reel.strip():
                raise UsageError(f"--source-rate '{text}' names no reel: write R1=18")
            rates[reel.strip()] = cast(Fraction, _rate(rate))
    return tuple(rates.items())


def _rate(text: str | None) -> Fraction | None:
    from v2a_otio.times import exact_rate

    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 1000:
        raise UsageError(f"'{text}' is no frame rate: write 18, 16.67 or 24000/1001")
    # 23.976 and 29.97 mean what they mean in a timeline.
    return rate if "/" in text else exact_rate(float(rate))
