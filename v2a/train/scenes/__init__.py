"""Procedurally rendered scenes whose sound events are known exactly."""

from v2a.train.scenes.film import Scene, render_scene

__all__ = ["Scene", "render_scene"]
