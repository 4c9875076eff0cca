# SPDX-License-Identifier: GPL-3.0-or-later
"""V2A Studio in Blender's sequencer: select strips, press a button, and find the sound on new channels."""

bl_info = {
    "name": "V2A Studio",
    "author": "V2A Studio",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Video Sequencer > Sidebar > V2A",
    "description": "Generated sound for silent pictures, in sync to the frame",
    "category": "Sequencer",
}


def register() -> None:
    """Add everything to Blender. What needs bpy is imported here, so that the rest can be tested without it."""
    import bpy

    from . import events, operators, panels, preferences, properties

    bpy.utils.register_class(preferences.V2AStudioPreferences)
    properties.register()
    for part in (*operators.CLASSES, *panels.CLASSES):
        bpy.utils.register_class(part)
    panels.register()
    events.register()


def unregister() -> None:
    """Take everything out of Blender; sounds under way go on at the server."""
    import bpy

    from . import events, listening, operators, panels, preferences, properties

    events.unregister()
    listening.stop()
    panels.unregister()
    for part in reversed((*operators.CLASSES, *panels.CLASSES)):
        bpy.utils.unregister_class(part)
    properties.unregister()
    bpy.utils.unregister_class(preferences.V2AStudioPreferences)
