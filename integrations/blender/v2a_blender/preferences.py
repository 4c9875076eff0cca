# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the bridge, the server and the sounds are; set once under Edit › Preferences › Add-ons."""

import os
from pathlib import Path
from typing import Any

import bpy


class V2AStudioPreferences(bpy.types.AddonPreferences):
    """The add-on's preferences."""

    bl_idname = __package__

    bridge: bpy.props.StringProperty(
        name="V2A Studio",
        description="The program v2a, or the folder of its Python environment. Empty: where `v2a install` found it",
        subtype="FILE_PATH",
    )
    server: bpy.props.StringProperty(
        name="Server",
        description="Address of a server on this computer (unix:/path or 127.0.0.1:port), or of a tunnel to one on "
        "another. Empty: your own, started when it is needed",
    )
    token_file: bpy.props.StringProperty(
        name="Token file",
        description="File with the token that the server wants",
        subtype="FILE_PATH",
    )
    output: bpy.props.StringProperty(
        name="Sounds",
        description="Folder for the sounds; // is the folder of the .blend file. Empty: V2A Studio's own",
        subtype="DIR_PATH",
    )

    def draw(self, context: Any) -> None:
        """The preferences' rows."""
        column = self.layout.column()
        column.use_property_split = True
        for name in ("bridge", "server", "token_file", "output"):
            column.prop(self, name)


def connection() -> dict[str, str]:
    """What the bridge is started and greeted with."""
    preferences = _preferences()
    server, token_file = preferences.server.strip(), preferences.token_file.strip()
    options = {"bridge": bpy.path.abspath(preferences.bridge) if preferences.bridge.strip() else ""}
    if server:
        options["server"] = server
    if token_file:
        options["token_file"] = os.path.abspath(bpy.path.abspath(token_file))  # noqa: PTH100
    return options


def output_folder() -> tuple[str, str]:
    """The folder for sounds, "" for the bridge's own, and why it cannot be used, "" where it can."""
    wanted = _preferences().output.strip()
    if not wanted:
        return "", ""
    if wanted.startswith("//") and not bpy.data.filepath:
        return "", (
            f"the folder for sounds, {wanted}, lies beside the .blend file: save the file first, or set another folder "
            "in the preferences of V2A Studio"
        )
    folder = Path(bpy.path.abspath(wanted))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".v2a-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return "", (
            f"the folder for sounds, {folder}, cannot be written ({error.strerror or error}): set another in the "
            "preferences of V2A Studio, or leave it empty"
        )
    return str(folder), ""


def _preferences() -> Any:
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None else _Defaults


class _Defaults:
    """What holds where the add-on was registered by hand, without Blender's list of add-ons."""

    bridge = server = token_file = output = ""
