"""Rigid bodies moved by Blender's Bullet, and when they strike."""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from benchmarks.films.geometry import Array, Motion
from benchmarks.films.motion import G
from benchmarks.films.stage import Stage

STEP_HZ = 600
WINDOW = 4  # steps that a contact may take to turn a body: 7 ms
GAP_S = 0.06


@dataclass(frozen=True)
class Body:
    """What Bullet knows of an object. It hangs still until `release_s`; without a mass it stays for ever."""

    thing: Any
    mass_kg: float = 1.0
    release_s: float = 0.0
    bounce: float = 0.2
    friction: float = 0.6
    shape: str = "BOX"


def simulate(stage: Stage, bodies: list[Body], duration_s: float, min_jump_m_s: float) -> list[float]:
    """Let the bodies fall, give them their motions, and tell when something struck.

    A strike is a jump of a body's velocity by `min_jump_m_s` or more beyond what gravity does in the same time. Of
    jumps within GAP_S of each other the greatest impulse stands for all. Times are right to about 3 ms.
    """
    n_steps = int((duration_s + 0.1) * STEP_HZ)
    scene = bpy.context.scene
    bpy.ops.rigidbody.world_add()
    scene.render.fps = STEP_HZ
    scene.frame_start, scene.frame_end = 0, n_steps
    world = scene.rigidbody_world
    world.substeps_per_frame, world.solver_iterations = 1, 30
    world.point_cache.frame_start, world.point_cache.frame_end = 0, n_steps
    for body in bodies:
        _enlist(body)
    poses = np.empty((n_steps, len(bodies), 4, 4))
    for step in range(n_steps):
        scene.frame_set(step)
        for number, body in enumerate(bodies):
            poses[step, number] = body.thing.matrix_world
    bpy.ops.rigidbody.world_remove()
    falling = [number for number, body in enumerate(bodies) if body.mass_kg]
    for number in falling:
        bodies[number].thing.animation_data_clear()
        stage.move(bodies[number].thing, _motion(poses[:, number]))
    masses = np.array([bodies[number].mass_kg for number in falling])
    return strikes(poses[:, falling][..., :3, 3], masses, min_jump_m_s)


def strikes(positions: Array, masses_kg: Array, min_jump_m_s: float) -> list[float]:
    """When bodies strike, from their positions (steps × bodies × 3) at STEP_HZ."""
    velocity = np.diff(positions, axis=0) * STEP_HZ
    jump = velocity[WINDOW:] - velocity[:-WINDOW]
    jump[..., 2] += G * WINDOW / STEP_HZ
    sizes = np.linalg.norm(jump, axis=-1)
    impulse = np.where(sizes >= min_jump_m_s, sizes * masses_kg, 0.0).max(axis=1)
    found: list[float] = []
    for step in np.argsort(-impulse, kind="stable"):
        if impulse[step] == 0:
            break
        # Of equal jumps the first counts: the one whose later velocity is the first after the contact.
        time_s = (step + WINDOW) / STEP_HZ
        if all(abs(time_s - other) >= GAP_S for other in found):
            found.append(float(time_s))
    return sorted(found)


def _enlist(body: Body) -> None:
    bpy.context.view_layer.objects.active = body.thing
    bpy.ops.rigidbody.object_add(type="ACTIVE" if body.mass_kg else "PASSIVE")
    rigid = body.thing.rigid_body
    rigid.collision_shape, rigid.friction, rigid.restitution = body.shape, body.friction, body.bounce
    rigid.use_margin, rigid.collision_margin = True, 0.002
    rigid.linear_damping, rigid.angular_damping = 0.02, 0.05
    if body.mass_kg:
        rigid.mass = body.mass_kg
    if body.release_s:
        for kinematic, frame in ((True, 0), (False, round(body.release_s * STEP_HZ))):
            rigid.kinematic = kinematic
            rigid.keyframe_insert("kinematic", frame=frame)


def _motion(track: Array) -> Motion:
    return lambda t: track[min(round(t * STEP_HZ), len(track) - 1)]
