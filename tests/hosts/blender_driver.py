"""Runs inside Blender, any of them, and obeys a line of JSON at a time: {"do": NAME, "with": {…}}.

It knows the add-on as a user does, by its operators, its settings and what it lays on the timeline, and through its
`service` what its panel shows. How versions of Blender differ is written here once more, so that the add-on's own
module of that kind is not its own witness. Answers go to a pipe of their own, since Blender prints to its stdout.
"""

import faulthandler
import functools
import importlib
import json
import os
import select
import sys
import time
import traceback
import warnings
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import bpy

warnings.simplefilter("ignore", DeprecationWarning)  # names that go with Blender 6.0

_ANSWERS = os.fdopen(int(os.environ.pop("V2A_DRIVER_ANSWERS")), "w", encoding="utf-8")

_KINDS = {"MOVIE": "film", "IMAGE": "images", "SOUND": "sound", "SCENE": "scene", "META": "meta", "TEXT": "text"}
_HAS_EXTENSIONS = bpy.app.version >= (4, 2, 0)
_TICK_S = 0.02
_STUCK_S = 100  # of work at a line, after which the log gets to know where it hangs


class Stopwatch:
    """How long the add-on keeps the main thread: in its timer, in what it draws; and from beat to beat of it."""

    def __init__(self, service: Any) -> None:
        self.longest_s = {"timer": 0.0, "drawing": 0.0, "gap": 0.0}
        self.calls = {"timer": 0, "drawing": 0, "gap": 0}
        kind = type(service)
        kind.tick = self._timed("timer", kind.tick)
        prefix = kind.__module__.rpartition(".")[0]
        for base in (bpy.types.Panel, bpy.types.UIList, bpy.types.Header, bpy.types.Menu):
            for drawn in base.__subclasses__():
                if drawn.__module__.startswith(prefix) and hasattr(drawn, "draw"):
                    drawn.draw = self._timed("drawing", drawn.draw)
        for extended in (
            bpy.types.SEQUENCER_HT_header,
            bpy.types.SEQUENCER_MT_strip,
            bpy.types.SEQUENCER_MT_context_menu,
        ):
            functions = extended._dyn_ui_initialize()
            for index, function in enumerate(functions):
                if function.__module__.startswith(prefix):
                    functions[index] = self._timed("drawing", function)
        self._beat_s = time.perf_counter()
        if not bpy.app.background:
            bpy.app.timers.register(self.beat, persistent=True)

    def beat(self) -> float:
        """The main thread is here; in a window Blender calls this as often as it can."""
        now = time.perf_counter()
        self._note("gap", now - self._beat_s)
        self._beat_s = now
        return 0.0

    def _note(self, what: str, took_s: float) -> None:
        self.longest_s[what] = max(self.longest_s[what], took_s)
        self.calls[what] += 1

    def _timed(self, what: str, function: Any) -> Any:
        @functools.wraps(function)
        def timed(*args: Any, **options: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self._note(what, time.perf_counter() - begin)

        return timed


class Commands:
    """The verbs. Each takes and gives what JSON holds."""

    def version(self) -> Any:
        return bpy.app.version_string

    # The add-on

    def install(self, file: str) -> Any:
        """As a user does, out of the built file."""
        if _HAS_EXTENSIONS:
            bpy.ops.extensions.package_install_files(filepath=file, repo="user_default", enable_on_install=True)
            name = "bl_ext.user_default.v2a_studio"
        else:
            bpy.ops.preferences.addon_install(filepath=file)
            name = zipfile.ZipFile(file).namelist()[0].split("/")[0]
        return self.enable(name)

    def enable(self, name: str) -> Any:
        """Turn an installed add-on on."""
        bpy.ops.preferences.addon_enable(module=name)
        self.addon = name
        return name

    def prefer(self, **preferences: Any) -> Any:
        """Set the add-on's preferences."""
        for key, value in preferences.items():
            setattr(bpy.context.preferences.addons[self.addon].preferences, key, value)

    @property
    def service(self) -> Any:
        return importlib.import_module(self.addon + ".service").service

    def tick(self, for_s: float = 0.0) -> Any:
        """Let the add-on go on; in a window its own timer does so, between these commands."""
        until = time.monotonic() + for_s
        while bpy.app.background:
            self.service.tick()
            if time.monotonic() >= until:
                break
            time.sleep(_TICK_S)

    def tick_until_placing(self) -> Any:
        """Let the add-on go on until it has asked where a sound belongs, and not heard the answer yet."""
        while not self.service._inserting:
            self.service.tick()

    def measure(self) -> Any:
        """Measure from now on how long the add-on keeps the main thread."""
        self.stopwatch = Stopwatch(self.service)

    def measured(self) -> Any:
        """Milliseconds of the longest, and how many there were; counted anew from here."""
        watch = self.stopwatch
        found = {what: [1000 * watch.longest_s[what], watch.calls[what]] for what in watch.calls}
        found["press"] = [1000 * getattr(self, "pressed_s", 0.0), 1]
        watch.longest_s, watch.calls = dict.fromkeys(watch.calls, 0.0), dict.fromkeys(watch.calls, 0)
        watch._beat_s = time.perf_counter()
        return found

    def go_on_smoothly(self, for_s: float) -> Any:
        """Without a window: the add-on's timer at its own pace, and a beat every millisecond between."""
        until, next_s = time.monotonic() + for_s, 0.0
        while time.monotonic() < until:
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + self.service.tick()
            self.stopwatch.beat()
            time.sleep(0.001)

    def is_answered(self) -> Any:
        """Whether the bridge has answered all that it was asked."""
        service = self.service
        return service.state != "starting" and not service._wanted and not service.client.unanswered

    def is_settled(self) -> Any:
        """Whether nothing is under way, at the bridge or on its way to the timeline."""
        table = self.service.table
        return self.is_answered() and not table.n_active() and not (self.service.state == "ready" and table.to_place())

    def jobs(self) -> Any:
        placed = {made["job"] for made in (one["made"] for one in self.strips()) if made}
        render = self.scene().render
        rate = Fraction(render.fps) / Fraction(render.fps_base).limit_denominator(1001)

        def frames(times_s: Any) -> list[str]:
            return [str(Fraction(time_s) * rate) for time_s in times_s]

        return [
            {
                "id": row.id,
                "name": row.name,
                "state": row.state,
                "placed": row.id in placed,
                "text": row.text,
                "messages": row.messages,
                "takes": row.takes,
                "frames": frames(row.status.get("range", "00")),
                "handles": frames(row.status.get("handles", "00")),
            }
            for row in reversed(self.service.table.newest_first())
        ]

    def message(self) -> Any:
        """What the panel shows of the bridge and the server; "" where all is well."""
        return self.service.message

    def bridge_pid(self) -> Any:
        return self.service.client.pid

    def restart(self) -> Any:
        """The button beside the message."""
        bpy.ops.v2a.connect()

    def set(self, **wishes: Any) -> Any:
        """Fill in the panel."""
        settings = self.scene().v2a_studio
        if "handles_s" in wishes:
            settings.handles = wishes.pop("handles_s")
        if "output" in wishes:
            self.prefer(output=wishes.pop("output"))
        if "layers" in wishes:
            layers = wishes.pop("layers")
            settings.layered = bool(layers)
            for layer in ("effects", "ambience", "music"):
                setattr(settings, layer, layer in layers)
        for name, value in wishes.items():
            setattr(settings, name, value)
        self.push("Settings")

    def press(self, scope: str) -> Any:
        """Press the button."""
        self.scene().v2a_studio.scope = {"selected": "SELECTED", "range": "RANGE", "edit": "EDIT"}[scope]
        with self.in_the_sequencer():
            begin = time.perf_counter()
            bpy.ops.v2a.generate()
            self.pressed_s = time.perf_counter() - begin

    def again(self, job: str, layer: str) -> Any:
        bpy.ops.v2a.again(job=job, layer=layer)

    def place(self, job: str) -> Any:
        """The button that lays a job's sounds down once more."""
        bpy.ops.v2a.place(job=job)

    def again_from_strip(self, name: str) -> Any:
        """The entry in the Strip menu, for the active strip."""
        self.editor().active_strip = self.strip(name)
        with self.in_the_sequencer():
            bpy.ops.v2a.again_from_strip()

    def hear(self, job: str, layer: str, take: int) -> Any:
        bpy.ops.v2a.choose(job=job, layer=layer, take=take)

    def delete_take(self, job: str, layer: str, take: int) -> Any:
        bpy.ops.v2a.delete_take(job=job, layer=layer, take=take)

    def cancel(self, job: str) -> Any:
        bpy.ops.v2a.cancel(job=job)

    # The edit

    def scene(self) -> Any:
        return getattr(bpy.context, "sequencer_scene", None) or bpy.context.scene

    def editor(self) -> Any:
        return self.scene().sequence_editor or self.scene().sequence_editor_create()

    def strips_of(self, container: Any) -> Any:
        return container.strips if hasattr(container, "strips") else container.sequences

    def strip(self, name: str) -> Any:
        editor = self.editor()
        found = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
        return found[name]

    def new_edit(self, rate: str, start: int = 1, end: int = 250) -> Any:
        bpy.ops.wm.read_homefile(use_empty=True)
        for window in bpy.context.window_manager.windows:
            if hasattr(window.workspace, "sequencer_scene"):
                window.workspace.sequencer_scene = bpy.data.scenes[0]
        scene = self.scene()
        exact = Fraction(rate)
        scene.render.fps = round(exact)
        scene.render.fps_base = 1.0 if exact.denominator == 1 else 1.001
        scene.frame_start, scene.frame_end = start, end
        scene.render.resolution_x, scene.render.resolution_y = 128, 72
        self.editor()
        self.push("New edit")

    def push(self, message: str) -> Any:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.ed.undo_push(message=message)

    def _lay(self, strip: Any, at: int, head: int, tail: int) -> Any:
        """Trim, then move, so that the first seen frame lies at `at`."""
        if hasattr(strip, "left_handle_offset"):
            strip.left_handle_offset, strip.right_handle_offset = head, tail
            strip.content_start = at - head
        else:
            strip.frame_offset_start, strip.frame_offset_end = head, tail
            strip.frame_start = at - head
        self.push("Add strip")
        return strip.name

    def add_film(self, path: str, at: int, track: int = 1, head: int = 0, tail: int = 0) -> Any:
        strips = self.strips_of(self.editor())
        strip = strips.new_movie(name=Path(path).name, filepath=path, channel=track, frame_start=at)
        return self._lay(strip, at, head, tail)

    def trim(self, name: str, at: int, head: int, tail: int) -> Any:
        return self._lay(self.strip(name), at, head, tail)

    def add_images(self, paths: list[str], at: int, track: int = 1, head: int = 0, tail: int = 0) -> Any:
        strips = self.strips_of(self.editor())
        strip = strips.new_image(name=Path(paths[0]).name, filepath=paths[0], channel=track, frame_start=at)
        for path in paths[1:]:
            strip.elements.append(Path(path).name)
        return self._lay(strip, at, head, tail)

    def add_sound(self, path: str, at: int, track: int) -> Any:
        strips = self.strips_of(self.editor())
        return self._lay(strips.new_sound(name=Path(path).name, filepath=path, channel=track, frame_start=at), at, 0, 0)

    def add_scene(self, path: str, at: int, track: int = 1, n_frames: int = 48) -> Any:
        """A scene whose own sequencer shows a film."""
        shown = bpy.data.scenes.new("Shown")
        shown.frame_start, shown.frame_end = 1, n_frames
        shown.render.fps, shown.render.fps_base = self.scene().render.fps, self.scene().render.fps_base
        shown.render.resolution_x, shown.render.resolution_y = 128, 72
        self.strips_of(shown.sequence_editor_create()).new_movie(name="inner", filepath=path, channel=1, frame_start=1)
        strip = self.strips_of(self.editor()).new_scene(name="Shown", scene=shown, channel=track, frame_start=at)
        strip.scene_input = "SEQUENCER"
        return self._lay(strip, at, 0, 0)

    def add_composited_scene(self, folder: str, at: int, n_frames: int) -> Any:
        """A scene whose compositor shows a picture and writes it into a folder, and again inside a group of nodes."""
        shown = bpy.data.scenes.new("Composited")
        shown.frame_start, shown.frame_end = 1, n_frames
        shown.render.resolution_x, shown.render.resolution_y = 128, 72
        group = bpy.data.node_groups.new("Group", "CompositorNodeTree")
        if hasattr(shown, "compositing_node_group"):
            tree = shown.compositing_node_group = bpy.data.node_groups.new("Composited", "CompositorNodeTree")
            tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
            output = tree.nodes.new("NodeGroupOutput")
        else:
            shown.use_nodes = True
            tree = shown.node_tree
            tree.nodes.clear()
            output = tree.nodes.new("CompositorNodeComposite")
        picture = bpy.data.images.new("picture", 128, 72)
        for where in (tree, group):
            image, file = (where.nodes.new(f"CompositorNode{kind}") for kind in ("Image", "OutputFile"))
            image.image = picture
            if hasattr(file, "directory"):
                file.directory, file.file_name = folder, where.name
                file.file_output_items.new("RGBA", "Image")
            else:
                file.base_path = folder
                file.file_slots[0].path = where.name
            where.links.new(image.outputs[0], file.inputs[0])
            if where is tree:
                where.links.new(image.outputs[0], output.inputs[0])
        tree.nodes.new("CompositorNodeGroup").node_tree = group
        strip = self.strips_of(self.editor()).new_scene(name="Composited", scene=shown, channel=1, frame_start=at)
        return self._lay(strip, at, 0, 0)

    def _effect(self, name: str, kind: str, track: int, start: int, end: int, **inputs: Any) -> Any:
        length = {"frame_end": end}
        functions = self.strips_of(self.editor()).bl_rna.functions
        if "length" in functions["new_effect"].parameters:
            length = {"length": end - start}
        if "input1" in functions["new_effect"].parameters:
            inputs = {key.replace("seq", "input"): value for key, value in inputs.items()}
        return self.strips_of(self.editor()).new_effect(
            name=name, type=kind, channel=track, frame_start=start, **length, **inputs
        )

    def add_text(self, words: str, start: int, end: int, track: int) -> Any:
        strip = self._effect("Text", "TEXT", track, start, end)
        strip.text = words
        self.push("Add text")
        return strip.name

    def whiten(self, name: str) -> Any:
        """Put a white box behind a text, as large as the picture."""
        strip = self.strip(name)
        strip.use_box, strip.box_color, strip.box_margin = True, (1, 1, 1, 1), 1
        self.push("Whiten")

    def add_effect(self, of: str, track: int, kind: str = "GLOW") -> Any:
        source = self.strip(of)
        strip = self._effect("Effect", kind, track, *_seen(source), seq1=source)
        self.push("Add effect")
        return strip.name

    def add_marker(self, at: int, text: str) -> Any:
        self.scene().timeline_markers.new(text, frame=at)
        self.push("Add marker")

    def delete(self, name: str) -> Any:
        self.strips_of(self.editor()).remove(self.strip(name))
        self.push("Delete")

    def retime(self, name: str, speed: str) -> Any:
        strip, percent = self.strip(name), 100 * float(Fraction(speed))
        if hasattr(strip, "speed_factor"):
            strip.speed_factor = percent / 100
        else:
            self.select([name])
            with self.in_the_sequencer():
                keep = "keep_retiming" in bpy.ops.sequencer.retiming_segment_speed_set.get_rna_type().properties
                bpy.ops.sequencer.retiming_segment_speed_set(
                    speed=percent, **({"keep_retiming": False} if keep else {})
                )
        self.push("Retime")
        return list(_seen(strip))

    def in_the_sequencer(self) -> Any:
        """A context of the sequencer, which background mode has none of."""
        window = bpy.context.window_manager.windows[0]
        editors = [area for area in window.screen.areas if area.type == "SEQUENCE_EDITOR"]
        area = next((area for area in editors if area.spaces.active.view_type != "PREVIEW"), window.screen.areas[0])
        area.type = "SEQUENCE_EDITOR"
        region = next(region for region in area.regions if region.type == "WINDOW")
        return bpy.context.temp_override(window=window, area=area, region=region, scene=self.scene())

    def nest(self, names: list[str]) -> Any:
        self.select(names)
        with self.in_the_sequencer():
            bpy.ops.sequencer.meta_make()
        self.push("Nest")
        return next(strip.name for strip in self.strips_of(self.editor()) if strip.type == "META")

    def enter(self, name: str) -> Any:
        """Open a meta strip for editing."""
        self.editor().active_strip = self.strip(name)
        with self.in_the_sequencer():
            bpy.ops.sequencer.meta_toggle()

    def leave(self) -> Any:
        """Close the meta strip that is open."""
        self.editor().active_strip = None
        with self.in_the_sequencer():
            bpy.ops.sequencer.meta_toggle()

    def render(self, path: str, n_frames: int) -> Any:
        """Begin to render, as the menu does; the window goes on."""
        bpy.context.preferences.view.render_display_type = "NONE"
        scene = self.scene()
        scene.frame_start, scene.frame_end, scene.render.filepath = 1, n_frames, path
        scene.render.resolution_percentage = 300  # so that it takes a while
        with self.in_the_sequencer():
            bpy.ops.render.render("INVOKE_DEFAULT", animation=True)

    def is_rendering(self) -> Any:
        return bpy.app.is_job_running("RENDER")

    def add_script(self, path: str) -> Any:
        """One that runs as the file is opened, and leaves a file."""
        text = bpy.data.texts.new("leaves_a_file.py")
        text.write(f"open({path!r}, 'w').close()")
        text.use_module = True

    def allow_scripts(self, but_in: str) -> Any:
        """Let files run their scripts, but for those in a folder; "" for none."""
        bpy.context.preferences.filepaths.use_scripts_auto_execute = True
        if but_in:
            bpy.context.preferences.autoexec_paths.new().path = but_in

    def save_spoilt(self, path: str, noted: str) -> Any:
        """Save the file with something else in it of its jobs, as the add-on would not."""
        self.scene()["v2a_document"] = noted
        handlers = bpy.app.handlers.save_pre
        kept = [*handlers]
        handlers.clear()
        self.save(path)
        handlers.extend(kept)

    def spoil_strip(self, name: str, said: str) -> Any:
        """Have a strip say something else of its sound."""
        self.strip(name)["v2a"] = said

    def offered(self, job: str) -> Any:
        """The buttons beside a job's name."""
        panels = importlib.import_module(self.addon + ".panels")
        box, context = mock.MagicMock(), mock.MagicMock()
        context.region.width = 300
        panels._job(box, context, self.service.table.get(job), {})
        return [call.args[0] for call in box.row.return_value.operator.call_args_list]

    def draw_list(self) -> Any:
        """What the panel of sounds reads, as it is drawn."""
        placing = importlib.import_module(self.addon + ".placing")
        return len({tuple(made[key] for key in ("job", "layer", "take")) for _, made in placing.made_in(self.scene())})

    def lock_track(self, track: int) -> Any:
        self.editor().channels[track].lock = True

    def set_path(self, name: str, path: str) -> Any:
        strip = self.strip(name)
        strip.filepath = path

    def select(self, names: list[str]) -> Any:
        metas = self.editor().meta_stack
        for strip in self.strips_of(metas[-1] if metas else self.editor()):
            strip.select = strip.name in names
        self.editor().active_strip = self.strip(names[0]) if names else None
        self.push("Select")

    def set_range(self, start: int, end: int) -> Any:
        self.scene().frame_start, self.scene().frame_end = start, end - 1

    # Reading

    def strips(self) -> Any:
        editor = self.editor()
        found = []

        def read(container: Any, parents: list[str]) -> Any:
            for strip in self.strips_of(container):
                kind = _KINDS.get(strip.type, "effect")
                new = hasattr(strip, "left_handle")
                start, end = _seen(strip)
                head = start - (strip.content_start if new else strip.frame_start)
                tail = strip.right_handle_offset if new else strip.frame_offset_end
                path = strip.sound.filepath if kind == "sound" else getattr(strip, "filepath", "")
                made = json.loads(strip["v2a"]) if "v2a" in strip else {}
                found.append(
                    {
                        "name": strip.name,
                        "kind": kind,
                        "track": strip.channel,
                        "track_name": container.channels[strip.channel].name,
                        "start": start,
                        "end": end,
                        "head": head,
                        "tail": tail,
                        "path": bpy.path.abspath(path) if path else None,
                        "muted": strip.mute,
                        "colour": strip.color_tag,
                        "made": made,
                        "inside": parents,
                    }
                )
                if kind == "meta":
                    read(strip, [*parents, strip.name])

        read(editor, [])
        return sorted(found, key=lambda one: (one["track"], one["start"], one["name"]))

    # Steps and files

    def undo(self) -> Any:
        bpy.ops.ed.undo()

    def redo(self) -> Any:
        bpy.ops.ed.redo()

    def save(self, path: str) -> Any:
        bpy.ops.wm.save_as_mainfile(filepath=path)

    def load(self, path: str, **trust: bool) -> Any:
        bpy.ops.wm.open_mainfile(filepath=path, **trust)

    def mix_down(self, path: str, start: int, end: int) -> Any:
        scene = self.scene()
        scene.frame_start, scene.frame_end = start, end - 1
        scene.render.ffmpeg.audio_mixrate, scene.render.ffmpeg.audio_channels = 48000, "MONO"
        with bpy.context.temp_override(scene=scene):
            bpy.ops.sound.mixdown(filepath=path, check_existing=False, container="WAV", codec="PCM", format="F32")

    # The window

    def picture(self, path: str) -> Any:
        """What the window shows."""
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
            bpy.ops.screen.screenshot(filepath=path)

    def point(self, x: int, y: int) -> Any:
        """Move the mouse, in pixels from the window's lower left corner."""
        bpy.context.window_manager.windows[0].event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)

    def open_film(self, path: str, at: int = 1) -> Any:
        """Add a film as the menu does; the scene takes its size and rate."""
        with self.in_the_sequencer():
            bpy.ops.sequencer.movie_strip_add(
                filepath=path, frame_start=at, channel=1, sound=False, use_framerate=True, fit_method="ORIGINAL"
            )
        self.push("Add film")
        strip = next(iter(self.strips_of(self.editor())))
        render = self.scene().render
        render.resolution_x, render.resolution_y = strip.elements[0].orig_width, strip.elements[0].orig_height
        self.scene().frame_start, self.scene().frame_end = 1, _seen(strip)[1] - 1
        return strip.name

    def show_frame(self, frame: int) -> Any:
        self.scene().frame_set(frame)

    def stop_server(self) -> Any:
        """The button in the panel, for the user's own server."""
        bpy.ops.v2a.server(action="stop")

    def view_all(self) -> Any:
        with self.in_the_sequencer():
            bpy.ops.sequencer.view_all()
        window = bpy.context.window_manager.windows[0]
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR" and area.spaces.active.view_type == "PREVIEW":
                region = next(region for region in area.regions if region.type == "PREVIEW")
                with bpy.context.temp_override(window=window, area=area, region=region):
                    bpy.ops.sequencer.view_all_preview()

    def tidy(self) -> Any:
        """A sidebar beside the strips, waveforms, and nothing that shows whose computer this is."""
        for area in bpy.context.window_manager.windows[0].screen.areas:
            space = area.spaces.active
            if area.type == "FILE_BROWSER":
                area.type = "OUTLINER"
            elif area.type == "SEQUENCE_EDITOR":
                space.show_region_ui = space.view_type != "PREVIEW"
                space.timeline_overlay.show_strip_source = False
                space.timeline_overlay.waveform_display_type = "ALL_WAVEFORMS"

    def button(self, x: int, y: int, value: str) -> Any:
        """Press or release the left mouse button."""
        bpy.context.window_manager.windows[0].event_simulate(type="LEFTMOUSE", value=value, x=x, y=y)

    def areas(self) -> Any:
        window = bpy.context.window_manager.windows[0]
        return [
            {
                "type": area.type,
                "view": getattr(area.spaces.active, "view_type", ""),
                "regions": {region.type: [region.x, region.y, region.width, region.height] for region in area.regions},
            }
            for area in window.screen.areas
        ]


