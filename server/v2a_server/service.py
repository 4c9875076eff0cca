"""The RPCs: check, one call, convert. Errors become statuses in `interceptors`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc

from v2a.errors import NotFoundError, UsageError
from v2a.version import __version__
from v2a_api import CONTRACT_VERSION
from v2a_api.v1 import (
    generation_pb2,
    generation_pb2_grpc,
    media_pb2,
    media_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
)
from v2a_server.catalogue import Cards, find_card
from v2a_server.convert import model_to_proto
from v2a_server.errors import OutOfRangeError
from v2a_server.executor import Executor
from v2a_server.interceptors import client_of
from v2a_server.scheduler import Scheduler
from v2a_server.sources import Sources
from v2a_server.store import Store
from v2a_server.uploads import Uploads

_CHUNK_BYTES = 1 << 20
_PAGE = 100
_MAX_PAGE = 1_000

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ServerService(server_pb2_grpc.ServerServiceServicer):
    """What is answering."""

    def __init__(self, executor: Executor, sources: Sources) -> None:
        self._executor = executor
        self._sources = sources

    async def GetServerInfo(self, request: server_pb2.GetServerInfoRequest, context: Context) -> server_pb2.ServerInfo:
        """See server.proto."""
        return server_pb2.ServerInfo(
            software_version=__version__,
            contract_version=CONTRACT_VERSION,
            pid=os.getpid(),
            device=self._executor.device,
            accepts_paths=self._sources.accepts_paths,
        )


class ModelService(models_pb2_grpc.ModelServiceServicer):
    """Which models can be asked for."""

    def __init__(self, cards: Cards) -> None:
        self._cards = cards

    async def ListModels(
        self, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        """See models.proto."""
        cards = await asyncio.to_thread(self._cards)
        return models_pb2.ListModelsResponse(models=[model_to_proto(card) for card in cards.values()])

    async def GetModel(self, request: models_pb2.GetModelRequest, context: Context) -> models_pb2.Model:
        """See models.proto."""
        return model_to_proto(await asyncio.to_thread(find_card, self._cards, request.name))


class MediaService(media_pb2_grpc.MediaServiceServicer):
    """Uploads."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def GetUpload(self, request: media_pb2.GetUploadRequest, context: Context) -> media_pb2.Upload:
        """See media.proto."""
        return self._upload(request.sha256)

    async def UploadMedia(
        self, request_iterator: AsyncIterator[media_pb2.UploadMediaRequest], context: Context
    ) -> media_pb2.Upload:
        """See media.proto."""
        first = await anext(request_iterator, media_pb2.UploadMediaRequest())
        if not first.HasField("start"):
            raise UsageError("the first message of an upload says what is sent (start)")
        start = first.start
        await self._uploads.receive(start.sha256, start.size_bytes, start.offset_bytes, _blocks(request_iterator))
        return self._upload(start.sha256)

    def _upload(self, sha256: str) -> media_pb2.Upload:
        arrived, complete = self._uploads.status(sha256)
        return media_pb2.Upload(sha256=sha256, committed_bytes=arrived, complete=complete)


class GenerationService(generation_pb2_grpc.GenerationServiceServicer):
    """Jobs and their takes."""

    def __init__(self, scheduler: Scheduler, store: Store) -> None:
        self._scheduler = scheduler
        self._store = store

    async def CreateGeneration(
        self, request: generation_pb2.CreateGenerationRequest, context: Context
    ) -> generation_pb2.Generation:
        """See generation.proto, as for all that follow."""
        return await self._scheduler.create(request.request_id, request.spec, client_of(context), request.priority)

    async def WatchGeneration(
        self, request: generation_pb2.WatchGenerationRequest, context: Context
    ) -> AsyncIterator[generation_pb2.GenerationEvent]:
        """See generation.proto."""
        async with aclosing(self._scheduler.watch(request.request_id, request.after_sequence)) as events:
            async for event in events:
                yield event

    async def GetGeneration(
        self, request: generation_pb2.GetGenerationRequest, context: Context
    ) -> generation_pb2.Generation:
        """See generation.proto."""
        return await self._scheduler.get(request.request_id)

    async def ListGenerations(
        self, request: generation_pb2.ListGenerationsRequest, context: Context
    ) -> generation_pb2.ListGenerationsResponse:
        """See generation.proto."""
        size = request.page_size or _PAGE
        if size > _MAX_PAGE:
            raise UsageError(f"a page holds 1 to {_MAX_PAGE:,} jobs, got {size:,}")
        page, next_before_id = await self._scheduler.list(_before_id(request.page_token), size)
        return generation_pb2.ListGenerationsResponse(generations=page, next_page_token=str(next_before_id or ""))

    async def CancelGeneration(
        self, request: generation_pb2.CancelGenerationRequest, context: Context
    ) -> generation_pb2.Generation:
        """See generation.proto."""
        return await self._scheduler.cancel(request.request_id)

    async def DeleteGeneration(
        self, request: generation_pb2.DeleteGenerationRequest, context: Context
    ) -> generation_pb2.DeleteGenerationResponse:
        """See generation.proto."""
        await self._scheduler.delete(request.request_id)
        return generation_pb2.DeleteGenerationResponse()

    async def ReadTake(
        self, request: generation_pb2.ReadTakeRequest, context: Context
    ) -> AsyncIterator[generation_pb2.TakeChunk]:
        """See generation.proto."""
        if request.growing:
            growing = self._scheduler.read_growing(
                request.request_id, request.layer, request.index, request.offset_bytes
            )
            async with aclosing(growing) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        take = await self._scheduler.take(request.request_id, request.layer, request.index)
        if not 0 <= request.offset_bytes <= take.size_bytes:
            raise OutOfRangeError(f"the take has {take.size_bytes} bytes, asked from {request.offset_bytes}")
        try:
            file = await asyncio.to_thread(self._store.result(take.sha256).open, "rb")
        except FileNotFoundError:
            raise NotFoundError(f"the take of the job {request.request_id} was deleted") from None
        with file:
            file.seek(request.offset_bytes)
            while data := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                yield generation_pb2.TakeChunk(data=data)


async def _blocks(messages: AsyncIterator[media_pb2.UploadMediaRequest]) -> AsyncIterator[bytes]:
    async for message in messages:
        if not message.HasField("data"):
            raise UsageError("after the first message an upload holds data only")
        yield message.data


def _before_id(page_token: str) -> int | None:
    if not page_token:
        return None
    if not page_token.isascii() or not page_token.isdecimal() or len(page_token) > 18:
        raise UsageError("page_token is not one that this server gave out")
    return int(page_token)
