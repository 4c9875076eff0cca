"""What a master holds beyond plain clips of sound and picture, event by event, for the formats that drop it."""

from collections.abc import Iterator

import opentimelineio as otio

from v2a_otio.events import Dissolve
from v2a_otio.exports.losses import Loss
from v2a_otio.exports.turnover import Master, printable

# What goes with the picture, and is not missed where a format does not get it.
OF_PICTURE = (
    "picture tracks",
    "picture speed",
    "picture dissolves",
    "picture effects",
    "nested timelines",
    "image sequences",
    "missing media",
    "generated pictures",
)
# All that a format may keep or lose. Those of time are named where they are rounded: see `turnover`.
FEATURES = (
    "picture",
    *OF_PICTURE,
    "own sound",
    "markers",
    "own metadata",
    "provenance",
    "takes",
    "sound dissolves",
    "track names",
    "names",
    "reel names",
    "start timecode",
)


def present(master: Master) -> Iterator[Loss]:
    """A loss for each feature that a master has, in the words that a format which drops it says."""
    yield from _of_pictures(master)
    yield from _of_events(master)
    yield from _of_sounds(master)
    if master.cut.origin_s:
        yield Loss("start timecode", "the timeline begins at zero")


def _of_pictures(master: Master) -> Iterator[Loss]:
    timeline = master.timeline
    pictures = [track for track in timeline.video_tracks() if len(track)]
    if pictures:
        yield Loss("picture", "the picture is not there: it goes with the reference film")
    if len(pictures) > 1:
        yield Loss("picture tracks", f"{len(pictures)} tracks of picture are one: what is seen")
    if any(isinstance(item, otio.schema.Stack | otio.schema.Track) for track in pictures for item in track):
        yield Loss("nested timelines", "nested timelines are shown as the shots in them")
    own = [track for track in timeline.audio_tracks() if len(track)]
    if own:
        yield Loss("own sound", f"the timeline's own {len(own)} tracks of sound are not there")
    marked = [*timeline.tracks.markers, *(marker for track in timeline.tracks for marker in track.markers)]
    marked += [marker for item in timeline.find_clips() for marker in item.markers]
    if marked:
        yield Loss("markers", f"{len(marked)} markers are not there")
    if timeline.metadata or any(item.metadata for item in timeline.find_children()):
        yield Loss("own metadata", "the metadata that the timeline came with is not there")


def _of_events(master: Master) -> Iterator[Loss]:
    for plan in master.plans:
        event = plan.event
        if event.speed != 1:
            yield Loss(
                "picture speed", f"its speed of {float(event.speed):g} is not there: it plays at 1", event.number
            )
        if event.opening != Dissolve() or event.closing != Dissolve():
            yield Loss("picture dissolves", "its dissolve is a cut", event.number)
        if event.omission and not event.medium.url:
            yield Loss("generated pictures", f"it is a gap ({event.omission})", event.number)
        elif plan.film is None and not event.medium.url:
            yield Loss("missing media", "its film is not known", event.number)
        if event.name != printable(event.name):
            yield Loss("names", "characters of its name that do not print are written as _", event.number)
    for clip in master.timeline.find_clips():
        if isinstance(clip.media_reference, otio.schema.ImageSequenceReference):
            yield Loss("image sequences", "image sequences are named by their first image")
            break
    for item in master.timeline.find_children():
        effects = getattr(item, "effects", ())
        if any(not isinstance(effect, otio.schema.TimeEffect) for effect in effects):
            yield Loss("picture effects", f"the effects of '{printable(item.name)}' are not there")


def _of_sounds(master: Master) -> Iterator[Loss]:
    if master.files:
        yield Loss("provenance", "what made each sound stands in the WAVs and the master only")
        yield Loss("track names", "tracks have no names")
    for file in master.files:
        number = file.event
        if file.take:
            yield Loss("takes", f"take {file.take + 1} of {file.layer} is not there: {file.path.name}", number)
        elif file.opening != Dissolve() or file.closing != Dissolve():
            yield Loss("sound dissolves", f"the cross-fade of {file.layer} is a cut; the WAV goes on beyond it", number)
