# SPDX-License-Identifier: GPL-3.0-or-later
"""The V2A tab of the sequencer's sidebar, and the entries in its menus and header."""

from typing import Any

import bpy

from . import compat, listening, placing, properties
from .choosing import EDIT, SELECTED
from .service import FAILED, READY, STARTING, service
from .table import ICONS, Row, wrapped

_N_ROWS = 8
_CHARACTER_PX = 7  # of the interface's font, about


class _Tab:
    """Where the panels are."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "V2A"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Wherever strips are edited."""
        return context.space_data.view_type != "PREVIEW" and compat.scene_of(context) is not None


class V2A_PT_generate(_Tab, bpy.types.Panel):  # noqa: N801 - Blender's form of names
    """What to ask for, and the button."""

    bl_label = "Generate Sound"

    def draw(self, context: Any) -> None:
        """The panel's rows."""
        service.want()
        settings = compat.scene_of(context).v2a_studio
        layout = self.layout
        _trouble(layout, context)
        words = layout.column()
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        _words(words, settings, "prompt", "SOUND", "What should be heard")
        _words(words, settings, "negative", "MUTE_IPO_OFF", "What should not be heard")
        _pick(column, settings, "preset", "No preset")
        column.prop(settings, "scope")
        column.prop(settings, "takes")
        column.prop(settings, "seed")
        column.prop(settings, "quality")
        column.prop(settings, "handles")
        column.prop(settings, "layered")
        if settings.layered:
            for name in ("effects", "ambience", "music"):
                row = layout.row(align=True)
                row.prop(settings, name, toggle=True)
                words = row.row(align=True)
                words.active = getattr(settings, name)
                words.prop(settings, f"prompt_{name}", text="")
        _pick(column, settings, "model", "The server's choice")
        model = properties.model_of(service, settings.model)
        if model is not None:
            icon = "INFO" if model.get("commercial_use", True) else "ERROR"
            column.label(text=properties.licence(model), icon=icon)
        row = layout.row()
        row.scale_y = 1.5
        row.enabled = service.state in (READY, FAILED)
        text = "V2A Studio starts…" if service.state == STARTING else "Generate Sound"
        row.operator("v2a.generate", text=text, icon="PLAY_SOUND")


class V2A_PT_jobs(_Tab, bpy.types.Panel):  # noqa: N801
    """The sounds of this file: what goes on, what is done, what went wrong."""

    bl_label = "Sounds"

    def draw(self, context: Any) -> None:
        """A box for each job, the newest first."""
        scene = compat.scene_of(context)
        rows = service.table.newest_first()
        if not rows:
            self.layout.label(text="None yet: select strips, and press the button")
            return
        heard = {(made["job"], made["layer"], made["take"]): not strip.mute for strip, made in placing.made_in(scene)}
        shown = rows if scene.v2a_studio.show_all else rows[:_N_ROWS]
        for row in shown:
            _job(self.layout.box(), context, row, heard)
        if len(rows) > _N_ROWS:
            self.layout.prop(scene.v2a_studio, "show_all", text=f"Show all {len(rows)}", toggle=True)


class V2A_PT_server(_Tab, bpy.types.Panel):  # noqa: N801
    """The bridge and the server, and how to start them again."""

    bl_label = "Server"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: Any) -> None:
        """The panel's rows."""
        layout = self.layout
        software = service.hello.get("software", "")
        layout.label(
            text=f"V2A Studio: {service.state}" + (f", {software}" if software and service.state == READY else "")
        )
        layout.operator(
            "v2a.connect", text="Connect" if service.state != READY else "Connect Again", icon="FILE_REFRESH"
        )
        if service.state != READY:
            return
        server = service.server
        layout.label(text=f"Server: {server.get('state', 'not asked')} {server.get('address') or ''}".strip())
        for key in ("software", "device"):
            if server.get(key):
                layout.label(text=f"{key.capitalize()}: {server[key]}")
        _lines(layout, context, str(server.get("message") or ""), "INFO")
        if server.get("local", True):
            row = layout.row(align=True)
            row.operator("v2a.server", text="Start").action = "start"
            row.operator("v2a.server", text="Stop").action = "stop"
        if server.get("log"):
            layout.label(text=f"Log: {server['log']}")


class V2A_MT_pick_preset(bpy.types.Menu):  # noqa: N801
    """The presets."""

    bl_label = "Preset"

    def draw(self, context: Any) -> None:
        """One entry each."""
        _choices(
            self.layout, "preset", "No preset", [(one["name"], one["name"]) for one in service.hello.get("presets", [])]
        )


class V2A_MT_pick_model(bpy.types.Menu):  # noqa: N801
    """The models, with their licences."""

    bl_label = "Model"

    def draw(self, context: Any) -> None:
        """One entry each."""
        named = [
            (one["name"], f"{one.get('title') or one['name']} ({properties.licence(one)})") for one in service.models
        ]
        _choices(self.layout, "model", "The server's choice", named)
        if not named:
            self.layout.operator("v2a.server", text="Start the server to see its models").action = "start"


