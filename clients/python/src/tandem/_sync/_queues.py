# Made from `_async/_queues.py` by `tools/derive_sync.py`: change it there.
"""Queues: the lanes that jobs wait in."""

from __future__ import annotations

import builtins

from typing_extensions import Unpack

from .._call import Call, one, part
from ..models import Queue, QueueList
from ..params import PauseQueue, ResumeQueue
from ._transport import Resource


class Queues(Resource):
    """The lanes that jobs wait in."""

    def list(self) -> builtins.list[Queue]:
        """All queues, with what waits in them."""
        return self._send(Call("GET", "/api/queues", part(QueueList, lambda it: it.queues)))

    def get(self, name: str) -> Queue:
        """A queue, with what waits in it."""
        return self._send(Call("GET", "/api/queues/{name}", one(Queue), at={"name": name}))

    def pause(self, name: str, **how: Unpack[PauseQueue]) -> Queue:
        """Starts no more jobs of a queue. What runs goes on, and jobs can still be submitted."""
        # Pausing what is paused leaves it so.
        return self._send(
            Call("POST", "/api/queues/{name}/pause", one(Queue), at={"name": name}, body=how, repeatable=True)
        )

    def resume(self, name: str, **how: Unpack[ResumeQueue]) -> Queue:
        """Starts jobs of a queue again."""
        return self._send(
            Call("POST", "/api/queues/{name}/resume", one(Queue), at={"name": name}, body=how, repeatable=True)
        )
