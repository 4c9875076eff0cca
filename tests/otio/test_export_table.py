"""The table of what each export keeps, in docs/timeline-exports.md, from what the exports themselves say.

`python -m tests.otio.test_export_table` writes it anew.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import opentimelineio as otio

from tests.otio.masters import master
from tests.otio.timelines import T, clip, dissolve, gap, span, timeline
from v2a.errors import StorageError
from v2a_otio.exports import Master, write_exports
from v2a_otio.exports.formats import FORMATS

PAGE = Path(__file__).parents[2] / "docs" / "timeline-exports.md"
_BEGIN, _END = "<!-- table -->\n", "<!-- end of table -->\n"


def shot(name: str = "one") -> otio.schema.Clip:
    return clip(name, f"/films/{name}.mov", span(20, 48, 24), span(0, 500, 24))


def plain() -> otio.schema.Timeline:
    return timeline([shot(), gap(7, 24), shot("two")])


def titled(change: Callable[[otio.schema.Timeline], object]) -> otio.schema.Timeline:
    made = plain()
    change(made)
    return made


def over() -> otio.schema.Timeline:
    return timeline([shot(), shot("two")], [gap(24, 24), shot("three")])


def nested() -> otio.schema.Timeline:
    stack = otio.schema.Stack("nest", source_range=span(0, 48, 24))
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.append(shot())
    stack.append(track)
    return timeline([stack])


def with_reference(reference: otio.core.MediaReference) -> otio.schema.Timeline:
    return timeline([shot(), otio.schema.Clip("two", media_reference=reference, source_range=span(0, 24, 24))])


def own_sound(made: otio.schema.Timeline) -> None:
    track = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    track.append(clip("music", "/sound/m.wav", span(0, 48, 24)))
    made.tracks.append(track)


def named(made: otio.schema.Timeline, name: str) -> None:
    made.tracks[0][0].name = name


def cases() -> Iterator[tuple[str, str, Callable[[Path], Master]]]:
    """A feature in words, as losses name it, and a master that has it."""

    def case(made: otio.schema.Timeline, takes: int = 1) -> Callable[[Path], Master]:
        return lambda folder: master(made, folder, layers=["effects", "ambience"], takes=takes)

    dissolved = timeline([shot(), dissolve(6, 6, 24), shot("two")])
    images = otio.schema.ImageSequenceReference(
        "/scans/", "reel_", ".dpx", rate=24, frame_zero_padding=7, available_range=span(0, 100, 24)
    )
    warp, blur = otio.schema.LinearTimeWarp(time_scalar=0.5), otio.schema.Effect(effect_name="Blur")
    marker = otio.schema.Marker("look here", marked_range=span(20, 1, 24))
    start = T.RationalTime(86400, 24)
    yield "picture", "picture", case(plain())
    yield "several tracks of picture", "picture tracks", case(over())
    yield "speed, reverse, freeze", "picture speed", case(titled(lambda made: made.tracks[0][0].effects.append(warp)))
    yield "dissolves of the picture", "picture dissolves", case(dissolved)
    yield "effects of the picture", "picture effects", case(titled(lambda made: made.tracks[0][0].effects.append(blur)))
    yield "nested timelines", "nested timelines", case(nested())
    yield "image sequences", "image sequences", case(with_reference(images))
    yield "missing media", "missing media", case(with_reference(otio.schema.MissingReference()))
    generator = otio.schema.GeneratorReference(generator_kind="black")
    yield "colour, bars", "generated pictures", case(with_reference(generator))
    yield "the timeline's own sound", "own sound", case(titled(own_sound))
    yield "markers", "markers", case(titled(lambda made: made.tracks[0][0].markers.append(marker)))
    yield "the timeline's metadata", "own metadata", case(titled(lambda made: made.metadata.update(show="x")))
    yield "provenance of the sounds", "provenance", case(plain())
    yield "takes beyond the first", "takes", case(plain(), takes=2)
    yield "cross-fades of the sound", "sound dissolves", case(dissolved)
    yield "names of tracks", "track names", case(plain())
    yield "control characters in names", "names", case(titled(lambda made: named(made, "a\tb")))
    yield "long reel names", "reel names", case(timeline([shot("a reel with a long name")]))
    yield "start timecode", "start timecode", case(titled(lambda made: setattr(made, "global_start_time", start)))
    yield "16, 18, 20 frames a second …", "frame rate", _at_18
    yield "edges of sound between frames", "start", _at_18
    yield "more than four tracks of sound", "sound tracks", _five_layers


def _at_18(folder: Path) -> Master:
    shots = [gap(7, 18), clip("one", "/films/a.mov", span(0, 36, 18), span(0, 360, 18))]
    return master(timeline(shots), folder, handle_frames=5)


def _five_layers(folder: Path) -> Master:
    return master(plain(), folder, layers=("dialogue", "effects", "ambience", "music", "mix"))


def table(folder: Path) -> str:
    """The table as Markdown."""
    lines = [f"| of the master | {' | '.join(f'`{name}`' for name in FORMATS)} |", f"|---{'|---' * len(FORMATS)}|"]
    for number, (words, feature, build) in enumerate(cases()):
        made = build(folder / str(number))
        lines.append(f"| {words} | {' | '.join(_verdict(name, feature, made) for name in FORMATS)} |")
    return "\n".join(lines) + "\n"


def _verdict(name: str, feature: str, made: Master) -> str:
    try:
        (export,) = write_exports([name], made)
    except StorageError:
        return "refused"
    if not FORMATS[name].picture and feature in _PICTURES:
        return "–"
    return "lost, named" if any(loss.feature == feature for loss in export.losses) else "kept"


_PICTURES = {
    *("picture tracks", "picture speed", "picture dissolves", "picture effects", "nested timelines"),
    *("image sequences", "missing media", "generated pictures", "reel names"),
}


def test_the_documented_table_is_what_the_exports_say(tmp_path: Path) -> None:
    said = PAGE.read_text(encoding="utf-8")
    assert said[said.index(_BEGIN) + len(_BEGIN) : said.index(_END)] == table(tmp_path)


def _rewrite() -> None:
    said = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        made = table(Path(folder))
    PAGE.write_text(said[: said.index(_BEGIN) + len(_BEGIN)] + made + said[said.index(_END) :], encoding="utf-8")


if __name__ == "__main__":
    _rewrite()
