# Made from `_async/_pages.py` by `tools/derive_sync.py`: change it there.
"""Lists, page after page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from .._paging import Listing, Page
from ._transport import Transport

T = TypeVar("T")


class Pages(Generic[T]):
    """What a list has, from all of its pages. Nothing is asked for before the first item is wanted.

    `limit` is how many items come per request, not how many there are in all.
    """

    def __init__(self, transport: Transport, listing: Listing[T]) -> None:
        self._transport = transport
        self._listing = listing

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            for item in page.items:
                yield item

    def pages(self) -> Iterator[Page[T]]:
        """The pages themselves, each with the cursor of the next."""
        cursor = self._listing.start
        while True:
            page = self._transport.send(self._listing.at(cursor))
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    def first_page(self) -> Page[T]:
        """The first page alone."""
        return self._transport.send(self._listing.at(self._listing.start))
