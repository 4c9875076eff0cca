"""Small timelines as the text of other formats, for the table of what is read."""

from fractions import Fraction

import opentimelineio as otio

from v2a_plugin.timeline import timecode

FILM = "/films/one.mov"


def edl(*edits: str, header: str = "TITLE: CUT\nFCM: NON-DROP FRAME\n") -> str:
    """An edit list of lines."""
    return header + "\n".join(edits) + "\n"


def edit(number: int, source: tuple[int, int], record: tuple[int, int], reel: str = "R1", rate: int = 24) -> str:
    """A cut in an edit list, in frames."""
    codes = " ".join(timecode(Fraction(frame, rate), Fraction(rate)) for frame in (*source, *record))
    return f"{number:03}  {reel:<8} V     C        {codes}\n* FROM CLIP NAME: c{number}"


def fcp7(
    *tracks: str, timebase: int = 24, ntsc: bool = False, start: int = 0, drop: bool = False, extra: str = ""
) -> str:
    """A sequence of Final Cut Pro 7."""
    rate = f"<rate><timebase>{timebase}</timebase><ntsc>{str(ntsc).upper()}</ntsc></rate>"
    form = "DF" if drop else "NDF"
    lines = "".join(f"<track>{track}</track>" for track in tracks)
    return (
        f'<?xml version="1.0"?><!DOCTYPE xmeml><xmeml version="5"><sequence id="s"><name>cut</name>{rate}{extra}'
        f"<timecode>{rate}<frame>{start}</frame><displayformat>{form}</displayformat></timecode>"
        f"<media><video>{lines}</video></media></sequence></xmeml>"
    )


def clipitem(
    number: int, record: tuple[int, int], source: tuple[int, int], inside: str = "", file: str = "", timebase: int = 24
) -> str:
    """A clip of Final Cut Pro 7."""
    rate = f"<rate><timebase>{timebase}</timebase><ntsc>FALSE</ntsc></rate>"
    file = (
        file
        or f"<file id='f{number}'><name>one.mov</name>{rate}<duration>500</duration><pathurl>{FILM}</pathurl></file>"
    )
    return (
        f"<clipitem id='c{number}'><name>c{number}</name>{rate}<start>{record[0]}</start><end>{record[1]}</end>"
        f"<in>{source[0]}</in><out>{source[1]}</out>{file}{inside}</clipitem>"
    )


def remap(speed: str, reverse: str = "FALSE", variable: str = "0") -> str:
    """A time remap of Final Cut Pro 7."""
    values = {"variablespeed": variable, "speed": speed, "reverse": reverse}
    parameters = "".join(
        f"<parameter><parameterid>{name}</parameterid><name>{name}</name><value>{value}</value></parameter>"
        for name, value in values.items()
    )
    return f"<filter><effect><name>Time Remap</name><effectid>timeremap</effectid>{parameters}</effect></filter>"


def fcpx(*items: str, frame: str = "1/24s", start: str = "0s", resources: str = "") -> str:
    """A project of Final Cut Pro X."""
    return (
        '<?xml version="1.0"?><!DOCTYPE fcpxml><fcpxml version="1.8"><resources>'
        f'<format id="r1" frameDuration="{frame}"/>'
        f'<asset id="a" name="one" src="file://{FILM}" start="0s" duration="1000s" hasVideo="1" format="r1"/>'
        f"{resources}"
        '</resources><event name="e"><project name="cut">'
        f'<sequence format="r1" tcStart="{start}" duration="100s"><spine>'
        f"{''.join(items)}</spine></sequence></project></event></fcpxml>"
    )


def asset_clip(
    number: int, offset: str, duration: str, start: str = "0s", inside: str = "", attributes: str = ""
) -> str:
    """A clip of Final Cut Pro X."""
    return (
        f'<asset-clip name="c{number}" ref="a" format="r1" offset="{offset}" duration="{duration}" start="{start}" '
        f"{attributes}>{inside}</asset-clip>"
    )


def json(made: otio.schema.Timeline) -> str:
    """OpenTimelineIO's own text."""
    return str(made.to_json_string())
