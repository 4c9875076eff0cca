# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons. Each says what happened in Blender's status bar, and what to do where something is wrong."""

from collections.abc import Callable
from typing import Any

import bpy

from . import compat, listening, placing, properties, submitting
from .choosing import RefusedError
from .service import READY, service


class V2A_OT_generate(bpy.types.Operator):  # noqa: N801 - Blender's form of names
    """Make sound for the selected strips, the frame range or the whole edit"""

    bl_idname = "v2a.generate"
    bl_label = "Generate Sound"
    bl_options = {"REGISTER"}  # noqa: RUF012

    scope: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is anything to make sound for."""
        scene = compat.scene_of(context)
        if scene is None or compat.editor_of(scene) is None:
            cls.poll_message_set("Add a film to the sequencer first")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        """Read, decide, submit."""
        return _report(self, lambda: submitting.press(service, context, self.scope))


class _OfJob:
    """What the buttons of a job have in common."""

    bl_options = {"INTERNAL"}  # noqa: RUF012
    job: bpy.props.StringProperty(options={"SKIP_SAVE"})

    def row(self) -> Any:
        """The job's row; the list may have changed since it was drawn."""
        found = service.table.get(self.job)
        if found is None:
            self.report({"ERROR"}, "this sound is no longer in the list")  # type: ignore[attr-defined]
        return found


class V2A_OT_cancel(_OfJob, bpy.types.Operator):  # noqa: N801
    """Stop making this sound"""

    bl_idname = "v2a.cancel"
    bl_label = "Cancel"

    def execute(self, context: Any) -> set[str]:
        """Cancel it at the bridge."""
        service.ask("cancel", {"job": self.job})
        return {"FINISHED"}


class V2A_OT_forget(_OfJob, bpy.types.Operator):  # noqa: N801
    """Take this sound off the list; its strips and files stay"""

    bl_idname = "v2a.forget"
    bl_label = "Remove from List"

    def execute(self, context: Any) -> set[str]:
        """Forget it at the bridge."""
        service.forget(self.job, files=False)
        return {"FINISHED"}


class V2A_OT_place(_OfJob, bpy.types.Operator):  # noqa: N801
    """Place this sound's takes into the sequencer again"""

    bl_idname = "v2a.place"
    bl_label = "Place"

    def execute(self, context: Any) -> set[str]:
        """Let the timer place it."""
        service.want()
        service.table.unsettle(self.job)
        return {"FINISHED"}


class V2A_OT_again(_OfJob, bpy.types.Operator):  # noqa: N801
    """Make another take with the next seed; the ones that are there stay, muted"""

    bl_idname = "v2a.again"
    bl_label = "Re-roll"

    layer: bpy.props.StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: Any) -> set[str]:
        """Submit a changed copy."""
        row = self.row()
        if row is None:
            return {"CANCELLED"}
        submitting.again(service, row, self.layer)
        return {"FINISHED"}