def _pick(layout: Any, settings: Any, setting: str, none: str) -> None:
    split = layout.split(factor=0.4)
    right = split.row()
    right.alignment = "RIGHT"
    right.label(text=setting.capitalize())
    split.menu(f"V2A_MT_pick_{setting}", text=getattr(settings, setting) or none)


def _choices(layout: Any, setting: str, none: str, named: list[tuple[str, str]]) -> None:
    for value, text in [("", none), *named]:
        chosen = layout.operator("v2a.pick", text=text)
        chosen.setting, chosen.value = setting, value


def _job(box: Any, context: Any, row: Row, heard: dict[tuple[str, str, int], bool]) -> None:
    head = box.row(align=True)
    head.label(text=row.name, icon=ICONS.get(row.state, "QUESTION"))
    if row.is_active:
        head.operator("v2a.cancel", text="", icon="X").job = row.id
        compat.progress(box, row.progress, row.text)
    else:
        if row.state == "succeeded" and (row.trouble or not any(key[0] == row.id for key in heard)):
            head.operator("v2a.place", text="", icon="IMPORT").job = row.id
        if row.state != "succeeded":
            head.operator("v2a.again", text="", icon="FILE_REFRESH").job = row.id
        head.operator("v2a.forget", text="", icon="TRASH").job = row.id
        if row.state != "succeeded":
            box.label(text=row.text)
    for message in row.messages:
        _lines(box, context, message, "ERROR" if row.state == "failed" or message in row.trouble else "INFO")
    for take in row.takes:
        _take(box, row, take, heard)
    if row.licence and row.takes:
        box.label(text=row.licence, icon="INFO")


def _take(box: Any, row: Row, take: dict[str, Any], heard: dict[tuple[str, str, int], bool]) -> None:
    line = box.row(align=True)
    is_heard = heard.get((row.id, take["layer"], take["take"]))
    buttons = (
        ("v2a.choose", "CHECKMARK"),
        ("v2a.play", "PAUSE" if listening.playing() == take["path"] else "PLAY"),
        ("v2a.delete_take", "X"),
    )
    icons = {False: "MUTE_IPO_OFF", True: "MUTE_IPO_ON", None: "BLANK1"}  # the speaker with waves is ON
    line.label(text=f"{take['layer']} {take['take']}, seed {take.get('seed', '')}", icon=icons[is_heard])
    for name, icon in buttons:
        button = line.operator(name, text="", icon=icon)
        button.job, button.layer, button.take = row.id, take["layer"], take["take"]
    again = line.operator("v2a.again", text="", icon="FILE_REFRESH")
    again.job, again.layer = row.id, take["layer"]


def _trouble(layout: Any, context: Any) -> None:
    if not service.message:
        return
    box = layout.box()
    _lines(box, context, service.message, "ERROR")
    if service.state == FAILED:
        box.operator("v2a.connect", text="Connect Again", icon="FILE_REFRESH")


def _lines(layout: Any, context: Any, text: str, icon: str) -> None:
    if not text:
        return
    scale = context.preferences.system.ui_scale
    width = max(20, int(context.region.width / (_CHARACTER_PX * scale)) - 6)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(wrapped(text, width)):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


def _words(column: Any, settings: Any, name: str, icon: str, hint: str) -> None:
    """A field for words, which says what they are for: inside while it is empty (4.1 on), or beside it."""
    if "placeholder" in bpy.types.UILayout.bl_rna.functions["prop"].parameters:
        column.prop(settings, name, text="", icon=icon, placeholder=hint)
        return
    column.use_property_split, column.use_property_decorate = True, False
    column.prop(settings, name)


def _in_menus(menu: Any, context: Any) -> None:
    menu.layout.separator()
    menu.layout.operator("v2a.generate", icon="PLAY_SOUND").scope = SELECTED
    menu.layout.operator("v2a.generate", text="Generate Sound for the Whole Edit").scope = EDIT
    menu.layout.operator("v2a.again_from_strip")


def _in_header(header: Any, context: Any) -> None:
    if _Tab.poll(context):
        n_active = service.table.n_active()
        header.layout.operator("v2a.generate", text=f"V2A ({n_active})" if n_active else "V2A", icon="PLAY_SOUND")


_MENUS = (
    ("SEQUENCER_MT_strip", _in_menus),
    ("SEQUENCER_MT_context_menu", _in_menus),
    ("SEQUENCER_HT_header", _in_header),
)
CLASSES = (V2A_PT_generate, V2A_PT_jobs, V2A_PT_server, V2A_MT_pick_preset, V2A_MT_pick_model)


def register() -> None:
    """Add the entries to Blender's own menus."""
    for name, draw in _MENUS:
        getattr(bpy.types, name).append(draw)


def unregister() -> None:
    """Take them out again."""
    for name, draw in _MENUS:
        getattr(bpy.types, name).remove(draw)
