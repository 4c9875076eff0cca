"""Pages in a browser for hosts without windows: the methods `page.open`, `page.result` and `page.close`."""

from collections.abc import Callable, Mapping
from typing import Any

from v2a.errors import UsageError
from v2a.request import LAYERS, MAX_PROMPT_CHARS, MAX_TAKES, QUALITIES
from v2a_plugin.bridge.fields import Fields
from v2a_plugin.bridge.jobs import Jobs
from v2a_plugin.page import Form, Page, Pages
from v2a_plugin.presets import presets


class Paging:
    """The pages of a bridge. tell: hears of each that ends."""

    def __init__(self, jobs: Jobs, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._jobs = jobs
        self._pages = Pages(tell)

    def open(self, params: Fields) -> dict[str, Any]:
        """Serve a page. Raises UsageError, NotFoundError for a job that is not there."""
        title, wanted = params.text("title"), params.items("jobs", [])
        shown, settings = params.items("show", []), params.raw("settings", {})
        notes = [str(note) for note in params.items("notes", [])]
        params.close()
        if not (wanted or shown):
            raise UsageError("a page is about jobs: name some in jobs or show")
        if not (all(isinstance(job, Mapping) for job in wanted) and isinstance(settings, Mapping)):
            raise UsageError("jobs must list objects, and settings must be one")
        for job in shown:
            self._jobs.record(str(job))
        form = Form(
            LAYERS,
            QUALITIES,
            [{"name": preset.name, "use": preset.use} for preset in presets().values()],
            MAX_TAKES,
            MAX_PROMPT_CHARS,
        )
        page = Page(title, self._jobs, form, wanted, [str(job) for job in shown], dict(settings), notes)
        return self._pages.open(page)

    def result(self, params: Fields) -> dict[str, Any]:
        """What became of a page. Raises NotFoundError."""
        return self._pages.result(_name(params))

    def close(self, params: Fields) -> dict[str, Any]:
        """Close a page; its jobs go on. Raises NotFoundError."""
        return self._pages.close(_name(params))


def _name(params: Fields) -> str:
    name = params.text("page")
    params.close()
    return name
