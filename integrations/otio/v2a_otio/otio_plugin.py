"""What OpenTimelineIO finds of us: hooks and a media linker, for `otioconvert` and whatever else reads and writes.

It imports this module when it first reads or writes anything, so nothing is imported here, and the hooks do nothing
unless they are asked for by their arguments (`otioconvert -H key=value`, `hook_function_argument_map`):

    v2a_prompts=TABLE.csv   after reading: the words of a prompts table become metadata of the clips, which
                            `v2a conform` reads
    v2a_report=OUTDIR       before writing: the sounds that `v2a conform` made into a folder, on tracks of their own

The media linker is named `v2a` (`otioconvert --media-linker v2a -M media_root=DIR`): it links clips to the media that
at least two keys agree on, as `v2a conform --media-root` does. A clip that it cannot link keeps its reference, which
then says why in its metadata.
"""

from typing import Any

_PLUGINS = {
    "OTIO_SCHEMA": "PluginManifest.1",
    "hook_scripts": [
        {"OTIO_SCHEMA": "HookScript.1", "name": "v2a_words", "filepath": "plugin_words.py"},
        {"OTIO_SCHEMA": "HookScript.1", "name": "v2a_sounds", "filepath": "plugin_sounds.py"},
    ],
    "hooks": {"post_adapter_read": ["v2a_words"], "pre_adapter_write": ["v2a_sounds"]},
    "media_linkers": [{"OTIO_SCHEMA": "MediaLinker.1", "name": "v2a", "filepath": "plugin_linker.py"}],
}


def plugin_manifest() -> Any:
    """The manifest, as the entry point group `opentimelineio.plugins` wants it."""
    import json

    from opentimelineio.core import deserialize_json_from_string

    return deserialize_json_from_string(json.dumps(_PLUGINS))
