"""OpenTimelineIO hook `v2a_words`: a prompts table becomes metadata of the clips that it speaks of."""

from collections.abc import Mapping
from typing import Any

ARGUMENT = "v2a_prompts"


def hook_function(in_timeline: Any, argument_map: Mapping[str, Any] | None = None) -> Any:
    """The timeline with words under the metadata key "v2a"; as it is where no table is named.

    A clip that is seen in several places has the words of the first. Raises errors of `v2a.errors` for a table that
    cannot be read.
    """
    path = (argument_map or {}).get(ARGUMENT)
    if not path:
        return in_timeline
    import opentimelineio as otio

    if not isinstance(in_timeline, otio.schema.Timeline):
        return in_timeline
    return _with_words(in_timeline, str(path))


def _with_words(timeline: Any, path: str) -> Any:
    import logging
    from pathlib import Path

    from v2a_otio.events import NOTES, read_cut
    from v2a_plugin.cut_table import Shot, table_for_cut
    from v2a_plugin.prompt_table import read_prompts

    # Events do not say which clip they are of; a copy whose clips are numbered does.
    numbered = timeline.deepcopy()
    for number, copy in enumerate(numbered.find_clips()):
        copy.metadata[NOTES] = {"synthetic": True, "clip": number}
    cut = read_cut(numbered)
    table = table_for_cut(read_prompts(Path(path)), cut.rate, cut.origin_s)
    clips = list(timeline.find_clips())
    spoken_of: set[int] = set()
    for event in cut.events:
        said = table.said(Shot(event.number, event.name, event.reel, event.record.start_s))
        for clip in {note["clip"] for note in event.notes if "clip" in note} - spoken_of if said else ():
            spoken_of.add(clip)
            clips[clip].metadata[NOTES] = {
                **dict(clips[clip].metadata.get(NOTES, {})),
                **_note(said, event.record.start_s, cut.rate),
            }
    for sentence in table.unused():
        logging.getLogger(__name__).warning("%s", sentence)
    return timeline


def _note(said: Any, start_s: Any, rate: Any) -> dict[str, Any]:
    """The words of a table as metadata; cues after the event's start."""
    from v2a_plugin.words import settle

    words = settle(said)
    note: dict[str, Any] = {} if words.seed is None else {"seed": words.seed}
    if words.silent:
        return {**note, "silent": True}
    note["layers"] = {
        layer.name: {
            "prompt": layer.prompt,
            **({"negative": layer.negative_prompt} if layer.negative_prompt else {}),
            **({"cues": [_cue(cue, cue.time_s - start_s, rate) for cue in layer.cues]} if layer.cues else {}),
        }
        for layer in words.layers
    }
    return note


def _cue(cue: Any, time_s: Any, rate: Any) -> str:
    """A cue as text that means exactly the same: what is no whole frame was written in decimal seconds."""
    from v2a_plugin.timeline import seconds_text

    frames = time_s * rate
    time = f"{frames}f" if frames.denominator == 1 else seconds_text(time_s)
    return time if cue.strength == 1 else f"{time}@{cue.strength:g}"
