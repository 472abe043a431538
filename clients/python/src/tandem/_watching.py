"""Watching what happens to a job, over as many streams as that takes. Nothing here waits or sends."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from uuid import UUID

from httpx_sse import ServerSentEvent
from pydantic import ValidationError

from ._call import Call, nothing
from .errors import UnexpectedAnswer
from .models import Event
from .retry import RetryPolicy

logger = logging.getLogger("tandem")

EVENT_STREAM = "text/event-stream"
# Named so, the api ends the stream.
END = "end"
# A stream that gave nothing is not opened again more often than this.
LEAST_PAUSE_SECS = 0.1


class Watching:
    """Knows what was told, and where the next stream has to go on."""

    def __init__(
        self,
        job_id: UUID | str,
        after: int,
        policy: RetryPolicy,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._job_id = job_id
        self._last = after
        self._policy = policy
        self._draw = draw
        self._fruitless = 0
        self._asked_secs: float | None = None
        self.is_over = False

    def call(self) -> Call[None]:
        """Asks for a stream of what is not known yet."""
        headers = {"Accept": EVENT_STREAM, "Cache-Control": "no-store"}
        if self._last > 0:
            headers["Last-Event-ID"] = str(self._last)
        self._fruitless += 1
        return Call("GET", "/api/jobs/{id}/events", nothing, at={"id": self._job_id}, headers=headers)

    def opened(self, content_type: str) -> None:
        """Takes the beginning of an answer. Raises `UnexpectedAnswer` when it is no stream of events."""
        if content_type.partition(";")[0].strip().lower() != EVENT_STREAM:
            message = f"{content_type or 'an answer without a type'} is no stream of events"
            raise UnexpectedAnswer(message, status=200)

    def told(self, message: ServerSentEvent) -> Event | None:
        """Takes a message; gives the event that it tells about, if that is a new one."""
        if message.retry is not None:
            self._asked_secs = message.retry / 1000
        if message.event == END:
            self.is_over = True
            return None
        if not message.data:
            return None
        event = _read(message.data)
        if event.number <= self._last:
            return None
        self._last = event.number
        self._fruitless = 0
        return event

    def broke(self, cause: Exception) -> None:
        """Takes the end of a stream that should have gone on."""
        logger.info("the events of job %s broke off after number %d: %r", self._job_id, self._last, cause)

    def pause_secs(self) -> float:
        """Gives the wait before the next stream: what the api asked for, or longer after each that told nothing."""
        asked, self._asked_secs = self._asked_secs, None
        if asked is not None:
            return asked
        return max(self._policy.drawn_secs(self._fruitless + 1, self._draw()), LEAST_PAUSE_SECS)


def _read(data: str) -> Event:
    try:
        return Event.model_validate_json(data)
    except ValidationError as error:
        message = f"an event can't be read: {data}"
        raise UnexpectedAnswer(message, status=200) from error
