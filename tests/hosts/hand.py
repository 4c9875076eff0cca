"""The hand of Blender's user: a mouse in the window."""

import time

from tests.hosts.blender import Blender

_TAB_PX = 228  # from the sidebar's upper end to the add-on's tab, the fifth where a strip is active


class Hand:
    """See above. Pixels count from the window's lower left corner."""

    def __init__(self, blender: Blender) -> None:
        self._blender = blender

    def region(self, name: str) -> tuple[int, int, int, int]:
        """Where a part of the sequencer lies: x, y, width and height."""
        (editor,) = (area for area in self._blender.do("areas") if area["view"] == "SEQUENCER")
        x, y, width, height = editor["regions"][name]
        return x, y, width, height

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the left button, move, and release it."""
        self._blender.do("point", x=start[0], y=start[1])
        time.sleep(0.2)
        self._blender.do("button", x=start[0], y=start[1], value="PRESS")
        for step in range(11):
            x, y = (here + (there - here) * step // 10 for here, there in zip(start, end, strict=True))
            self._blender.do("point", x=x, y=y)
            time.sleep(0.03)
        self._blender.do("button", x=end[0], y=end[1], value="RELEASE")
        time.sleep(0.3)

    def click(self, x: int, y: int) -> None:
        """Press the left button and release it."""
        self.drag((x, y), (x, y))

    def open_tab(self) -> None:
        """Make the sequencer higher and its sidebar wider, and open the add-on's tab. A strip is active."""
        time.sleep(1)  # a sidebar that was just asked for has no width yet
        x, y, width, height = self.region("HEADER")
        self.drag((x + width // 2, y + height), (x + width // 2, y + height + 180))
        x, y, width, height = self.region("UI")
        self.drag((x, y + height // 2), (x - 110, y + height // 2))
        x, y, width, height = self.region("UI")
        self.click(x + width - 14, y + height - _TAB_PX)
