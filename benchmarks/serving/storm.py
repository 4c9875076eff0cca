"""A client that asks for jobs at a rate, whatever is answered; prints counts as JSON when it is told to stop.

python -m benchmarks.serving.storm FOLDER PREFIX JOBS_A_SECOND SECONDS STEP_S
"""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

import grpc

from benchmarks.serving.stub import make_server
from benchmarks.serving.submitting import retry_after_s
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import generation_pb2_grpc


async def storm(folder: Path, prefix: str, rate: float, duration_s: float, step_s: float) -> Counter[str]:
    """Counts by status; "without RetryInfo" among the refused."""
    server = make_server(folder)
    counts: Counter[str] = Counter()
    options = (("grpc.max_reconnect_backoff_ms", 200),)
    async with grpc.aio.insecure_channel(server.listen, options) as channel:
        service = generation_pb2_grpc.GenerationServiceStub(channel)

        async def ask(number: int) -> None:
            spec = server.spec(steps=2, step_s=step_s)
            spec.sampling.seed = hash((prefix, number)) & 0x7FFF_FFFF_FFFF
            request = pb.CreateGenerationRequest(request_id=f"{prefix}-{number}", spec=spec)
            try:
                await service.CreateGeneration(request, metadata=(("v2a-client", prefix),), timeout=30)
                counts["accepted"] += 1
            except grpc.aio.AioRpcError as error:
                counts[error.code().name] += 1
                if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    try:
                        retry_after_s(tuple(error.trailing_metadata() or ()))
                    except (KeyError, IndexError):
                        counts["without RetryInfo"] += 1

        asked: set[asyncio.Task[None]] = set()
        began_s = time.monotonic()
        for number in range(round(rate * duration_s)):
            await asyncio.sleep(began_s + number / rate - time.monotonic())
            task = asyncio.create_task(ask(number))
            asked.add(task)
            task.add_done_callback(asked.discard)
        await asyncio.gather(*asked)
    return counts


if __name__ == "__main__":
    folder, prefix, *numbers = sys.argv[1:]
    print(json.dumps(asyncio.run(storm(Path(folder), prefix, *map(float, numbers)))))
