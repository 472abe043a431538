"""Sending, and sending again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import httpx

from .._call import Answer, Call
from .._exchange import Done, Exchange
from .._settings import Settings

T = TypeVar("T")


class AsyncTransport:
    """Sends calls by the client's connections."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self.settings = settings
        self.http = http

    async def send(self, call: Call[T]) -> T:
        """Gives the answer, after as many tries as the policy allows."""
        exchange = Exchange(call, self.settings.retry)
        while True:
            try:
                response = await self.http.send(self._request(call))
            except httpx.RequestError as error:
                outcome: Done[T] | Any = exchange.broke(error)
            else:
                outcome = exchange.answered(_answer(response, response.content))
            if isinstance(outcome, Done):
                return outcome.value
            await anyio.sleep(outcome.wait_secs)

    @asynccontextmanager
    async def stream(self, call: Call[Any]) -> AsyncIterator[httpx.Response]:
        """Opens a stream, after as many tries as the policy allows."""
        response = await self._open(call)
        try:
            yield response
        finally:
            await response.aclose()

    async def _open(self, call: Call[Any]) -> httpx.Response:
        exchange = Exchange(call, self.settings.retry)
        while True:
            try:
                response = await self.http.send(self._request(call, is_stream=True), stream=True)
                if response.is_success:
                    return response
                again = exchange.refused(_answer(response, await response.aread()))
            except httpx.RequestError as error:
                again = exchange.broke(error)
            await anyio.sleep(again.wait_secs)

    def _request(self, call: Call[Any], *, is_stream: bool = False) -> httpx.Request:
        return self.http.build_request(**self.settings.request(call, is_stream=is_stream))


def _answer(response: httpx.Response, content: bytes) -> Answer:
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, content)


class AsyncResource:
    """One of the things that the api has."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._send = transport.send
