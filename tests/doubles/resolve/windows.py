"""The double's windows: what a script shows with the UI manager, worked by a test instead of a person."""

from __future__ import annotations

from typing import Any, Callable

from tests.doubles.resolve.behaviour import Desk


class Element:
    """A control: its attributes are what a script and a person set."""

    def __init__(self, kind: str, attributes: dict[str, Any]) -> None:
        """kind: "Button", "LineEdit", …"""
        self.__dict__.update({"kind": kind, "entries": []})
        self.__dict__.update(attributes)

    def __getattr__(self, name: str) -> Any:
        return None

    def AddItem(self, text: str) -> None:
        self.entries.append(text)
        if len(self.entries) == 1:
            self.__dict__["CurrentIndex"] = 0

    def AddItems(self, texts: list[str]) -> None:
        for text in texts:
            self.AddItem(text)

    def Clear(self) -> None:
        self.entries.clear()


class UIManager:
    """Makes controls. `ui.Button({"ID": "go", "Text": "Generate"})`, and groups of them."""

    def __init__(self, desk: Desk) -> None:
        """desk: where windows are found by what works them."""
        self.desk = desk

    def _make(self, kind: str) -> Callable[..., Any]:
        def make(*arguments: Any) -> Any:
            attributes = next((one for one in arguments if isinstance(one, dict)), {})
            children = next((one for one in arguments if isinstance(one, list)), [])
            element = Element(kind, dict(attributes))
            element.__dict__["children"] = children
            return element

        return make

    def __getattr__(self, name: str) -> Any:
        return self._make(name)


class Handlers:
    """`window.On.ID.Event = function`."""

    def __init__(self) -> None:
        """No handlers yet."""
        self.__dict__["found"] = {}

    def __getattr__(self, name: str) -> Any:
        return self.found.setdefault(name, _Events())


class _Events:
    def __getattr__(self, name: str) -> Any:
        return None


class Window:
    """A window. Its person is `desk.person`: called by the dispatcher with the window until it exits."""

    def __init__(self, attributes: dict[str, Any], content: Any) -> None:
        """content: a control, or a list of them."""
        self.attributes, self.On, self.shown = attributes, Handlers(), False
        self._found: dict[str, Element] = {}
        self._collect(content)

    def _collect(self, content: Any) -> None:
        for element in content if isinstance(content, list) else [content]:
            if element.ID:
                self._found[element.ID] = element
            self._collect(element.children or [])

    def GetItems(self) -> dict[str, Element]:
        return dict(self._found)

    def Find(self, name: str) -> Element | None:
        return self._found.get(name)

    def Show(self) -> None:
        self.shown = True

    def Hide(self) -> None:
        self.shown = False

    def event(self, control: str, name: str) -> None:
        """What a person does: `window.event("go", "Clicked")`."""
        handler = getattr(getattr(self.On, control), name)
        if handler is not None:
            handler({"who": control, "what": name})


class Dispatcher:
    """Runs windows: each turn of its loop is one turn of the person."""

    def __init__(self, ui: UIManager) -> None:
        """ui: whose desk has the person."""
        self._ui, self._exited = ui, False
        self._window: Window | None = None

    def AddWindow(self, attributes: dict[str, Any], content: Any) -> Window:
        self._window = Window(attributes, content)
        return self._window

    def RunLoop(self) -> None:
        self._exited = False
        while not self._exited:
            self.StepLoop()

    def StepLoop(self, wait: bool = True) -> None:
        self._ui.desk.person(self._window)  # type: ignore[attr-defined]

    def ExitLoop(self, code: int = 0) -> None:
        self._exited = True


class Bmd:
    """What a menu script finds as `bmd`."""

    UIDispatcher = Dispatcher

    def __init__(self, resolve: Any) -> None:
        """resolve: what `scriptapp` gives back."""
        self._resolve = resolve

    def scriptapp(self, name: str) -> Any:
        return self._resolve if name == "Resolve" else None
