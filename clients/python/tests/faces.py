"""Both clients by the same tests: the one for event loops is used as if it blocked."""

from __future__ import annotations

import inspect
import queue
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from concurrent.futures import Future
from typing import Any, cast

from anyio.from_thread import BlockingPortal

from tandem import AsyncTandem, Tandem

END = object()


def blocking(portal: BlockingPortal, client: AsyncTandem) -> Tandem:
    """Gives a client whose calls run in the portal's event loop. It has all that `Tandem` has."""
    return cast("Tandem", Blocking(portal, client))


class Blocking:
    """Passes calls on, and waits for what they give."""

    def __init__(self, portal: BlockingPortal, inner: object) -> None:
        self._portal = portal
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        name = {"close": "aclose"}.get(name, name)
        value = getattr(self._inner, name)
        return self._calling(value) if callable(value) else Blocking(self._portal, value)

    def _calling(self, function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            given = function(*args, **kwargs)
            if inspect.isawaitable(given):
                return self._portal.call(_wait_for, given)
            if isinstance(given, AsyncIterable):
                return Items(self._portal, given)
            return Blocking(self._portal, given) if isinstance(given, AsyncTandem) else given

        return call

    def __enter__(self) -> Blocking:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._inner)


class Items(Blocking, Iterator[object]):
    """What comes one after the other, from a task of its own that is as far ahead as it can be."""

    def __init__(self, portal: BlockingPortal, inner: AsyncIterable[object]) -> None:
        super().__init__(portal, inner)
        self._inner: AsyncIterable[object] = inner
        self._items: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._task: Future[None] | None = None

    def __iter__(self) -> Iterator[object]:
        # A list starts over whenever somebody goes through it, a generator does not.
        return self if inspect.isasyncgen(self._inner) else Items(self._portal, self._inner.__aiter__())

    def __next__(self) -> object:
        if self._task is None:
            self._task = self._portal.start_task_soon(self._pump)
        item = self._items.get()
        if item is END:
            self._task.result()
            raise StopIteration
        return item

    def close(self) -> None:
        """Ends the task in the middle of whatever it does."""
        if self._task is not None:
            self._task.cancel()
            self._items.get()

    async def _pump(self) -> None:
        try:
            async for item in self._inner:
                self._items.put(item)
        finally:
            closed = getattr(self._inner, "aclose", None)
            self._items.put(END)
            if closed is not None:
                await closed()


async def _wait_for(given: Awaitable[object]) -> object:
    return await given
