"""Motions that strike, in flat pictures and in rooms, by the name under which they are heard."""

from collections.abc import Callable

import numpy as np

from v2a.train.scenes import flat_blows, flat_bodies, room_falls, room_figures, room_machines, room_tools
from v2a.train.scenes.motion import Events, Motion
from v2a.train.scenes.world import World

RoomMotion = Callable[[np.random.Generator, World], Events]

# By the name under which recordings are matched to them (see `v2a.train.vocabulary`).
IMPACTS: dict[str, Motion] = {
    "ball": flat_bodies.bouncing_ball,
    "hammer": flat_blows.hammering,
    "fall": flat_bodies.falling_things,
    "walk": flat_bodies.walking,
    "door": flat_blows.slamming,
    "clap": flat_blows.clapping,
    "collide": flat_bodies.colliding,
    "drum": flat_blows.drumming,
    "shake": flat_blows.shaking,
    "blast": flat_blows.flashing,
    "pendulum": flat_bodies.pendulum,
    "call": flat_blows.calling,
    "splash": flat_bodies.splashing,
}
# In a room, each with the name it is heard under and how often it is chosen.
ROOM_IMPACTS: tuple[tuple[str, RoomMotion, float], ...] = (
    ("ball", room_falls.balls, 1.5),
    ("ball", room_falls.thrown_at_a_wall, 1.0),
    ("fall", room_falls.dropped_boxes, 2.0),
    ("fall", room_falls.boxes_at_a_wall, 0.6),
    ("fall", room_falls.toppling_stack, 1.2),
    ("break", room_falls.shattering, 0.9),
    ("collide", room_falls.dominoes, 0.8),
    ("collide", room_falls.billiards, 1.0),
    ("collide", room_falls.coins, 0.5),
    ("collide", room_falls.sliding_into, 0.7),
    ("hammer", room_tools.swinging_tool, 1.6),
    ("chop", room_tools.chopping, 0.7),
    ("press", room_machines.stamping, 0.7),
    ("knock", room_tools.knocking, 0.8),
    ("clap", room_tools.clapping_hands, 0.8),
    ("drum", room_tools.drum_sticks, 0.9),
    ("door", room_machines.closing, 1.3),
    ("saw", room_machines.sawing, 0.5),
    ("pendulum", room_machines.pendulum_striking, 0.6),
    ("splash", room_machines.paddling, 0.5),
    ("walk", room_figures.walkers, 3.0),
    ("walk", room_figures.hoofed, 0.8),
    ("fall", room_figures.jumping, 0.7),
)
