"""OpenTimelineIO media linker `v2a`: clips get the media that at least two keys agree on, or say why they do not."""

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

ROOTS = "V2A_MEDIA_ROOT"


def link_media_reference(in_clip: Any, media_linker_argument_map: Mapping[str, Any] | None = None) -> Any:
    """The media reference that a picture clip should have.

    Arguments: `media_root`, folders to look through (several divided as in PATH; default: the environment's
    V2A_MEDIA_ROOT); `folder`, which relative addresses are counted from (default: the current one); `strict`, to fail
    where a clip cannot be linked. Folders are looked through once in a process.

    Raises errors of `v2a.errors` with `strict` alone; a clip that cannot be linked otherwise keeps its reference, with
    the reason in its metadata.
    """
    import opentimelineio as otio

    from v2a.errors import MediaError, NotFoundError, UsageError
    from v2a_otio.events import read_cut

    asked = dict(media_linker_argument_map or {})
    track = in_clip.parent()
    if getattr(track, "kind", otio.schema.TrackKind.Video) != otio.schema.TrackKind.Video:
        return in_clip.media_reference
    alone = otio.schema.Timeline()
    alone.tracks.append(otio.schema.Track(kind=otio.schema.TrackKind.Video))
    alone.tracks[0].append(in_clip.deepcopy())
    roots = str(asked.get("media_root") or os.environ.get(ROOTS, ""))
    try:
        cut = read_cut(alone)
        if not cut.events or cut.events[0].omission:
            return in_clip.media_reference  # a generator, or a clip that is not seen
        film = _library(os.path.abspath(str(asked.get("folder") or ".")), roots).find(cut.events[0])  # noqa: PTH100
    except (MediaError, NotFoundError, UsageError) as error:
        if asked.get("strict"):
            raise
        reference = in_clip.media_reference.deepcopy() if in_clip.media_reference else otio.schema.MissingReference()
        reference.metadata["v2a"] = {"error": str(error)}
        return reference
    return _reference(in_clip, film)


@lru_cache(maxsize=8)
def _library(folder: str, roots: str) -> Any:
    from pathlib import Path

    from v2a_otio.media import Library

    return Library(Path(folder), tuple(Path(root) for root in roots.split(os.pathsep) if root))


def _reference(clip: Any, film: Any) -> Any:
    import opentimelineio as otio

    if film.images is not None:
        # A sequence that was found keeps how its files are named and counted, and gets the folder that they lie in.
        reference = clip.media_reference.deepcopy()
        if isinstance(reference, otio.schema.ImageSequenceReference):
            reference.target_url_base = str(film.images.folder)
        return reference
    rate = float(film.info.rate)
    first, length = (round(time_s * film.info.rate) for time_s in (film.first_s, film.info.duration_s))
    reference = otio.schema.ExternalReference(
        str(film.info.path),
        otio.opentime.TimeRange(otio.opentime.RationalTime(first, rate), otio.opentime.RationalTime(length, rate)),
    )
    reference.name = film.info.path.name
    return reference
