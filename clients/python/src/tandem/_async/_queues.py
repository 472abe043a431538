"""Queues: the lanes that jobs wait in."""

from __future__ import annotations

import builtins

from typing_extensions import Unpack

from .._call import Call, one, part
from ..models import Queue, QueueList
from ..params import PauseQueue, ResumeQueue
from ._transport import AsyncResource


class AsyncQueues(AsyncResource):
    """The lanes that jobs wait in."""

    async def list(self) -> builtins.list[Queue]:
        """All queues, with what waits in them."""
        return await self._send(Call("GET", "/api/queues", part(QueueList, lambda it: it.queues)))

    async def get(self, name: str) -> Queue:
        """A queue, with what waits in it."""
        return await self._send(Call("GET", "/api/queues/{name}", one(Queue), at={"name": name}))

    async def pause(self, name: str, **how: Unpack[PauseQueue]) -> Queue:
        """Starts no more jobs of a queue. What runs goes on, and jobs can still be submitted."""
        # Pausing what is paused leaves it so.
        return await self._send(
            Call("POST", "/api/queues/{name}/pause", one(Queue), at={"name": name}, body=how, repeatable=True)
        )

    async def resume(self, name: str, **how: Unpack[ResumeQueue]) -> Queue:
        """Starts jobs of a queue again."""
        return await self._send(
            Call("POST", "/api/queues/{name}/resume", one(Queue), at={"name": name}, body=how, repeatable=True)
        )
