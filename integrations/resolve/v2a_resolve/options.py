"""Choosing what is wanted and hearing it before it is kept: in a window where there may be one, else in a browser."""

from __future__ import annotations

import time
from typing import Any, Mapping, Sequence

from . import inserts, memory, placing, reading, saying, window
from .host import Host
from .saying import say
from .session import Session

# Those of the settings that a person chooses.
_WORDS = ("layers", "preset", "takes", "seed", "quality")
_PUMP_EVERY_S = 0.1


def generate(host: Host) -> str:
    """Ask what is wanted for what the user means, generate it, and place what is kept."""
    selection = reading.read(host)
    for note in selection.notes:
        say(note)
    with Session(host) as session:
        others = {key: value for key, value in memory.settings().items() if key not in _WORDS}
        wanted = reading.jobs(selection, others)
        said = _settled(host, session, f"Sound for {selection.meant}", wanted, [], selection.notes)
        return "\n".join([said, *selection.notes])


def audition(host: Host) -> str:
    """Let the user hear what lies in no timeline yet, and place what is kept."""
    with Session(host) as session:
        statuses = session.ask("jobs")["jobs"]
        placed = inserts.jobs_placed(host, statuses)
        waiting = [
            status
            for status in statuses
            if status["job"] not in placed and status["state"] not in ("failed", "cancelled")
        ]
        here = [status["job"] for status in waiting if not status["elsewhere"]]
        if here:
            return _settled(host, session, "Sounds to keep", [], here)
        if waiting:
            return "Another script of V2A attends to the sounds that wait, and places them: let it end"
        return "No sounds of this project wait to be kept: V2A Generate makes some"


def _settled(
    host: Host,
    session: Session,
    title: str,
    wanted: Sequence[Mapping[str, Any]],
    shown: Sequence[str],
    notes: Sequence[str] = (),
) -> str:
    """What the user decided, done; a message. notes: what they should know before. Raises Refusal."""
    windows = host.windows()
    if windows is not None:
        result = window.Choice(windows, session, title, wanted, shown, memory.settings(), notes).result()
    else:
        result = _page(session, title, wanted, shown, notes)
    if result["settings"]:
        memory.set_settings({**memory.settings(), **result["settings"]})
    if result["state"] == "gone":
        return "The page was closed before anything was kept. Jobs go on: V2A Audition and keep finds them"
    if result["state"] != "kept":
        return "Cancelled: nothing was placed"
    statuses = {status["job"]: status for status in session.ask("jobs")["jobs"]}
    placed = inserts.jobs_placed(host, statuses.values())  # by the script that asked for it, while this one was open
    kept = [(statuses[one["job"]], one["takes"]) for one in result["kept"] if one["job"] not in placed]
    return placing.place_all(host, session.ask, kept) if kept else "The sounds are in the timeline already"


def _page(
    session: Session,
    title: str,
    wanted: Sequence[Mapping[str, Any]],
    shown: Sequence[str],
    notes: Sequence[str],
) -> dict[str, Any]:
    words = {key: value for key, value in memory.settings().items() if key in _WORDS}
    page = session.ask(
        "page.open",
        {"title": title, "jobs": list(wanted), "show": list(shown), "settings": words, "notes": list(notes)},
    )
    say(f"Waiting for the page in your browser. Should none open, open this once: {page['url']}")
    with saying.page(page["url"]):
        try:
            while page["page"] not in session.pages:
                session.pump()
                time.sleep(_PUMP_EVERY_S)
        except KeyboardInterrupt:
            session.ask("page.close", {"page": page["page"]})
            raise
    return session.pages[page["page"]]
