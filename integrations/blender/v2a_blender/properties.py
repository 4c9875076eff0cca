# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel asks for, kept with the scene."""

from fractions import Fraction
from typing import Any

import bpy

from .choosing import EDIT, RANGE, SELECTED, Layer, Wishes

_LAYERS = ("effects", "ambience", "music")


class V2AStudioSettings(bpy.types.PropertyGroup):
    """What the panel asks for."""

    prompt: bpy.props.StringProperty(
        name="Prompt", description="What should be heard. Empty: what is seen", maxlen=2000
    )
    negative: bpy.props.StringProperty(name="Not", description="What should not be heard", maxlen=2000)
    preset: bpy.props.StringProperty(name="Preset", description="Words for what is often wanted, by name")
    scope: bpy.props.EnumProperty(
        name="For",
        description="What the sound is for",
        items=[
            (SELECTED, "Selected Strips", "A sound for each selected strip"),
            (RANGE, "Frame Range", "One sound for the preview range, where that is on, or the scene's frames"),
            (EDIT, "Whole Edit", "One sound from the first picture to the last"),
        ],
    )
    layered: bpy.props.BoolProperty(
        name="Layers", description="Make a sound of its own for each layer, instead of one mix", default=False
    )
    effects: bpy.props.BoolProperty(name="Effects", description="Sounds of what is seen to happen", default=True)
    ambience: bpy.props.BoolProperty(name="Ambience", description="The sound of the place", default=True)
    music: bpy.props.BoolProperty(name="Music", description="Music", default=False)
    prompt_effects: bpy.props.StringProperty(name="Effects", description="Words for the effects alone", maxlen=2000)
    prompt_ambience: bpy.props.StringProperty(name="Ambience", description="Words for the ambience alone", maxlen=2000)
    prompt_music: bpy.props.StringProperty(name="Music", description="Words for the music alone", maxlen=2000)
    takes: bpy.props.IntProperty(name="Takes", description="How many alternatives to make", default=1, min=1, max=16)
    seed: bpy.props.IntProperty(
        name="Seed", description="The same seed makes the same sound of the same picture and words", default=0, min=0
    )
    quality: bpy.props.EnumProperty(
        name="Quality",
        description="How long to work on it",
        items=[
            ("preview", "Preview", "Fast, to try words out"),
            ("standard", "Standard", "For most uses"),
            ("best", "Best", "Takes longest"),
        ],
        default="standard",
    )
    model: bpy.props.StringProperty(name="Model", description="What makes the sound. Empty: the server's choice")
    handles: bpy.props.FloatProperty(
        name="Handles (s)",
        description="Seconds of sound before and behind the strip, hidden, for fades and trims",
        default=1.0,
        min=0.0,
        max=30.0,
        unit="NONE",
        precision=2,
    )
    show_all: bpy.props.BoolProperty(name="Show All", description="List all jobs of this file", default=False)


def wishes(settings: Any, output: str) -> Wishes:
    """The panel's settings as values."""
    layers: tuple[Layer, ...] = ()
    if settings.layered:
        layers = tuple(
            Layer(name, getattr(settings, f"prompt_{name}").strip()) for name in _LAYERS if getattr(settings, name)
        )
    return Wishes(
        prompt=settings.prompt.strip(),
        negative=settings.negative.strip(),
        preset=settings.preset,
        layers=layers,
        takes=settings.takes,
        seed=settings.seed,
        quality=settings.quality,
        model=settings.model,
        handles_s=Fraction(round(settings.handles * 1000), 1000),
        output=output,
    )


def licence(model: dict[str, Any]) -> str:
    """A model's licence, and whether its sounds may be sold."""
    return f"{model.get('licence', '')}{'' if model.get('commercial_use', True) else ', not for commercial use'}"


def model_of(service: Any, name: str) -> dict[str, Any] | None:
    """What is known of a model; "" is the one that the bridge takes by itself: pocket, else the first."""
    found = {model["name"]: model for model in service.models}
    return found.get(name) if name else found.get("pocket", next(iter(found.values()), None))


def describe(service: Any, setting: str, value: str) -> str:
    """What stands behind a preset's or a model's name."""
    if not value:
        return "No preset: the words of the panel alone" if setting == "preset" else "The model that the server chooses"
    known = service.hello.get("presets", []) if setting == "preset" else service.models
    found = next((one for one in known if one["name"] == value), None)
    if found is None:
        return value
    if setting == "preset":
        return f"For {found['use']}: {found['prompt']}"
    return f"{found.get('description', '')} Licence: {licence(found)}".strip()


def register() -> None:
    """Give scenes the settings."""
    bpy.utils.register_class(V2AStudioSettings)
    bpy.types.Scene.v2a_studio = bpy.props.PointerProperty(type=V2AStudioSettings)


def unregister() -> None:
    """Take them away."""
    del bpy.types.Scene.v2a_studio
    bpy.utils.unregister_class(V2AStudioSettings)
