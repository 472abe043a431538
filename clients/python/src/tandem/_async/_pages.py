"""Lists, page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from .._paging import Listing, Page
from ._transport import AsyncTransport

T = TypeVar("T")


class AsyncPages(Generic[T]):
    """What a list has, from all of its pages. Nothing is asked for before the first item is wanted.

    `limit` is how many items come per request, not how many there are in all.
    """

    def __init__(self, transport: AsyncTransport, listing: Listing[T]) -> None:
        self._transport = transport
        self._listing = listing

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self) -> AsyncIterator[Page[T]]:
        """The pages themselves, each with the cursor of the next."""
        cursor = self._listing.start
        while True:
            page = await self._transport.send(self._listing.at(cursor))
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    async def first_page(self) -> Page[T]:
        """The first page alone."""
        return await self._transport.send(self._listing.at(self._listing.start))
