"""A strict double of DaVinci Resolve's scripting interface, since Resolve itself cannot run in tests.

It does what Resolve was seen to do, not what its documentation says: each known trap is a switch of `Behaviour`. Names
and parameters are those of the published stubs (`fusionscript-stubs`), which a test compares. It is written for
Python 3.8 and the standard library, so that scripts can be run beside it in the Python that Resolve would find.
"""

from tests.doubles.resolve.app import Fusion, Project, ProjectManager, Resolve
from tests.doubles.resolve.behaviour import Behaviour
from tests.doubles.resolve.items import TimelineItem
from tests.doubles.resolve.media import Folder, MediaPool, MediaPoolItem
from tests.doubles.resolve.timeline import Timeline

__all__ = [
    "Behaviour",
    "Folder",
    "Fusion",
    "MediaPool",
    "MediaPoolItem",
    "Project",
    "ProjectManager",
    "Resolve",
    "Timeline",
    "TimelineItem",
]
