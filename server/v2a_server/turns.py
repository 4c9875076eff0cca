"""Whose turn it is: interactive jobs before batch jobs, and within each equal shares for all clients that wait.

A client has been served so many seconds of sound; the one that has been served least is next, with its oldest job.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """A job in the queue. place: rises with time; cost_s: seconds of sound that it asks for."""

    id: int
    client: str
    priority: int
    place: int
    cost_s: float


def in_order(waiting: Iterable[Waiting], served_s: Mapping[str, float]) -> list[Waiting]:
    """The queue as it will be worked off, if nobody comes and nothing fails. served_s: by client."""
    queues: defaultdict[int, defaultdict[str, deque[Waiting]]] = defaultdict(lambda: defaultdict(deque))
    for job in sorted(waiting, key=lambda job: job.place):
        queues[job.priority][job.client].append(job)
    served, order = dict(served_s), []
    for priority in sorted(queues):
        clients = queues[priority]
        turns = [(served.get(client, 0.0), jobs[0].place, client) for client, jobs in clients.items()]
        heapq.heapify(turns)
        while turns:
            _, _, client = heapq.heappop(turns)
            job = clients[client].popleft()
            order.append(job)
            served[client] = served.get(client, 0.0) + job.cost_s
            if clients[client]:
                heapq.heappush(turns, (served[client], clients[client][0].place, client))
    return order


def may_enter(waiting: Iterable[Waiting], client: str, priority: int, max_queued: int) -> bool:
    """Whether a client may queue another job.

    Each priority has max_queued places. Once these are taken, a client that waits with fewer jobs than its equal share
    still gets in, so that one client cannot shut out the others; but there are never more than twice as many.
    """
    rivals: defaultdict[str, int] = defaultdict(int)
    for job in waiting:
        if job.priority == priority:
            rivals[job.client] += 1
    taken, own = sum(rivals.values()), rivals.pop(client, 0)
    return taken < max_queued or (taken < 2 * max_queued and own < max_queued // (len(rivals) + 1))


def starting_share(waiting: Iterable[Waiting], client: str, served_s: Mapping[str, float]) -> float:
    """What a client counts as having been served when it queues a job.

    Whoever was away has not saved up turns: it begins level with the least served of those who wait.
    """
    rivals = {job.client for job in waiting}
    own = served_s.get(client, 0.0)
    if client in rivals or not rivals:
        return own
    return max(own, min(served_s.get(rival, 0.0) for rival in rivals))
