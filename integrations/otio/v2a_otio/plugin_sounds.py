"""OpenTimelineIO hook `v2a_sounds`: what `v2a conform` made into a folder, on tracks of a timeline."""

from collections.abc import Mapping
from typing import Any

ARGUMENT = "v2a_report"


def hook_function(in_timeline: Any, argument_map: Mapping[str, Any] | None = None) -> Any:
    """A copy of the timeline with the generated tracks; the timeline itself where no report is named.

    The argument is the output folder of `v2a conform`, or its report. The WAVs are named by their whole paths. Raises
    errors of `v2a.errors` where there is no finished report, or it is one of another cut.
    """
    path = (argument_map or {}).get(ARGUMENT)
    if not path:
        return in_timeline
    import opentimelineio as otio

    if not isinstance(in_timeline, otio.schema.Timeline):
        return in_timeline
    return _with_sounds(in_timeline, str(path))


def _with_sounds(timeline: Any, path: str) -> Any:
    from pathlib import Path

    import opentimelineio as otio

    from v2a.errors import ConflictError, NotFoundError
    from v2a_otio.events import read_cut
    from v2a_otio.memory import read_report
    from v2a_otio.report import FILE

    named = Path(path).absolute()
    folder = named if named.is_dir() else named.parent
    report = read_report(folder / FILE)
    if not report.get("output"):
        raise NotFoundError(f"{folder} holds no finished report: run `v2a conform` into it first")
    master = otio.adapters.read_from_file(str(folder / report["output"]), adapter_name="otio_json")
    cut = read_cut(timeline)
    made_for = report["timeline"]
    if (cut.duration_s, cut.origin_s) != tuple(_seconds(made_for[key]) for key in ("duration", "origin")):
        raise ConflictError(
            f"the sounds in {folder} are for a cut of {made_for['duration']['text']} from "
            f"{made_for['origin']['text']}, and this one has another length or start: conform it anew"
        )
    new = timeline.deepcopy()
    for track in master.audio_tracks():
        if not track.metadata.get("v2a", {}).get("synthetic"):
            continue
        own = track.deepcopy()
        for clip in own.find_clips():
            for reference in clip.media_references().values():
                if isinstance(reference, otio.schema.ExternalReference):
                    reference.target_url = str(folder / reference.target_url)
        new.tracks.append(own)
    new.metadata["v2a"] = master.metadata["v2a"]
    return new


def _seconds(value: Mapping[str, Any]) -> Any:
    from fractions import Fraction

    return Fraction(value["num"], value["den"])
