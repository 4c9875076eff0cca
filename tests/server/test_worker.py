"""`v2a serve` as it is installed: the real command, worker, model and media."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import grpc
import numpy as np
import pytest

from tests.server.running import refusal
from v2a.cards import card
from v2a.delivery import read_bext, read_ixml, read_wav, wav_info
from v2a.media import source_digest
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import generation_pb2_grpc, time_pb2

# Loading torch and the model takes seconds on a busy machine.
_DEADLINE_S = 120.0
_COMMAND = [sys.executable, "-c", "import typer; from v2a_server.command import serve; typer.run(serve)"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, make_film: Callable[..., Path]) -> Path:
    return make_film(tmp_path_factory.mktemp("films") / "film.mp4", rate=Fraction(25), n_frames=50)


@pytest.fixture(scope="module")
def generation(
    film: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[generation_pb2_grpc.GenerationServiceStub]:
    with served(tmp_path_factory.mktemp("served"), "--root", str(film.parent)) as service:
        yield service


@contextmanager
def served(folder: Path, *options: str) -> Iterator[generation_pb2_grpc.GenerationServiceStub]:
    where = ["--listen", "127.0.0.1:0", "--store", str(folder / "store")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*_COMMAND, *where, *options], stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    with process.stdout as stdout:
        said, _, address = stdout.readline().strip().rpartition(" ")
    assert said == "listening on", (folder / "log").read_text()
    with grpc.insecure_channel(address) as channel:
        yield generation_pb2_grpc.GenerationServiceStub(channel)
    process.terminate()
    assert process.wait(_DEADLINE_S) == 0


def events(
    service: generation_pb2_grpc.GenerationServiceStub, request_id: str, spec: pb.GenerationSpec
) -> Iterator[pb.GenerationEvent]:
    service.CreateGeneration(pb.CreateGenerationRequest(request_id=request_id, spec=spec), timeout=_DEADLINE_S)
    yield from service.WatchGeneration(pb.WatchGenerationRequest(request_id=request_id), timeout=_DEADLINE_S)


def finish(
    service: generation_pb2_grpc.GenerationServiceStub, request_id: str, spec: pb.GenerationSpec
) -> pb.Generation:
    for _ in events(service, request_id, spec):
        pass
    return service.GetGeneration(pb.GetGenerationRequest(request_id=request_id), timeout=_DEADLINE_S)


def spec_of(film: Path) -> pb.GenerationSpec:
    second, start = time_pb2.Rational(num=1, den=1), time_pb2.Rational(num=0, den=1)
    cue = pb.Cue(time=time_pb2.Rational(num=1, den=2), strength=0.75)
    return pb.GenerationSpec(
        clip=pb.Clip(
            path=str(film),
            source_digest=source_digest(film, Fraction(0), Fraction(1)),
            pieces=[pb.Piece(source_start=start, source_end=second, presented_start=start, presented_end=second)],
        ),
        model="pocket",
        model_digest=card("pocket").digest,
        layers=[pb.Layer(name="effects", prompt="rain", cues=[cue])],
        sampling=pb.Sampling(seed=7, takes=2, steps=1),
        delivery=pb.Delivery(timecode_origin=time_pb2.Rational(num=10, den=1)),
    )


def test_takes_of_a_real_film(
    generation: generation_pb2_grpc.GenerationServiceStub, film: Path, tmp_path: Path
) -> None:
    done = finish(generation, "real", spec_of(film))
    assert done.state == pb.STATE_SUCCEEDED, done.error
    assert [(take.layer, take.index) for take in done.takes] == [("effects", 0), ("effects", 1)]
    assert done.takes[0].sha256 != done.takes[1].sha256
    assert all(list(take.cues) == list(done.spec.layers[0].cues) and not take.cues_seen for take in done.takes)
    for take in done.takes:
        request = pb.ReadTakeRequest(request_id="real", layer=take.layer, index=take.index)
        wav = b"".join(chunk.data for chunk in generation.ReadTake(request, timeout=_DEADLINE_S))
        assert hashlib.sha256(wav).hexdigest() == take.sha256
        path = tmp_path / f"{take.index}.wav"
        path.write_bytes(wav)
        info = wav_info(path)
        assert (info.rate_hz, info.channels, info.n_samples, info.bit_depth) == (48_000, 1, 48_000, 24)
        bext = read_bext(path)
        assert bext is not None
        assert bext.time_reference == 480_000
    # Made once more, when nothing is left of it but what was seen of the film, it is the same sound.
    generation.DeleteGeneration(pb.DeleteGenerationRequest(request_id="real"), timeout=_DEADLINE_S)
    told = list(events(generation, "real-again", spec_of(film)))
    stages = {event.progress.stage for event in told if event.HasField("progress")}
    assert "encoding" not in stages
    assert [event.take.sha256 for event in told if event.HasField("take")] == [take.sha256 for take in done.takes]


def test_what_a_take_follows_can_be_asked_for(
    generation: generation_pb2_grpc.GenerationServiceStub, film: Path
) -> None:
    spec = spec_of(film)
    spec.layers[0].ClearField("cues")
    seen = finish(generation, "seen", spec).takes[0]
    assert seen.cues_seen
    spec.layers[0].cues.extend(seen.cues)
    given = finish(generation, "given", spec).takes[0]
    assert list(given.cues) == list(seen.cues)
    assert given.sha256 == seen.sha256


def test_the_beginning_of_a_long_take_is_heard_while_the_rest_is_made(
    generation: generation_pb2_grpc.GenerationServiceStub, make_film: Callable[..., Path], film: Path, tmp_path: Path
) -> None:
    path = make_film(film.with_name("long.mp4"), rate=Fraction(5), n_frames=205)
    spec = spec_of(film)
    spec.clip.path = str(path)
    spec.clip.source_digest = source_digest(path, Fraction(0), Fraction(40))
    piece = spec.clip.pieces[0]
    for end in (piece.source_end, piece.presented_end):
        end.num = 40
    spec.sampling.takes = 1
    heard, seen = b"", []
    for event in events(generation, "long", spec):
        if event.HasField("growing") and not heard:
            seen.append(event.growing)
            request = pb.ReadTakeRequest(request_id="long", layer="effects", growing=True)
            chunks = generation.ReadTake(request, timeout=_DEADLINE_S)
            heard = next(chunks).data
            assert state_of(generation, "long") == pb.STATE_RUNNING
            *rest, last = chunks
            heard += b"".join(chunk.data for chunk in rest)
    assert 0 < seen[0].n_samples_ready < seen[0].n_samples == 40 * 48_000
    (tmp_path / "growing.wav").write_bytes(heard)
    read = generation.ReadTake(pb.ReadTakeRequest(request_id="long", layer="effects"), timeout=_DEADLINE_S)
    (tmp_path / "final.wav").write_bytes(b"".join(chunk.data for chunk in read))
    assert hashlib.sha256((tmp_path / "final.wav").read_bytes()).hexdigest() == last.take.sha256
    np.testing.assert_array_equal(read_wav(tmp_path / "growing.wav").samples, read_wav(tmp_path / "final.wav").samples)


def state_of(service: generation_pb2_grpc.GenerationServiceStub, request_id: str) -> "pb.State.ValueType":
    return service.GetGeneration(pb.GetGenerationRequest(request_id=request_id), timeout=_DEADLINE_S).state


def test_a_second_family_is_served_as_the_first_is(film: Path, tmp_path: Path) -> None:
    """Reduced in width, and with weights at random; at 16 kHz, in windows that it pads, both takes in one pass."""
    spec = spec_of(film)
    spec.model = "mmaudio-tiny-16k=random"
    spec.model_digest = card(spec.model).digest
    spec.layers[0].name = "mix"
    options = ("--root", str(film.parent), "--model", spec.model, "--precision", "float32")
    with served(tmp_path, *options) as service:
        first = finish(service, "first", spec)
        assert first.state == pb.STATE_SUCCEEDED, first.error
        (warning,) = first.warnings
        assert "cannot be given cues" in warning
        assert len({take.sha256 for take in first.takes}) == 2
        assert [(take.n_samples, take.rate_hz) for take in first.takes] == [(48_000, 48_000)] * 2
        read = service.ReadTake(pb.ReadTakeRequest(request_id="first", layer="mix", index=1), timeout=_DEADLINE_S)
        path = tmp_path / "take.wav"
        path.write_bytes(b"".join(chunk.data for chunk in read))
        assert read_wav(path).samples.any()
        assert "computed in float32" in str(read_ixml(path))
        service.DeleteGeneration(pb.DeleteGenerationRequest(request_id="first"), timeout=_DEADLINE_S)
        again = finish(service, "again", spec)
        assert [take.sha256 for take in again.takes] == [take.sha256 for take in first.takes]


def test_a_model_that_cannot_be_served_is_named_at_once(tmp_path: Path) -> None:
    command = [*_COMMAND, "--store", str(tmp_path / "store"), "--model", "mmaudio=random"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    assert said.returncode != 0
    assert "no published model is named 'mmaudio'" in said.stderr


def test_films_that_cannot_be_used(
    generation: generation_pb2_grpc.GenerationServiceStub, film: Path, make_film: Callable[..., Path]
) -> None:
    spec = spec_of(film)
    spec.clip.source_digest = "0" * 64
    changed = finish(generation, "changed", spec)
    assert (changed.state, changed.error_kind) == (pb.STATE_FAILED, "ConflictError")
    assert "the film has changed" in changed.error

    spec.clip.path = str(film.with_name("words.mp4"))
    Path(spec.clip.path).write_text("these are words" * 1_000)
    words = finish(generation, "words", spec)
    assert (words.state, words.error_kind) == (pb.STATE_FAILED, "MediaError")
    assert "Traceback" not in words.error

    spec.model_digest = "0" * 64
    code, _ = refusal(lambda: finish(generation, "other-model", spec))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
