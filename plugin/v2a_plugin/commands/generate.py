"""`v2a generate`: a soundtrack for one clip."""

import json
import logging
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from v2a.errors import GenerationError, NotFoundError, UsageError
from v2a.request import MAX_TRANSCRIPT_CHARS, Cue, Delivery, Layer, LayerName, Piece, Quality, Sampling
from v2a_plugin.options import JsonOption, ServerOption, TokenFileOption
from v2a_plugin.outputs import check_outputs, result_path
from v2a_plugin.prompts import parse_cue
from v2a_plugin.timeline import Range, parse_time
from v2a_plugin.words import layer_name

if TYPE_CHECKING:
    from v2a.media import VideoInfo
    from v2a_api.v1 import generation_pb2 as pb

_logger = logging.getLogger(__name__)

_TIME = "T"
_PIPE = Path("-")


def generate(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="The film.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT.wav",
            help="The sound file; default: CLIP's name with .wav in this folder. Several results become "
            "OUT[.LAYER][.takeN].wav. What exists is replaced. `-` writes a single take to a pipe while it is made.",
        ),
    ] = None,
    mux: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.mp4",
            help="Also write the whole film with the new sound in place of its own, which is left out even where "
            "a range is asked for; the picture is copied, subtitles are not. Several layers are mixed. Wants a "
            "single take.",
        ),
    ] = None,
    mux_keep: Annotated[
        bool, typer.Option("--mux-keep", help="With --mux: keep the film's own sound as a further track.")
    ] = False,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="P", help="What should be heard; short for --layer mix=P. May be left out."),
    ] = None,
    negative: Annotated[str, typer.Option(metavar="N", help="What should not be heard, in any layer.")] = "",
    cue: Annotated[
        list[str] | None,
        typer.Option(
            metavar="T[@S]",
            help="Something sounds at this time, counted as --start is, with strength S (0 to 1). May be repeated. "
            "Without any, mix and effects follow what is seen to happen.",
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=P",
            help="A layer with its own prompt and file: mix, effects, ambience, music, dialogue. May be repeated.",
        ),
    ] = None,
    transcript: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Text to be spoken, UTF-8, for models that can speak.")
    ] = None,
    start: Annotated[
        str,
        typer.Option(
            metavar=_TIME,
            help="Where to begin, from the film's first frame: seconds (12.5), frames (120f) or timecode "
            "(00:00:12:12). Exact, never moved to a frame.",
        ),
    ] = "0",
    duration: Annotated[str | None, typer.Option(metavar=_TIME, help="How long; default: to the film's end.")] = None,
    takes: Annotated[int, typer.Option(metavar="K", help="How many alternatives to make of each layer.")] = 1,
    seed: Annotated[int, typer.Option(metavar="S", help="Another seed gives another sound.")] = 0,
    steps: Annotated[int, typer.Option(metavar="N", help="Solver steps; 0: what the quality says.")] = 0,
    guidance: Annotated[
        float,
        typer.Option(metavar="G", help="How closely to follow picture and words; 0: what the quality says."),
    ] = 0.0,
    quality: Annotated[str, typer.Option(metavar="preview|standard|best")] = "standard",
    model: Annotated[str, typer.Option(metavar="M", help="The model; `v2a models` lists them.")] = "pocket",
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a soundtrack for CLIP, or for a range of it.

    Without --prompt the sound is made from the pictures alone. The same command gives the same sound again.
    """
    from v2a.media import probe
    from v2a_plugin.client import ServerChoice, connect
    from v2a_plugin.facts import take_facts
    from v2a_plugin.progress import ProgressBars
    from v2a_plugin.specs import clip_spec, generation_spec

    # Everything that costs little is checked before a server is asked, or started.
    if mux_keep and mux is None:
        raise UsageError("--mux-keep says what --mux is to do: give --mux as well")
    sampling = Sampling(seed, takes, cast(Quality, quality), steps, guidance)
    spoken = _read_transcript(transcript)
    prompts = _prompts(prompt, layer or [])
    film = probe(clip)
    span = _span(film, start, duration)
    cues = tuple(_cue(text, film, span) for text in cue or [])
    layers = [Layer(name, words, negative, cues, spoken) for name, words in prompts.items()]
    first = output or Path(clip.stem + ".wav")
    pipe = _pipe(mux, layers, takes, as_json=as_json) if first == _PIPE else None
    if pipe is None:
        check_outputs(_outputs(first, mux, layers, takes), inputs=[clip])
    shown = clip_spec(clip, [Piece(span.start_s, span.end_s, span.start_s, span.end_s)])

    with connect(ServerChoice(server, token_file)) as client, ProgressBars(quiet=as_json) as bars:
        chosen = client.model(model)
        delivery = Delivery(channels=min(chosen.channels, 2), timecode_origin_s=_timecode_origin(film))
        spec = generation_spec(shown, chosen, layers, sampling, delivery)
        client.use_source(spec.clip, clip)
        job = client.generate(spec, bars.job(clip.name), pipe)
        written = [
            (result_path(first, name, index, n_layers=len(layers), n_takes=takes), _take(job, name, index))
            for name in prompts
            for index in range(takes)
        ]
        for path, take in written:
            if pipe is None:
                client.fetch(job.request_id, take, path)
    warnings = list(job.warnings)
    if mux is not None:
        from v2a_plugin.mixing import add_sound

        warnings += add_sound(clip, [path for path, _ in written], mux, keep_sound=mux_keep, at_s=span.start_s)
    report = {
        "clip": str(clip),
        "start_s": str(span.start_s),
        "end_s": str(span.end_s),
        "model": {"name": chosen.name, "licence": chosen.licence, "digest": chosen.digest},
        "seed": seed,
        "request_id": job.request_id,
        "files": [take_facts(take, path) for path, take in written],
        "mux": None if mux is None else str(mux),
        "warnings": warnings,
    }
    _print(report, as_json=as_json, to_stderr=pipe is not None)


def _pipe(mux: Path | None, layers: Sequence[Layer], takes: int, *, as_json: bool) -> BinaryIO:
    """Standard output, for a sound that is heard while it is made."""
    if mux is not None or as_json or takes > 1 or len(layers) > 1:
        raise UsageError("-o - writes one take of one layer, and nothing else, to a pipe: leave out the rest")
    if sys.stdout.isatty():
        raise UsageError("-o - writes a WAV to a pipe, and this is a terminal: let a player follow, as in | ffplay -")
    return sys.stdout.buffer


def _read_transcript(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_TRANSCRIPT_CHARS + 1).strip()
    except FileNotFoundError:
        raise NotFoundError(f"no transcript {path}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the transcript {path} is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"the transcript {path} cannot be read: {error.strerror or error}") from None


def _prompts(prompt: str | None, layers: Sequence[str]) -> dict[LayerName, str]:
    """The prompt of each layer. Without any there is one layer, the mix."""
    prompts: dict[LayerName, str] = {}
    if prompt is not None or not layers:
        prompts["mix"] = prompt or ""
    for text in layers:
        name, _, words = text.partition("=")
        layer = layer_name(name)
        if layer in prompts:
            raise UsageError(f"layer named twice: {layer}")
        prompts[layer] = words
    return prompts


def _span(film: "VideoInfo", start: str, duration: str | None) -> Range:
    start_s = parse_time(start, film.rate)
    length = f"{film.path.name} is {float(film.duration_s):g} s long"
    if start_s >= film.duration_s:
        raise UsageError(f"the range starts at {float(start_s):g} s, and {length}")
    end_s = film.duration_s if duration is None else start_s + parse_time(duration, film.rate)
    if end_s > film.duration_s:
        raise UsageError(f"the range ends at {float(end_s):g} s, and {length}")
    return Range(start_s, end_s)


def _cue(text: str, film: "VideoInfo", span: Range) -> Cue:
    cue = parse_cue(text, film.rate)
    if not span.start_s <= cue.time_s < span.end_s:
        raise UsageError(
            f"the cue at {float(cue.time_s):g} s lies outside the range, "
            f"{float(span.start_s):g} to {float(span.end_s):g} s"
        )
    return cue


def _outputs(first: Path, mux: Path | None, layers: Sequence[Layer], takes: int) -> list[Path]:
    from v2a.media import FILM_SUFFIXES

    if first.suffix.lower() != ".wav":
        raise UsageError(f"the sound is written as WAV: let the name {first} end in .wav")
    if mux is not None and takes > 1:
        raise UsageError("--mux wants a single take: leave out --takes, or --mux")
    if mux is not None and mux.suffix.lower() not in FILM_SUFFIXES:
        raise UsageError(f"{mux}: a film is written as {', '.join(FILM_SUFFIXES)}: choose one of these endings")
    sounds = [
        result_path(first, layer.name, take, n_layers=len(layers), n_takes=takes)
        for layer in layers
        for take in range(takes)
    ]
    return sounds if mux is None else [*sounds, mux]


def _timecode_origin(film: "VideoInfo") -> Fraction:
    """The timecode of the film's first frame, in seconds; 0 where the film says none that can be read."""
    try:
        return parse_time(film.timecode, film.rate) if film.timecode else Fraction(0)
    except UsageError as error:
        _logger.warning("the film's own start timecode is passed over: %s", error)
        return Fraction(0)


def _take(job: "pb.Generation", layer: str, index: int) -> "pb.Take":
    for take in job.takes:
        if (take.layer, take.index) == (layer, index):
            return take
    raise GenerationError(f"the server made no take {index + 1} of layer '{layer}': look at its log")


def _print(report: dict[str, Any], *, as_json: bool, to_stderr: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    for warning in report["warnings"]:
        typer.echo(f"v2a: warning: {warning}", err=True)
    for file in report["files"]:
        loudness = "too short or quiet to measure" if file["loudness_lufs"] is None else f"{file['loudness_lufs']} LUFS"
        typer.echo(
            f"{file['path']}: {file['layer']}, take {file['take']}, "
            f"{file['n_samples'] / file['rate_hz']:.3f} s, {loudness}",
            err=to_stderr,
        )
    if report["mux"] is not None:
        typer.echo(f"{report['mux']}: the film with this sound")
    typer.echo(
        f"made by {report['model']['name']} ({report['model']['licence']}), seed {report['seed']}", err=to_stderr
    )
