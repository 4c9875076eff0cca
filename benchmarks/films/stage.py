"""A stage in Blender: objects with procedural surfaces, lights, one camera, and their rendering with Cycles."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix  # type: ignore[import-not-found]

from benchmarks.films.geometry import Array, Motion, Placed, at, look, point

Colour = Sequence[float] | Array
TEXTURES = {"noise": "Noise", "checker": "Checker", "wood": "Wave", "brick": "Brick"}
# Keys are set where Cycles samples the open shutter, so that nothing is interpolated through a contact.
SHUTTER = 0.5


class Stage:
    """An empty scene. Whatever is placed takes a pose, or a motion: presentation time in seconds → pose."""

    def __init__(self, seed: int, sky: Colour = (0.35, 0.4, 0.5)) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.rng = np.random.default_rng(seed)
        self._motions: list[tuple[Any, Motion]] = []
        self._changes: list[Callable[[float], None]] = []
        world = bpy.data.worlds.new("sky")
        bpy.context.scene.world = world
        world.use_nodes = True
        self._sky = world.node_tree.nodes["Background"]
        self._sky.inputs["Color"].default_value = (*sky, 1)
        self._sky.inputs["Strength"].default_value = 0.7

    def surface(
        self, pattern: str, colour: Colour, other: Colour = (0, 0, 0), scale: float = 4, metal: float = 0
    ) -> Any:
        """A material: "plain", or a pattern of TEXTURES between two colours."""
        material = bpy.data.materials.new(pattern)
        material.use_nodes = True
        nodes, links = material.node_tree.nodes, material.node_tree.links
        shader = nodes["Principled BSDF"]
        shader.inputs["Base Color"].default_value = (*colour, 1)
        shader.inputs["Roughness"].default_value = 0.35 if metal else 0.7
        shader.inputs["Metallic"].default_value = metal
        if pattern != "plain":
            place, texture = nodes.new("ShaderNodeTexCoord"), nodes.new(f"ShaderNodeTex{TEXTURES[pattern]}")
            ramp = nodes.new("ShaderNodeValToRGB")
            texture.inputs["Scale"].default_value = scale
            if pattern == "wood":
                texture.inputs["Distortion"].default_value = 4
            low, high = ramp.color_ramp.elements
            low.color, high.color = (*colour, 1), (*other, 1)
            if pattern == "noise":
                low.position, high.position = 0.35, 0.65
            links.new(place.outputs["Object"], texture.inputs["Vector"])
            links.new(texture.outputs["Fac"], ramp.inputs["Fac"])
            links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
        return material

    def _placed(
        self, material: Any, placed: Placed, size: Sequence[float] | Array = (1, 1, 1), round_: bool = False
    ) -> Any:
        body = bpy.context.object
        body.data.transform(Matrix.Diagonal((*size, 1)))
        body.data.materials.append(material)
        if round_:
            body.data.shade_smooth()
        self.move(body, placed)
        return body

    def move(self, body: Any, placed: Placed) -> None:
        """Place a body, or give it a motion in place of the one it had."""
        body.rotation_mode = "QUATERNION"
        self._motions = [(other, motion) for other, motion in self._motions if other is not body]
        if callable(placed):
            self._motions.append((body, placed))
        pose = placed(0.0) if callable(placed) else placed
        body.matrix_world = Matrix(pose.tolist())
        bpy.context.view_layer.update()

    def box(self, size: Sequence[float] | Array, material: Any, placed: Placed) -> Any:
        """A block with the given edges."""
        bpy.ops.mesh.primitive_cube_add(size=1)
        return self._placed(material, placed, size)

    def ball(self, radius: float, material: Any, placed: Placed, stretch: Sequence[float] = (1, 1, 1)) -> Any:
        """A sphere, or an ellipsoid if stretched."""
        bpy.ops.mesh.primitive_uv_sphere_add(radius=radius, segments=24, ring_count=14)
        return self._placed(material, placed, stretch, round_=True)

    def rod(self, radius: float, length: float, material: Any, placed: Placed, top: float | None = None) -> Any:
        """A cylinder along its z axis, or a cone that ends in the radius `top`."""
        end = radius if top is None else top
        bpy.ops.mesh.primitive_cone_add(radius1=radius, radius2=end, depth=length, vertices=24)
        return self._placed(material, placed)

    def plane(self, size: float, material: Any, placed: Placed) -> Any:
        """A square in its xy plane."""
        bpy.ops.mesh.primitive_plane_add(size=size)
        return self._placed(material, placed)

    def limb(self, radius: float, length: float, material: Any, placed: Placed) -> Any:
        """A capsule along its z axis, whose ends' centres are `length` apart."""
        bpy.ops.mesh.primitive_uv_sphere_add(radius=radius, segments=16, ring_count=12)
        for vertex in bpy.context.object.data.vertices:
            vertex.co.z += np.copysign(length / 2, vertex.co.z)
        return self._placed(material, placed, round_=True)

    def sheet(self, cells: tuple[int, int], material: Any, shape: Callable[[float, Array, Array], Array]) -> None:
        """A cloth: `shape` gives its points (n × 3) from the time and two coordinates in [0, 1]."""
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=cells[0], y_subdivisions=cells[1], size=1)
        body = self._placed(material, at((0, 0, 0)), round_=True)
        flat = np.array([vertex.co[:2] for vertex in body.data.vertices]) + 0.5

        def shaped(time_s: float) -> None:
            body.data.vertices.foreach_set("co", shape(time_s, flat[:, 0], flat[:, 1]).astype(np.float32).ravel())
            body.data.update()

        self._changes.append(shaped)

    def sun(self, direction: Sequence[float], strength: float = 3.0, softness_rad: float = 0.03) -> None:
        """Light from far away, shining in `direction`."""
        light = bpy.data.lights.new("sun", "SUN")
        light.energy, light.angle = strength, softness_rad
        self._lit(light, look(point(0, 0, 0), point(*direction)))

    def lamp(
        self, position: Sequence[float] | Placed, watts: float | Callable[[float], float], size: float = 0.5
    ) -> None:
        """A round lamp; its power may be a function of the time."""
        light = bpy.data.lights.new("lamp", "POINT")
        light.shadow_soft_size = size / 2
        if callable(watts):
            self._changes.append(lambda time_s: setattr(light, "energy", watts(time_s)))
        else:
            light.energy = watts
        self._lit(light, (lambda t: at(position(t))) if callable(position) else at(position))

    def _lit(self, light: Any, placed: Placed) -> None:
        body = bpy.data.objects.new(light.name, light)
        bpy.context.collection.objects.link(body)
        self.move(body, placed)

    def sky(self, strength: float | Callable[[float], float]) -> None:
        """How bright the even light from everywhere is."""
        socket = self._sky.inputs["Strength"]
        if callable(strength):
            self._changes.append(lambda time_s: setattr(socket, "default_value", strength(time_s)))
        else:
            socket.default_value = strength

    def camera(self, eye: Placed, target: Placed, lens_mm: float = 35, hand_held: float = 0.0) -> None:
        """The camera (36 mm wide film); held by a hand it strays by about `hand_held` metres."""
        camera = bpy.data.cameras.new("camera")
        camera.lens = lens_mm
        body = bpy.data.objects.new("camera", camera)
        bpy.context.collection.objects.link(body)
        bpy.context.scene.camera = body
        speeds, phases = self.rng.uniform(1.0, 7.0, (3, 6)), self.rng.uniform(0, 6.28, (3, 6))

        def motion(t: float) -> Array:
            stray = hand_held * (np.sin(speeds * t + phases) / np.sqrt(speeds)).sum(0) / 2
            here = eye(t) if callable(eye) else eye
            there = target(t) if callable(target) else target
            return look(here + stray[:3], there + stray[3:])

        self.move(body, motion)

    def render(self, folder: Path, rate: Fraction, n_frames: int, size: tuple[int, int], samples: int) -> None:
        """Write frame n, as seen at the time n / rate, to `folder` as n.png."""
        scene = bpy.context.scene
        for body, motion in self._motions:
            _key(body, motion, rate, n_frames)
        scene.render.engine = "CYCLES"
        scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = samples, False, False
        scene.cycles.max_bounces, scene.cycles.use_animated_seed = 2, True
        scene.render.threads_mode, scene.render.threads = "FIXED", 1
        scene.render.resolution_x, scene.render.resolution_y = size
        scene.render.use_motion_blur, scene.render.motion_blur_shutter = True, SHUTTER
        scene.render.motion_blur_position, scene.render.use_persistent_data = "CENTER", True
        scene.view_settings.view_transform = "Standard"
        scene.render.image_settings.file_format, scene.render.image_settings.compression = "PNG", 0
        with _quiet():
            for number in range(n_frames):
                for change in self._changes:
                    change(float(number / rate))
                scene.frame_set(number)
                scene.render.filepath = str(folder / f"{number:04d}.png")
                bpy.ops.render.render(write_still=True)


