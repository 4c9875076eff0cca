"""The tables of what is read of each format, in docs/timeline-formats.md, from what adapters and we read today.

A cell fails the test when an adapter's behaviour changes, or ours. `python -m tests.otio.test_formats_table` writes
the tables anew, with the samples that lie in ../shared/timelines.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.otio import format_texts as text
from tests.otio.timelines import T, clip, dissolve, gap, span, timeline
from v2a.errors import MediaError
from v2a_otio.events import Cut, read_cut
from v2a_otio.reading import read
from v2a_plugin.timeline import timecode

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "timeline-formats.md"
SAMPLES = ROOT.parent / "shared" / "timelines"
ADAPTERS = {"otio": "otio_json", "edl": "cmx_3600", "xml": "fcp_xml", "fcpxml": "fcpx_xml"}
TITLES = {"otio": "`.otio`, `.otioz`, `.otiod`", "edl": "EDL", "xml": "FCP7 XML", "fcpxml": "FCPX XML"}

Facts = tuple[object, ...]
Shots = list[tuple[Fraction, Fraction, Fraction, Fraction]]


@dataclass(frozen=True)
class Feature:
    """Something that a timeline may hold. texts: by suffix; a format without one cannot say it.

    expected: what `said` must tell of the cut. rate: given where a format does not say it.
    """

    words: str
    texts: dict[str, str]
    said: Callable[[Cut], object]
    expected: object
    rate: Fraction | None = None


def shots(cut: Cut) -> Shots:
    """Record and media boundaries, in frames."""
    return [
        (
            event.record.start_s * cut.rate,
            event.record.end_s * cut.rate,
            event.media_at(event.record.start_s) * cut.rate,
            event.media_at(event.record.end_s) * cut.rate,
        )
        for event in cut.events
        if not event.refusal
    ]


def one(*effects: otio.schema.Effect) -> otio.schema.Timeline:
    return timeline([clip("c1", text.FILM, span(24, 24, 24), effects=list(effects))])


def features() -> Iterator[Feature]:
    """The rows."""
    warp, hold = otio.schema.LinearTimeWarp, otio.schema.FreezeFrame
    cuts = [(0, 24, 24, 48), (36, 60, 100, 124)]
    yield Feature(
        "cuts and gaps",
        {
            "otio": text.json(
                timeline(
                    [clip("c1", text.FILM, span(24, 24, 24)), gap(12, 24), clip("c2", text.FILM, span(100, 24, 24))]
                )
            ),
            "edl": text.edl(text.edit(1, (24, 48), (0, 24)), text.edit(2, (100, 124), (36, 60))),
            "xml": text.fcp7(text.clipitem(1, (0, 24), (24, 48)) + text.clipitem(2, (36, 60), (100, 124))),
            "fcpxml": text.fcpx(text.asset_clip(1, "0s", "1s", "1s"), text.asset_clip(2, "36/24s", "1s", "100/24s")),
        },
        shots,
        cuts,
    )
    film = 24000 / 1001
    yield Feature(
        "23.976 frames a second",
        {
            "otio": text.json(timeline([clip("c1", text.FILM, span(1001, 47, film))])),
            "edl": text.edl(text.edit(1, (1001, 1048), (0, 47))),
            "xml": text.fcp7(text.clipitem(1, (0, 47), (1001, 1048)).replace("FALSE", "TRUE"), ntsc=True),
            "fcpxml": text.fcpx(text.asset_clip(1, "0s", "47047/24000s", "1002001/24000s"), frame="1001/24000s"),
        },
        lambda cut: (cut.rate, shots(cut)),
        (Fraction(24000, 1001), [(0, 47, 1001, 1048)]),
        rate=Fraction(24000, 1001),
    )
    yield Feature(
        "18 frames a second",
        {
            "otio": text.json(timeline([clip("c1", text.FILM, span(18, 36, 18))])),
            "edl": text.edl(text.edit(1, (18, 54), (0, 36), rate=18)),
            "xml": text.fcp7(text.clipitem(1, (0, 36), (18, 54), timebase=18), timebase=18),
            "fcpxml": text.fcpx(text.asset_clip(1, "0s", "2s", "1s"), frame="1/18s"),
        },
        lambda cut: (cut.rate, shots(cut)),
        (Fraction(18), [(0, 36, 18, 54)]),
        rate=Fraction(18),
    )
    hour = 86400
    yield Feature(
        "start timecode",
        {
            "otio": text.json(timeline([clip("c1", text.FILM, span(24, 24, 24))], start=T.RationalTime(hour, 24))),
            "edl": text.edl(text.edit(1, (24, 48), (hour, hour + 24))),
            "xml": text.fcp7(text.clipitem(1, (0, 24), (24, 48)), start=hour),
            "fcpxml": text.fcpx(text.asset_clip(1, "3600s", "1s", "1s"), start="3600s"),
        },
        lambda cut: (cut.origin_s, shots(cut)),
        (Fraction(3600), [(0, 24, 24, 48)]),
    )
    yield Feature(
        "drop-frame timecode",
        {
            "edl": text.edl(
                "001  R1       V     C        00:01:00;02 00:01:01;02 01:00:00;00 01:00:01;00",
                header="TITLE: CUT\nFCM: DROP FRAME\n",
            ),
            "xml": text.fcp7(
                text.clipitem(1, (0, 30), (1800, 1830), timebase=30).replace("FALSE", "TRUE"),
                timebase=30,
                ntsc=True,
                start=107892,
                drop=True,
            ),
            "fcpxml": text.fcpx(
                text.asset_clip(1, "107999892/30000s", "30030/30000s", "1801800/30000s"),
                frame="1001/30000s",
                start="107999892/30000s",
            ),
        },
        lambda cut: (cut.origin_s * cut.rate, shots(cut)),
        (107892, [(0, 30, 1800, 1830)]),
    )
    points = '<timeMap><timept time="0s" value="0s"/><timept time="10s" value="{}s"/></timeMap>'
    yield Feature(
        "constant speed",
        {
            "otio": text.json(one(warp(time_scalar=2.0))),
            "edl": text.edl(text.edit(1, (24, 72), (0, 24)), "M2   R1       048.0                00:00:01:00"),
            "xml": text.fcp7(text.clipitem(1, (0, 24), (12, 36), text.remap("200"))),
            "fcpxml": text.fcpx(text.asset_clip(1, "0s", "1s", "12/24s", points.format(20))),
        },
        shots,
        [(0, 24, 24, 72)],
    )
    yield Feature(
        "held frames",
        {
            "otio": text.json(one(hold())),
            "edl": text.edl(
                text.edit(1, (24, 25), (0, 24)), "M2   R1       000.0                00:00:01:00", "* * FREEZE FRAME"
            ),
            "xml": text.fcp7(text.clipitem(1, (0, 24), (24, 48), text.remap("0"))),
            "fcpxml": text.fcpx(
                text.asset_clip(
                    1,
                    "0s",
                    "1s",
                    "0s",
                    '<timeMap><timept time="0s" value="1s"/><timept time="10s" value="1s"/></timeMap>',
                )
            ),
        },
        shots,
        [(0, 24, 24, 24)],
    )
    yield Feature(
        "backwards",
        {
            "otio": text.json(one(warp(time_scalar=-1.0))),
            "edl": text.edl(text.edit(1, (24, 49), (0, 24)), "M2   R1       -024.0               00:00:02:00"),
            "xml": text.fcp7(text.clipitem(1, (0, 24), (24, 48), text.remap("100", "TRUE"))),
            "fcpxml": text.fcpx(
                text.asset_clip(
                    1,
                    "0s",
                    "1s",
                    "0s",
                    '<timeMap><timept time="0s" value="2s"/><timept time="2s" value="0s"/></timeMap>',
                )
            ),
        },
        shots,
        [(0, 24, 48, 24)],
    )
    ramp = otio.schema.TimeEffect("ramp", "SpeedRamp")
    uneven = (
        '<timeMap><timept time="0s" value="0s"/><timept time="1s" value="1s"/><timept time="2s" value="5s"/></timeMap>'
    )
    yield Feature(
        "speed that changes within a clip",
        {
            "otio": text.json(one(ramp)),
            "xml": text.fcp7(text.clipitem(1, (0, 24), (24, 48), text.remap("100", variable="1"))),
            "fcpxml": text.fcpx(text.asset_clip(1, "0s", "1s", "1s", uneven)),
        },
        shots,
        "nothing: it cannot be followed",
    )
    faded = [clip("c1", text.FILM, span(24, 24, 24)), dissolve(6, 6, 24), clip("c2", text.FILM, span(100, 24, 24))]
    yield Feature(
        "dissolves",
        {
            "otio": text.json(timeline(faded)),
            "edl": text.edl(
                text.edit(1, (24, 42), (0, 18)),
                "002  R1       V     C        00:00:01:18 00:00:01:18 00:00:00:18 00:00:00:18",
                "002  R1       V     D    012 00:00:03:22 00:00:05:04 00:00:00:18 00:00:02:00",
            ),
            "xml": text.fcp7(
                text.clipitem(1, (0, -1), (24, 54))
                + "<transitionitem><rate><timebase>24</timebase><ntsc>FALSE</ntsc></rate><start>18</start><end>30</end>"
                "<alignment>center</alignment><effect><name>Cross Dissolve</name></effect></transitionitem>"
                + text.clipitem(2, (-1, 48), (94, 124))
            ),
            "fcpxml": text.fcpx(
                text.asset_clip(1, "0s", "1s", "1s"),
                '<transition name="d" offset="18/24s" duration="12/24s"/>',
                text.asset_clip(2, "1s", "1s", "100/24s"),
            ),
        },
        lambda cut: [
            (
                event.record.start_s + event.record.duration_s - event.closing.before_s,
                event.closing.before_s + event.closing.after_s,
            )
            for event in cut.events[:1]
        ],
        [(Fraction(18, 24), Fraction(12, 24))],
    )
    yield Feature(
        "several picture tracks",
        {
            "otio": text.json(
                timeline(
                    [clip("c1", text.FILM, span(0, 48, 24))], [gap(12, 24), clip("c2", text.FILM, span(100, 12, 24))]
                )
            ),
            "edl": text.edl(text.edit(1, (0, 48), (0, 48)), text.edit(2, (100, 112), (12, 24)).replace(" V  ", " V2 ")),
            "xml": text.fcp7(text.clipitem(1, (0, 48), (0, 48)), text.clipitem(2, (12, 24), (100, 112))),
            "fcpxml": text.fcpx(
                text.asset_clip(
                    1, "0s", "2s", "0s", text.asset_clip(2, "12/24s", "12/24s", "100/24s", attributes='lane="1"')
                )
            ),
        },
        shots,
        [(0, 12, 0, 12), (12, 24, 100, 112), (24, 48, 24, 48)],
    )
    off = timeline([clip("c1", text.FILM, span(0, 24, 24))], [clip("c2", text.FILM, span(100, 24, 24))])
    off.tracks[1][0].enabled = False
    yield Feature(
        "switched-off clips",
        {
            "otio": text.json(off),
            "xml": text.fcp7(
                text.clipitem(1, (0, 24), (0, 24)), text.clipitem(2, (0, 24), (100, 124), "<enabled>FALSE</enabled>")
            ),
            "fcpxml": text.fcpx(
                text.asset_clip(
                    1, "0s", "1s", "0s", text.asset_clip(2, "0s", "1s", "100/24s", attributes='lane="1" enabled="0"')
                )
            ),
        },
        shots,
        [(0, 24, 0, 24)],
    )
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.extend([clip("c1", text.FILM, span(24, 24, 24)), clip("c2", text.FILM, span(100, 24, 24))])
    rate = "<rate><timebase>24</timebase><ntsc>FALSE</ntsc></rate>"
    inner = (
        f"<sequence id='n'><name>nest</name>{rate}<duration>48</duration><media><video><track>"
        f"{text.clipitem(1, (0, 24), (24, 48))}{text.clipitem(2, (24, 48), (100, 124))}"
        "</track></video></media></sequence>"
    )
    compound = (
        '<media id="m" name="nest"><sequence format="r1" tcStart="3600s" duration="2s"><spine>'
        f"{text.asset_clip(1, '3600s', '1s', '1s')}{text.asset_clip(2, '3601s', '1s', '100/24s')}"
        "</spine></sequence></media>"
    )
    yield Feature(
        "nested timelines, trimmed",
        {
            "otio": text.json(timeline([otio.schema.Stack("nest", children=[track], source_range=span(12, 24, 24))])),
            "xml": text.fcp7(text.clipitem(9, (0, 24), (12, 36), file=inner)),
            "fcpxml": text.fcpx(
                '<ref-clip name="nest" ref="m" offset="0s" duration="1s" start="7201/2s"/>', resources=compound
            ),
        },
        shots,
        [(0, 12, 36, 48), (12, 24, 100, 112)],
    )
    marked = one()
    marked.tracks[0][0].markers.append(otio.schema.Marker("v2a: rain", marked_range=span(30, 0, 24)))
    yield Feature(
        "markers of clips",
        {
            "otio": text.json(marked),
            "edl": text.edl(text.edit(1, (24, 48), (hour, hour + 24)), "* LOC: 01:00:00:06 RED     v2a: rain"),
            "xml": text.fcp7(
                text.clipitem(
                    1, (0, 24), (24, 48), "<marker><name>v2a: rain</name><comment/><in>30</in><out>-1</out></marker>"
                )
            ),
            "fcpxml": text.fcpx(
                text.asset_clip(1, "0s", "1s", "1s", '<marker start="30/24s" duration="1/24s" value="v2a: rain"/>')
            ),
        },
        lambda cut: [(marker.name, marker.time_s) for event in cut.events for marker in event.markers],
        [("v2a: rain", Fraction(6, 24))],
    )
    lost = timeline([otio.schema.Clip("one.mov", source_range=span(24, 24, 24))])
    yield Feature(
        "media by name alone",
        {
            "otio": text.json(lost),
            "edl": text.edl(text.edit(1, (24, 48), (0, 24)).replace("c1", "one.mov")),
            "xml": text.fcp7(text.clipitem(1, (0, 24), (24, 48)).replace(f"<pathurl>{text.FILM}</pathurl>", "")),
        },
        lambda cut: [(event.medium.name, event.medium.url) for event in cut.events],
        [("one.mov", "")],
    )
    reel = one()
    reel.tracks[0][0].metadata["cmx_3600"] = {"reel": "A001"}
    tape = f"<timecode>{rate}<string>00:00:00:00</string><frame>0</frame><reel><name>A001</name></reel></timecode>"
    yield Feature(
        "reels",
        {
            "otio": text.json(reel),
            "edl": text.edl(text.edit(1, (24, 48), (0, 24), reel="A001")),
            "xml": text.fcp7(text.clipitem(1, (0, 24), (24, 48)).replace("<pathurl>", f"{tape}<pathurl>")),
        },
        lambda cut: [event.reel for event in cut.events],
        ["A001"],
    )
    images = otio.schema.ImageSequenceReference(
        "/scan", "s.", ".dpx", 1, rate=24, frame_zero_padding=4, available_range=span(0, 99, 24)
    )
    yield Feature(
        "image sequences",
        {
            "otio": text.json(timeline([otio.schema.Clip("c1", images, span(24, 24, 24))])),
            "edl": text.edl(text.edit(1, (24, 48), (0, 24)), "* FROM CLIP: /scan/s.[0001-0099].dpx"),
            "xml": text.fcp7(text.clipitem(1, (0, 24), (24, 48)).replace(text.FILM, "/scan/s.%04d.dpx")),
            "fcpxml": text.fcpx(text.asset_clip(1, "0s", "1s", "1s")).replace(text.FILM, "/scan/s.%2504d.dpx"),
        },
        lambda cut: [
            (event.medium.images.prefix, event.medium.images.suffix) if event.medium.images else ()
            for event in cut.events
        ],
        [("s.", ".dpx")],
    )
    black = timeline(
        [otio.schema.Clip("black", otio.schema.GeneratorReference(generator_kind="black"), span(0, 24, 24))]
    )
    yield Feature(
        "black and colour: silent",
        {
            "otio": text.json(black),
            "edl": text.edl(text.edit(1, (0, 24), (0, 24), reel="BL")),
            "xml": text.fcp7(
                "<generatoritem id='g'><name>black</name>"
                + rate
                + "<start>0</start><end>24</end><in>0</in><out>24</out>"
                "<effect><name>black</name><effectid>Color</effectid><effecttype>generator</effecttype></effect>"
                "</generatoritem>"
            ),
        },
        lambda cut: [bool(event.omission) for event in cut.events],
        [True],
    )


def verdict(feature: Feature, suffix: str, folder: Path) -> str:
    """A cell: what becomes of a feature in a format."""
    if suffix not in feature.texts:
        return "–"
    path = folder / f"cut.{suffix}"
    path.write_text(feature.texts[suffix], encoding="utf-8")
    rate = feature.rate if suffix == "edl" else None
    ours = _tell(lambda: read_cut(read(path, rate).timeline), feature)
    arguments = {"rate": float(feature.rate)} if rate and feature.rate else {}

    def bare_cut() -> Cut:
        found = otio.adapters.read_from_file(str(path), adapter_name=ADAPTERS[suffix], **arguments)
        return read_cut(found if isinstance(found, otio.schema.Timeline) else found[0])

    bare = _tell(bare_cut, feature)
    if ours == "kept":
        return "kept" if bare == "kept" else f"kept; the adapter alone {'fails' if bare == 'refused' else 'loses it'}"
    return ours


def _tell(reading: Callable[[], Cut], feature: Feature) -> str:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        try:
            cut = reading()
        except Exception:  # adapters raise whatever their parsers do
            return "refused"
    if cut.events and all(event.refusal for event in cut.events):
        return "refused"
    return "kept" if feature.said(cut) == feature.expected else "lost"


def features_table(folder: Path) -> str:
    """The table of features as Markdown."""
    lines = [f"| | {' | '.join(TITLES.values())} |", f"|---{'|---' * len(TITLES)}|"]
    for feature in features():
        cells = (verdict(feature, suffix, folder) for suffix in TITLES)
        lines.append(f"| {feature.words} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def samples_table() -> str:
    """The table of real files as Markdown."""
    lines = ["| file | read as |", "|---|---|"]
    logging.disable(logging.ERROR)  # readers grumble about what is usual in such files
    try:
        for path in sorted(SAMPLES.rglob("*")):
            if path.is_file():
                lines.append(f"| {path.parent.name}/{path.name} | {_sample(path)} |")
    finally:
        logging.disable(logging.NOTSET)
    return "\n".join(lines) + "\n"


def _sample(path: Path) -> str:
    rate = Fraction(25) if path.name in ("25fps.edl", "timecode_mismatch.edl") else None
    try:
        cut = read_cut(read(path, rate).timeline)
    except MediaError as error:
        return f"refused: {str(error).removeprefix(path.name).lstrip(': ')}"
    retimed = sum(event.speed != 1 for event in cut.events)
    counted = {
        "retimed": retimed,
        "in dissolves": sum(
            bool(event.opening.after_s or event.closing.before_s or event.closing.after_s) for event in cut.events
        ),
        "with markers": sum(bool(event.markers) for event in cut.events),
        "silent": sum(bool(event.omission) for event in cut.events),
        "refused": sum(bool(event.refusal) for event in cut.events),
    }
    facts = [f"{len(cut.events)} events at {float(cut.rate):.6g} from {timecode(cut.origin_s, cut.rate)}"]
    facts += [f"{count} {words}" for words, count in counted.items() if count]
    return ", ".join(facts) + ("" if rate is None else f" (`--edl-rate {rate}`)")


TABLES: dict[str, Callable[[Path], str]] = {"features": features_table, "samples": lambda folder: samples_table()}


def _parts(said: str, name: str) -> tuple[str, str, str]:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    start, stop = said.index(begin) + len(begin), said.index(end)
    return said[:start], said[start:stop], said[stop:]


def test_the_documented_table_is_what_is_read(tmp_path: Path) -> None:
    assert _parts(PAGE.read_text(encoding="utf-8"), "features")[1] == features_table(tmp_path)


def test_every_sample_is_read_or_refused_as_documented() -> None:
    if not SAMPLES.is_dir():
        pytest.skip(f"the samples are not at {SAMPLES}")
    assert _parts(PAGE.read_text(encoding="utf-8"), "samples")[1] == samples_table()


def _rewrite(folder: Path) -> None:
    said = PAGE.read_text(encoding="utf-8")
    for name, build in TABLES.items():
        before, _, after = _parts(said, name)
        said = before + build(folder) + after
    PAGE.write_text(said, encoding="utf-8")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        _rewrite(Path(scratch))
