"""Every fixture file of a folder against the networks of this project, in float32 on the CPU.

Absolute error is max|made − expected|; relative error is that divided by max|expected|.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar, cast

import torch
from einops import rearrange
from torch import Tensor, nn

from benchmarks.mmaudio.fixtures import Fixture, read
from v2a.errors import UsageError
from v2a.models.base import Model
from v2a.models.mmaudio.flow import FlowConditions, FlowTransformer, Lengths
from v2a.models.mmaudio.frames import centre, squashed
from v2a.models.mmaudio.mel import Mel
from v2a.models.mmaudio.synchformer import Synchformer
from v2a.models.mmaudio.vae import Vae
from v2a.models.mmaudio.variants import MEL_16K, MEL_44K, FlowConfig, SyncConfig, VaeConfig, VocoderConfig
from v2a.models.mmaudio.vocoder import Vocoder, folded
from v2a.models.mmaudio.weights import load_strictly
from v2a.sampling import euler, guided, linear_times

ONE_PASS = 1e-5  # relative errors
OTHERS = 1e-4
GREY_LEVELS = 1  # absolute error of pictures

_SAMPLED = re.compile(
    r"euler(?P<steps>\d+)_cfg(?P<guidance>[\d.]+)_(?P<text>null|negative)_text(?P<raw>_unnormalised)?"
)

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Check:
    """One output. limit: of the relative error, or of the absolute one where `absolute` is set."""

    output: str
    made: Tensor
    expected: Tensor
    limit: float
    absolute: bool = False

    @property
    def errors(self) -> tuple[float, float]:
        """The largest absolute and relative error; infinite where shapes differ or something is no number."""
        if self.made.shape != self.expected.shape:
            return float("inf"), float("inf")
        made, expected = self.made.double(), self.expected.double()
        far = float((made - expected).abs().max().nan_to_num(float("inf")))
        return far, far / float(expected.abs().max())

    @property
    def met(self) -> bool:
        """Whether it is as near as it must be."""
        return self.errors[not self.absolute] <= self.limit


def run(folder: Path) -> int:
    """Print a table as Markdown; 0 where all is met."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UsageError(f"no .safetensors files in {folder}: give the folder of fixtures")
    print("| file | output | largest absolute error | relative error | wanted | |\n|---|---|---|---|---|---|")
    missed = 0
    for path in files:
        for check in checks(path):
            far, share = check.errors
            wanted = f"absolute ≤ {check.limit:g}" if check.absolute else f"relative ≤ {check.limit:g}"
            mark = "met" if check.met else "**missed**"
            missed += not check.met
            print(f"| {path.stem} | {check.output} | {far:.2g} | {share:.2g} | {wanted} | {mark} |", flush=True)
    return min(missed, 1)


def checks(path: Path) -> Iterator[Check]:
    """All outputs of a file; what it is a fixture of is told by the names of its inputs.

    Raises UsageError for a file of none of them.
    """
    fixture = read(path)
    compare = next((compare for tells, compare in _KINDS if tells(fixture)), None)
    if compare is None:
        raise UsageError(f"{path} is a fixture of nothing that is known here: it holds {', '.join(sorted(fixture.io))}")
    try:
        with torch.inference_mode():
            yield from compare(fixture)
    except KeyError as error:
        raise UsageError(f"{path} says nothing of {error}: its metadata or its tensors lack it") from error


def flow_of(fixture: Fixture) -> tuple[FlowTransformer, Lengths]:
    """The transformer of a file, loaded, and its lengths."""
    facts = fixture.facts
    config = FlowConfig(
        width=facts["hidden_dim"],
        heads=facts["num_heads"],
        depth=facts["depth"],
        fused_depth=facts["fused_depth"],
        latent_dim=facts["latent_dim"],
        v2=facts["v2"],
        clip_dim=facts["clip_dim"],
        sync_dim=facts["sync_dim"],
        text_dim=facts["text_dim"],
        text_tokens=facts["text_seq_len"],
    )
    flow = _loaded(lambda: FlowTransformer(config).for_inference(torch.float32), fixture.weights, "the transformer")
    return flow, Lengths(facts["latent_seq_len"], facts["clip_seq_len"], facts["sync_seq_len"])