@dataclass(frozen=True)
class Film:
    """A film to be made: `build` sets the stage and says when things strike, in seconds; nothing for silent films."""

    name: str
    about: str
    rate: Fraction
    duration_s: float
    build: Callable[[Stage], list[float]]
    archive: bool = False
    size: tuple[int, int] = (128, 96)


def _key(body: Any, motion: Motion, rate: Fraction, n_frames: int) -> None:
    frames = np.array([n + lag for n in range(n_frames) for lag in (-SHUTTER / 2, 0, SHUTTER / 2)])
    values = np.empty((10, len(frames)))
    for number, frame in enumerate(frames):
        where, rotation, scale = Matrix(motion(max(frame / float(rate), 0.0)).tolist()).decompose()
        values[:, number] = *where, *rotation, *scale
    body.animation_data_create()
    action = body.animation_data.action = bpy.data.actions.new(body.name)
    paths = [("location", i) for i in range(3)] + [("rotation_quaternion", i) for i in range(4)]
    for (path, index), row in zip([*paths, *(("scale", i) for i in range(3))], values, strict=True):
        curve = action.fcurve_ensure_for_datablock(body, path, index=index)
        curve.keyframe_points.add(len(frames))
        curve.keyframe_points.foreach_set("co", np.stack([frames, row], axis=1).astype(np.float32).ravel())
        curve.update()


@contextmanager
def _quiet() -> Iterator[None]:
    """Blender tells of every sample on the process's own standard output."""
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
