"""What jobs of a bridge take turns at."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# Jobs of one bridge that are at the server at a time: it takes 256, and others want room there, too.
_AT_SERVER = 64


class Line:
    """One at a time, in the order in which places were taken."""

    def __init__(self) -> None:
        self._places: deque[object] = deque()
        self._moved = threading.Condition()

    def take_place(self) -> "Place":
        """A place at the line's end."""
        place = Place(self)
        with self._moved:
            self._places.append(place)
        return place

    def wait(self, place: "Place") -> None:
        """Return when a place is the first one."""
        with self._moved:
            while self._places[0] is not place:
                self._moved.wait()

    def leave(self, place: "Place") -> None:
        """Let the next one go on. Does nothing for a place that was left before."""
        with self._moved:
            if place in self._places:
                self._places.remove(place)
                self._moved.notify_all()


class Place:
    """A place in a line."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def wait(self) -> None:
        """Return when it is the first."""
        self._line.wait(self)

    def leave(self) -> None:
        """Let the next one go on."""
        self._line.leave(self)


@dataclass(frozen=True)
class Turns:
    """render: one machine renders one thing at a time. ask: jobs come to the server in the order of their submission,
    so pictures are read, and the server asked, one job after another. server: how many may be there.
    """

    render: Line = field(default_factory=Line)
    ask: Line = field(default_factory=Line)
    server: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_AT_SERVER))


@contextmanager
def turn(place: Place) -> Iterator[Place]:
    """Wait for a place's turn, and leave it with the block, if not before."""
    try:
        place.wait()
        yield place
    finally:
        place.leave()
