"""Dead letters: failed jobs that wait for a decision."""

from __future__ import annotations

import builtins

from typing_extensions import Unpack

from .._call import Call, one, part
from .._paging import Page, listing
from ..models import (
    DeadLetter,
    DeadLetterGroup,
    DeadLetterGroupList,
    DeadLetterList,
    DiscardedDeadLetters,
    RetriedDeadLetters,
)
from ..params import DiscardDeadLetters, GroupDeadLettersQuery, ListDeadLettersQuery, RetryDeadLetters
from ._pages import AsyncPages
from ._transport import AsyncResource


class AsyncDeadLetters(AsyncResource):
    """Failed jobs that wait for a decision."""

    def list(self, **query: Unpack[ListDeadLettersQuery]) -> AsyncPages[DeadLetter]:
        """The dead letters that match, the job that was submitted last first."""
        letters = listing("/api/dead-letters", query, DeadLetterList, lambda it: Page(it.dead_letters, it.next_cursor))
        return AsyncPages(self._transport, letters)

    async def groups(self, **query: Unpack[GroupDeadLettersQuery]) -> builtins.list[DeadLetterGroup]:
        """The dead letters that match by their cause, the largest group first."""
        read = part(DeadLetterGroupList, lambda it: it.groups)
        return await self._send(Call("GET", "/api/dead-letters/groups", read, query=query))

    async def retry(self, **which: Unpack[RetryDeadLetters]) -> RetriedDeadLetters:
        """Queues all that match again; `rate_per_second` spreads them out, and `dry_run` only counts them."""
        return await self._send(
            Call(
                "POST",
                "/api/dead-letters/retry",
                one(RetriedDeadLetters),
                body=which,
                repeatable=which.get("dry_run", False),
            )
        )

    async def discard(self, **which: Unpack[DiscardDeadLetters]) -> DiscardedDeadLetters:
        """Lets all that match stay failed for good; `dry_run` only counts them."""
        return await self._send(
            Call(
                "POST",
                "/api/dead-letters/discard",
                one(DiscardedDeadLetters),
                body=which,
                repeatable=which.get("dry_run", False),
            )
        )