def _seen(strip: Any) -> Any:
    """The frames that are seen or heard of a strip."""
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def obey(commands: Commands, line: str) -> None:
    """Do what a line asks for, and answer."""
    asked = json.loads(line)
    answer: dict[str, Any]
    faulthandler.dump_traceback_later(_STUCK_S)
    try:
        answer = {"ok": getattr(commands, asked["do"])(**asked["with"])}
    except Exception as error:
        if not isinstance(error, RuntimeError) or not str(error).startswith("Error: "):
            traceback.print_exc()
        answer = {"error": type(error).__name__, "message": str(error)}
    faulthandler.cancel_dump_traceback_later()
    _ANSWERS.write(json.dumps(answer) + "\n")
    _ANSWERS.flush()


def main() -> None:
    """Obey until there is nothing more to do: at once without a window, between the events of one."""
    faulthandler.enable()  # where Blender crashes, the log says in the middle of what
    commands = Commands()
    if bpy.app.background:
        for line in sys.stdin:
            obey(commands, line)
        os._exit(0)  # wheels of 4.x crash or hang where Python takes them down after a render

    def look() -> float | None:
        while select.select([sys.stdin.buffer], [], [], 0)[0]:
            line = sys.stdin.buffer.readline()
            if not line:
                bpy.ops.wm.quit_blender()
                return None
            obey(commands, line.decode())
        return 0.02

    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(look, persistent=True)


main()
