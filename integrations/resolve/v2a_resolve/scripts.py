"""What the menu's scripts do. Each ends with a sentence for the user, never with a traceback."""

from __future__ import annotations

import datetime as dt
import traceback
from typing import Any, Callable, Mapping

from v2a_host import bridge_client, finding

from . import doctor as examination
from . import inserts, memory, options, placing, reading, removing
from .host import Host, Refusal, ask
from .saying import say, tell
from .session import Session


def run(name: str, work: Callable[[Host], str], found: Mapping[str, Any]) -> None:
    """Run a script's work, and tell the user how it ended. found: the script's globals, with what Resolve put there."""
    try:
        message = work(_host(found))
    except (Refusal, bridge_client.BridgeError, finding.NotFoundError) as reason:
        message = str(reason)
    except KeyboardInterrupt:
        message = "Stopped: the job is cancelled, and nothing was placed"
    except OSError as error:
        message = f"The system refused something: {error}. Check the disk's room and rights, and run this again"
    except Exception as error:
        message = f"Something went wrong that should not: {type(error).__name__}: {error}. {_keep_traceback()}"
    tell(f"{name}: {message[:1].upper()}{message[1:]}")


def generate(found: Mapping[str, Any]) -> None:
    """Sound for the marked range, the selected clips or the clip under the playhead, with the last settings."""
    run("V2A Generate", _generate, found)


def generate_with_options(found: Mapping[str, Any]) -> None:
    """The same, with a window or a page to say what is wanted, and to hear it before it is kept."""
    run("V2A Generate with options", options.generate, found)


def audition(found: Mapping[str, Any]) -> None:
    """Hear and keep what was finished after its script had ended."""
    run("V2A Audition and keep", options.audition, found)


def remove_last_insert(found: Mapping[str, Any]) -> None:
    """Take the last placed sounds out of the open timeline."""
    run("V2A Remove last insert", _remove_last_insert, found)


def doctor(found: Mapping[str, Any]) -> None:
    """Say what works in this Resolve, and what to do about the rest."""
    run("V2A Doctor", examination.examine, found)


def _generate(host: Host) -> str:
    selection = reading.read(host)
    for note in selection.notes:
        say(note)
    with Session(host) as session:
        wanted = reading.jobs(selection, memory.settings())
        say(f"Asking for sound for {selection.meant}: {', '.join(job['name'] for job in wanted)}")
        statuses = session.wait(session.submit(wanted))
        said = placing.place_all(host, session.ask, [(status, _takes(status)) for status in statuses])
        return "\n".join([said, *selection.notes])


def _takes(status: Mapping[str, Any]) -> list[int]:
    """All takes of a job: the first is heard, the others lie above, muted."""
    return sorted({int(take["take"]) for take in status["takes"]})


def _remove_last_insert(host: Host) -> str:
    timeline = host.timeline
    insert = inserts.last(str(ask(host.project, "GetUniqueId")), str(ask(timeline, "GetUniqueId")))
    if insert is None:
        return "V2A has placed nothing in this timeline that it could remove"
    count = removing.take_away(host, timeline, insert)
    if not count:
        return f"'{insert.name}' was removed by hand already; its empty tracks are gone, too"
    clips = f"{count} clip{'s' if count > 1 else ''}"
    return f"'{insert.name}' is removed: {clips}. Its files stay, and V2A Audition and keep finds them"


def _host(found: Mapping[str, Any]) -> Host:
    """What Resolve gives its menu's scripts. Raises Refusal where it gives nothing."""
    bmd = found.get("bmd")
    resolve = found.get("resolve") or ask(bmd, "scriptapp", "Resolve")
    return Host(resolve, found.get("fusion") or ask(resolve, "Fusion"), bmd)


def _keep_traceback() -> str:
    log = finding.state_folder() / "log" / "resolve.log"
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{dt.datetime.now().isoformat()}\n{traceback.format_exc()}\n")
    except OSError:
        return "Please report it"
    return f"The details are at the end of {log}; please report them"
