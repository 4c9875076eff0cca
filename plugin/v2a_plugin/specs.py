"""Requests on the wire, made from the values of `v2a.request`, which refuse bad input."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from v2a.errors import UsageError
from v2a.media import source_digest
from v2a.request import Clip, Cue, Delivery, Layer, Piece, Request, Sampling
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import models_pb2, time_pb2

_INT64_MAX = 2**63 - 1


def rational(value: Fraction) -> time_pb2.Rational:
    """An exact number for the wire. Raises UsageError where it does not fit into 64 bits."""
    if max(abs(value.numerator), value.denominator) > _INT64_MAX:
        raise UsageError(f"a time near {float(value):g} has too many decimals: leave some out")
    return time_pb2.Rational(num=value.numerator, den=value.denominator)


def fraction(value: time_pb2.Rational) -> Fraction:
    """An exact number from the wire. Raises ValueError for an empty one."""
    if value.den <= 0:
        raise ValueError(f"not a number: {value.num}/{value.den}")
    return Fraction(value.num, value.den)


def cues_of(take: pb.Take) -> tuple[Cue, ...]:
    """The cues that a finished take follows, as they would be given. Raises ValueError, UsageError."""
    return tuple(Cue(fraction(cue.time), cue.strength if cue.HasField("strength") else 1.0) for cue in take.cues)


def clip_spec(path: Path, pieces: Sequence[Piece], source_rate: Fraction | None = None) -> pb.Clip:
    """A film's pieces for the wire, with the digest of the source range that they show.

    source_rate: frames a second to read the film at instead of its own.

    Raises UsageError for pieces that do not follow each other, MediaError and NotFoundError for the film.
    """
    times_s = [time_s for piece in pieces for time_s in (piece.source_start_s, piece.source_end_s)]
    if not times_s:
        raise UsageError("a clip needs at least one piece")
    clip = Clip(source_digest(path, min(times_s), max(times_s), source_rate), tuple(pieces))
    return pb.Clip(
        source_digest=clip.source_digest,
        pieces=[_piece_spec(piece) for piece in clip.pieces],
        source_rate=None if source_rate is None else rational(source_rate),
    )


def generation_spec(
    clip: pb.Clip, model: models_pb2.Model, layers: Sequence[Layer], sampling: Sampling, delivery: Delivery
) -> pb.GenerationSpec:
    """Everything that decides the sound, for the wire.

    Raises UsageError where the request is wrong in itself or the model does not make one of its layers.
    """
    request = Request(
        clip=Clip(clip.source_digest, tuple(_piece(piece) for piece in clip.pieces)),
        model=model.name,
        model_digest=model.digest,
        layers=tuple(layers),
        sampling=sampling,
        delivery=delivery,
    )
    for layer in request.layers:
        if layer.name not in model.layers:
            raise UsageError(
                f"model '{model.name}' makes no {layer.name}: choose from {', '.join(model.layers)}, or another model"
            )
    return pb.GenerationSpec(
        clip=clip,
        model=request.model,
        model_digest=request.model_digest,
        layers=[_layer_spec(layer) for layer in request.layers],
        sampling=pb.Sampling(
            seed=sampling.seed,
            takes=sampling.takes,
            quality=sampling.quality,
            steps=sampling.steps,
            guidance=sampling.guidance,
        ),
        delivery=pb.Delivery(
            rate_hz=delivery.rate_hz,
            bit_depth=delivery.bit_depth,
            channels=delivery.channels,
            timecode_origin=rational(delivery.timecode_origin_s),
            description=delivery.description,
            loudness_lufs=delivery.loudness_lufs,
        ),
    )


def _piece_spec(piece: Piece) -> pb.Piece:
    return pb.Piece(
        source_start=rational(piece.source_start_s),
        source_end=rational(piece.source_end_s),
        presented_start=rational(piece.presented_start_s),
        presented_end=rational(piece.presented_end_s),
    )


def _piece(piece: pb.Piece) -> Piece:
    return Piece(
        source_start_s=fraction(piece.source_start),
        source_end_s=fraction(piece.source_end),
        presented_start_s=fraction(piece.presented_start),
        presented_end_s=fraction(piece.presented_end),
    )


def _layer_spec(layer: Layer) -> pb.Layer:
    return pb.Layer(
        name=layer.name,
        prompt=layer.prompt,
        negative_prompt=layer.negative_prompt,
        cues=[pb.Cue(time=rational(cue.time_s), strength=cue.strength) for cue in layer.cues],
        transcript=layer.transcript,
    )
