"""Between the wire's messages and the values of `v2a`. Nothing else unpacks a spec."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, cast

from v2a.cards import ModelCard
from v2a.errors import UsageError
from v2a.request import Clip, Cue, Delivery, Layer, LayerName, Piece, Quality, Request, Sampling
from v2a_api.v1 import generation_pb2, models_pb2, time_pb2

_MAX_DESCRIPTION_CHARS = 256


def request_from_proto(spec: generation_pb2.GenerationSpec) -> Request:
    """A spec as a checked value. Raises UsageError that names what is wrong."""
    if not spec.HasField("clip"):
        raise UsageError("the request names no clip")
    if not spec.model:
        raise UsageError("the request names no model")
    if not spec.HasField("sampling"):
        raise UsageError("the request says nothing about sampling; at least takes is needed")
    return Request(
        clip=Clip(
            source_digest=spec.clip.source_digest,
            pieces=tuple(_piece(piece) for piece in spec.clip.pieces),
        ),
        model=spec.model,
        model_digest=spec.model_digest,
        layers=tuple(_layer(layer) for layer in spec.layers) or (Layer(),),
        sampling=_sampling(spec.sampling),
        delivery=_delivery(spec.delivery),
    )


def source_rate_from_proto(clip: generation_pb2.Clip) -> Fraction | None:
    """The frame rate to read the film at, frames a second; None for the film's own. Raises UsageError."""
    if not clip.HasField("source_rate"):
        return None
    rate = fraction(clip.source_rate, "source_rate")
    if rate <= 0:
        raise UsageError(f"source_rate must be positive, got {rate}")
    return rate


def fraction(value: time_pb2.Rational, what: str) -> Fraction:
    """An exact number from the wire. what: the field's name, for the message of the UsageError."""
    if value.den <= 0:
        raise UsageError(f"{what} is missing, or its denominator is not positive")
    return Fraction(value.num, value.den)


def rational(value: Fraction) -> time_pb2.Rational:
    """An exact number for the wire."""
    return time_pb2.Rational(num=value.numerator, den=value.denominator)


def cue_to_proto(cue: Cue) -> generation_pb2.Cue:
    """A cue as clients see it."""
    return generation_pb2.Cue(time=rational(cue.time_s), strength=cue.strength)


def model_to_proto(card: ModelCard) -> models_pb2.Model:
    """A model card as clients see it."""
    return models_pb2.Model(
        name=card.name,
        title=card.title,
        description=card.description,
        licence=card.licence,
        commercial_use=card.commercial_use,
        digest=card.digest,
        layers=card.layers,
        frame_rate=rational(card.frame_rate),
        sample_rate_hz=card.sample_rate_hz,
        channels=card.channels,
        window=rational(card.token_s(card.window_tokens)),
    )


def source_range(pieces: Sequence[Piece]) -> tuple[Fraction, Fraction]:
    """The stretch of source, in seconds, that a clip's pieces show."""
    times_s = [time_s for piece in pieces for time_s in (piece.source_start_s, piece.source_end_s)]
    return min(times_s), max(times_s)


def _piece(piece: generation_pb2.Piece) -> Piece:
    return Piece(
        source_start_s=fraction(piece.source_start, "source_start"),
        source_end_s=fraction(piece.source_end, "source_end"),
        presented_start_s=fraction(piece.presented_start, "presented_start"),
        presented_end_s=fraction(piece.presented_end, "presented_end"),
    )


def _layer(layer: generation_pb2.Layer) -> Layer:
    return Layer(
        name=cast(LayerName, layer.name or "mix"),  # Layer refuses any other name
        prompt=layer.prompt,
        negative_prompt=layer.negative_prompt,
        cues=tuple(_cue(cue) for cue in layer.cues),
        transcript=layer.transcript,
    )


def _cue(cue: generation_pb2.Cue) -> Cue:
    return Cue(time_s=fraction(cue.time, "a cue's time"), strength=cue.strength if cue.HasField("strength") else 1.0)


def _sampling(sampling: generation_pb2.Sampling) -> Sampling:
    return Sampling(
        seed=sampling.seed,
        takes=sampling.takes,
        quality=cast(Quality, sampling.quality or "standard"),
        steps=sampling.steps,
        guidance=sampling.guidance,
    )


def _delivery(delivery: generation_pb2.Delivery) -> Delivery:
    if len(delivery.description) > _MAX_DESCRIPTION_CHARS or not delivery.description.isascii():
        raise UsageError(f"a description has at most {_MAX_DESCRIPTION_CHARS} ASCII characters")
    origin = delivery.timecode_origin
    return Delivery(
        rate_hz=delivery.rate_hz or 48_000,
        bit_depth=cast(Literal[16, 24], delivery.bit_depth or 24),
        channels=delivery.channels or 1,
        timecode_origin_s=(
            fraction(origin, "timecode_origin") if delivery.HasField("timecode_origin") else Fraction(0)
        ),
        description=delivery.description,
        loudness_lufs=delivery.loudness_lufs if delivery.HasField("loudness_lufs") else None,
    )