def _flow(fixture: Fixture) -> Iterator[Check]:
    flow, lengths = flow_of(fixture)
    io = fixture.io
    given = flow.prepare(io["clip"], io["sync"], io["text"], lengths)
    yield Check("flow", flow(io["latent"], io["t"], given), io["flow"], ONE_PASS)
    sampled: dict[tuple[int, float, str], Tensor] = {}
    for output, expected in io.items():
        asked = _SAMPLED.fullmatch(output)
        if asked is None:
            continue
        how = int(asked["steps"]), float(asked["guidance"]), asked["text"]
        if how not in sampled:
            null = flow.empty_string_feat.expand_as(io["text"])
            opposite = flow.prepare(None, None, io["negative_text"] if how[2] == "negative" else null, lengths)
            velocity = guided(cast(Model, FlowAlone(flow)), given, opposite, how[1])
            sampled[how] = euler(velocity, io["latent"], linear_times(how[0]), lambda: None)
        made = flow.denormalised(sampled[how]) if asked["raw"] else sampled[how]
        yield Check(output, made, expected, OTHERS)


@dataclass(frozen=True)
class FlowAlone:
    """The flow as the sampler sees it, without the rest of a model."""

    flow: FlowTransformer

    card = SimpleNamespace(guided_until=1.0, guidance_rescale=0.0)

    def velocity(self, x: Tensor, t: Tensor, conditions: FlowConditions) -> Tensor:
        """See Model.velocity."""
        out: Tensor = self.flow(x, t, conditions)
        return out


def _vae(fixture: Fixture) -> Iterator[Check]:
    facts, io = fixture.facts, fixture.io
    config = VaeConfig(facts["data_dim"], facts["embed_dim"], facts["hidden_dim"])
    vae = _loaded(lambda: Vae(config), fixture.weights, "the VAE").for_inference(torch.float32, encodes=True)
    yield Check("mel", vae.decode(rearrange(io["latent"], "b c l -> b l c")), io["mel"], OTHERS)
    for made, output in zip(vae.encode(io["encode_in"]), ("encode_mean", "encode_std"), strict=True):
        yield Check(output, rearrange(made, "b l c -> b c l"), io[output], OTHERS)


def _vocoder(fixture: Fixture) -> Iterator[Check]:
    facts = fixture.facts
    config = VocoderConfig(
        facts["num_mels"],
        facts["upsample_initial_channel"],
        tuple(facts["upsample_rates"]),
        tuple(facts["upsample_kernel_sizes"]),
        tuple(facts["resblock_kernel_sizes"]),
        tuple(tuple(dilations) for dilations in facts["resblock_dilation_sizes"]),
        tanh=facts.get("use_tanh_at_final", True),
        final_bias=facts.get("use_bias_at_final", True),
    )
    vocoder = _loaded(lambda: Vocoder(config), folded(fixture.weights), "the vocoder").eval()
    yield Check("waveform", vocoder(fixture.io["log_mel"]), fixture.io["waveform"], OTHERS)


def _mel(fixture: Fixture) -> Iterator[Check]:
    config = {"16k": MEL_16K, "44k": MEL_44K}[fixture.facts["mode"]]
    yield Check("log_mel", Mel(config)(fixture.io["waveform"]), fixture.io["log_mel"], OTHERS)


def _synchformer(fixture: Fixture) -> Iterator[Check]:
    facts = fixture.facts
    config = SyncConfig(
        facts["embed_dim"], facts["depth"], facts["num_heads"], facts["patch"], facts["tubelet"], facts["crop"]
    )
    network = _loaded(lambda: Synchformer(config), fixture.weights, "Synchformer").eval()
    segments = fixture.io["segments_uint8"]
    made = network(rearrange(segments, "b s t c h w -> (b s) t c h w") / 127.5 - 1)
    yield Check("tokens", rearrange(made, "(b s) t d -> b s t d", b=len(segments)), fixture.io["tokens"], OTHERS)


def _frames(fixture: Fixture) -> Iterator[Check]:
    pictures = rearrange(fixture.io["frames_uint8"], "t c h w -> t h w c").contiguous()
    for output, made in (("clip_384_uint8", squashed(pictures, 384)), ("sync_224_uint8", centre(pictures, 224))):
        yield Check(output, made, fixture.io[output], GREY_LEVELS, absolute=True)


def _loaded(build: Callable[[], M], weights: dict[str, Tensor], what: str) -> M:
    with torch.device("meta"):
        module = build()
    load_strictly(module, weights, what)
    return module


_KINDS: tuple[tuple[Callable[[Fixture], bool], Callable[[Fixture], Iterator[Check]]], ...] = (
    (lambda it: "flow" in it.io, _flow),
    (lambda it: "encode_in" in it.io, _vae),
    (lambda it: "log_mel" in it.io and bool(it.weights), _vocoder),
    (lambda it: "log_mel" in it.io, _mel),
    (lambda it: "segments_uint8" in it.io, _synchformer),
    (lambda it: "frames_uint8" in it.io, _frames),
)