class V2A_OT_again_from_strip(bpy.types.Operator):  # noqa: N801
    """Make another take of the active sound strip, with the next seed"""

    bl_idname = "v2a.again_from_strip"
    bl_label = "Re-roll Sound"
    bl_options = {"REGISTER"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the active strip is a sound that was made here."""
        return _active_made(context) is not None

    def execute(self, context: Any) -> set[str]:
        """Find its job and submit a changed copy."""
        strip, made = _active_made(context) or (None, {})
        if strip is None:
            return {"CANCELLED"}
        return _report(self, lambda: submitting.again_from_strip(service, context, strip, made))


class _OfTake(_OfJob):
    """What the buttons of a take have in common."""

    layer: bpy.props.StringProperty(options={"SKIP_SAVE"})
    take: bpy.props.IntProperty(options={"SKIP_SAVE"})


class V2A_OT_play(_OfTake, bpy.types.Operator):  # noqa: N801
    """Play this take's file, or stop it"""

    bl_idname = "v2a.play"
    bl_label = "Play"

    def execute(self, context: Any) -> set[str]:
        """Play the file, not the timeline."""
        row = self.row()
        path = next((take["path"] for take in row.takes if _is(take, self.layer, self.take)), "") if row else ""
        trouble = listening.toggle(path)
        if trouble:
            self.report({"ERROR"}, trouble)
            return {"CANCELLED"}
        return {"FINISHED"}


class V2A_OT_choose(_OfTake, bpy.types.Operator):  # noqa: N801
    """Hear this take in the edit, and mute the others of its layer"""

    bl_idname = "v2a.choose"
    bl_label = "Choose"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        """Unmute one, mute the others."""
        scene = compat.scene_of(context)
        family = service.table.family(self.job)
        if not placing.hear(scene, family, self.layer, self.job, self.take):
            self.report({"ERROR"}, "this take lies nowhere in the edit: press Place to have it back")
            return {"CANCELLED"}
        return {"FINISHED"}


class V2A_OT_delete_take(_OfTake, bpy.types.Operator):  # noqa: N801
    """Delete this take's file and strips. This cannot be undone"""

    bl_idname = "v2a.delete_take"
    bl_label = "Delete Take"

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask first: files do not come back."""
        answer: set[str] = context.window_manager.invoke_confirm(self, event)
        return answer

    def execute(self, context: Any) -> set[str]:
        """Delete the file at the bridge, then the strips."""
        job, layer, take = self.job, self.layer, self.take
        listening.stop()

        def deleted(_: Any) -> None:
            for scene in bpy.data.scenes:
                placing.remove_take(scene, job, layer, take)
            service.table.drop_take(job, layer, take)
            compat.push_undo("V2A take deleted")

        service.ask("delete_take", {"job": job, "layer": layer, "take": take}, deleted)
        return {"FINISHED"}


class V2A_OT_connect(bpy.types.Operator):  # noqa: N801
    """Start the bridge to V2A Studio, again if it ended; sounds under way are taken up"""

    bl_idname = "v2a.connect"
    bl_label = "Connect"

    def execute(self, context: Any) -> set[str]:
        """Start it."""
        service.start()
        if service.message:
            self.report({"ERROR"}, service.message)
            return {"CANCELLED"}
        return {"FINISHED"}


class V2A_OT_server(bpy.types.Operator):  # noqa: N801
    """Start or stop your own server on this computer"""

    bl_idname = "v2a.server"
    bl_label = "Server"

    action: bpy.props.EnumProperty(
        items=[("start", "Start", "Start the server"), ("stop", "Stop", "Stop the server, if it has no work")],
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the bridge runs."""
        return service.state == READY

    def execute(self, context: Any) -> set[str]:
        """Ask the bridge."""
        service.ask(f"server.{self.action}", {}, service.heard_of_server)
        return {"FINISHED"}


class V2A_OT_pick(bpy.types.Operator):  # noqa: N801
    """Choose by name"""

    bl_idname = "v2a.pick"
    bl_label = "Choose"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    setting: bpy.props.StringProperty(options={"SKIP_SAVE"})
    value: bpy.props.StringProperty(options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: Any, operator: Any) -> str:
        """What stands behind the name."""
        return properties.describe(service, operator.setting, operator.value)

    def execute(self, context: Any) -> set[str]:
        """Set it."""
        setattr(compat.scene_of(context).v2a_studio, self.setting, self.value)
        return {"FINISHED"}


def _report(operator: Any, press: Callable[[], list[str]]) -> set[str]:
    """Press, and say in the status bar what came of it."""
    try:
        asked, *left_out = press()
    except RefusedError as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    for sentence in left_out:
        operator.report({"WARNING"}, sentence)
    operator.report({"INFO"}, asked)
    return {"FINISHED"}


def _active_made(context: Any) -> tuple[Any, dict[str, Any]] | None:
    scene = compat.scene_of(context)
    editor = compat.editor_of(scene) if scene else None
    strip = editor.active_strip if editor else None
    made = placing.made_by(strip) if strip else None
    return (strip, made) if made else None


def _is(take: dict[str, Any], layer: str, number: int) -> bool:
    return bool(take["layer"] == layer and take["take"] == number)


CLASSES = (
    V2A_OT_generate,
    V2A_OT_cancel,
    V2A_OT_forget,
    V2A_OT_place,
    V2A_OT_again,
    V2A_OT_again_from_strip,
    V2A_OT_play,
    V2A_OT_choose,
    V2A_OT_delete_take,
    V2A_OT_connect,
    V2A_OT_server,
    V2A_OT_pick,
)
