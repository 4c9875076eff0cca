"""A client that watches one job many times at once; prints as JSON how late the events came, in seconds.

python -m benchmarks.serving.watching ADDRESS N NAME...
"""

import asyncio
import json
import sys
import time
from typing import Any

import grpc

from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import generation_pb2_grpc

_PER_CHANNEL = 200  # the server lets in 256 calls a connection


async def watch(address: str, n_watchers: int, names: list[str]) -> list[float]:
    """Watch them in turns; warnings hold the time at which they were given, on the clock that all processes share."""
    late_s: list[float] = []
    all_watch, n_watching = asyncio.Event(), 0

    async def one(service: "generation_pb2_grpc.GenerationServiceAsyncStub", name: str) -> None:
        nonlocal n_watching
        first = True
        async for event in service.WatchGeneration(pb.WatchGenerationRequest(request_id=name)):
            if first:
                first, n_watching = False, n_watching + 1
                if n_watching == n_watchers:
                    all_watch.set()
            if event.warning.startswith("clock "):
                late_s.append(time.monotonic() - float(event.warning.split()[1]))

    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [grpc.aio.insecure_channel(address, options) for _ in range(-(-n_watchers // _PER_CHANNEL))]
    services: list[Any] = [generation_pb2_grpc.GenerationServiceStub(channel) for channel in channels]
    watches = []
    for number in range(n_watchers):
        watches.append(asyncio.create_task(one(services[number // _PER_CHANNEL], names[number % len(names)])))
        if number % 50 == 49:
            await asyncio.sleep(0.05)
    await all_watch.wait()
    print("watching", flush=True)
    await asyncio.gather(*watches)
    for channel in channels:
        await channel.close()
    return late_s


if __name__ == "__main__":
    address, n_watchers, *names = sys.argv[1:]
    print(json.dumps(asyncio.run(watch(address, int(n_watchers), names))))
