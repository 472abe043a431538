"""Lists that come in pages. Nothing here sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from ._call import Call, part

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list."""

    items: list[T]
    next_cursor: str | None
    """Gives the next page when sent as `cursor`; `None` on the last one."""


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A list: how each of its pages is asked for."""

    at: Callable[[str | None], Call[Page[T]]]
    """The page at a cursor, or the first one."""
    start: str | None
    """Where the caller wants to begin."""


def listing(route: str, query: Mapping[str, object], model: type[M], pick: Callable[[M], Page[T]]) -> Listing[T]:
    """Describes a list. `query` has the filters, and may have the cursor of the page to begin with."""
    start = query.get("cursor")

    def at(cursor: str | None) -> Call[Page[T]]:
        return Call("GET", route, part(model, pick), query={**query, "cursor": cursor})

    return Listing(at, None if start is None else str(start))
