"""The api, as the holder of a key."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import httpx
from typing_extensions import Self

from .._call import Call, anything, one, part, text
from .._settings import USER_AGENT, Settings, from_environment
from ..models import Health, Kind, KindList, ProblemDescription
from ..retry import RetryPolicy
from ._dead_letters import AsyncDeadLetters
from ._endpoints import AsyncEndpoints
from ._jobs import AsyncJobs
from ._people import AsyncAudit, AsyncKeys, AsyncTenants, AsyncUsers
from ._queues import AsyncQueues
from ._schedules import AsyncSchedules
from ._transport import AsyncTransport


class AsyncTandem:
    """The api, as the holder of a key. Use one for the whole program: it keeps its connections.

    `timeout` is for how many seconds one try may be silent, `retry` how often and how patiently requests are repeated.
    `http_client` is for proxies, certificates and limits of your own; who passes it, closes it.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        user_agent: str = USER_AGENT,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        settings = Settings(url, api_key, timeout, user_agent, retry or RetryPolicy())
        self._owns_http = http_client is None
        self._use(AsyncTransport(settings, http_client or httpx.AsyncClient()))

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ, **options: Any) -> Self:
        """A client by `TANDEM_URL` and `TANDEM_API_KEY`, as `tandem dev` writes them down."""
        url, api_key = from_environment(environment)
        return cls(url, api_key, **options)

    def _use(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._send = transport.send
        self.jobs = AsyncJobs(transport)
        self.dead_letters = AsyncDeadLetters(transport)
        self.queues = AsyncQueues(transport)
        self.schedules = AsyncSchedules(transport)
        self.endpoints = AsyncEndpoints(transport)
        self.users = AsyncUsers(transport)
        self.keys = AsyncKeys(transport)
        self.tenants = AsyncTenants(transport)
        self.audit = AsyncAudit(transport)

    def with_options(self, *, timeout: float | None = None, retry: RetryPolicy | None = None) -> Self:
        """The same client by the same connections, with another timeout or other retries."""
        other = object.__new__(type(self))
        other._owns_http = False
        settings = self._transport.settings.changed(timeout, retry)
        other._use(AsyncTransport(settings, self._transport.http))
        return other

    async def kinds(self) -> builtins.list[Kind]:
        """The kinds of jobs that workers have handlers for, with the schemas of their payloads."""
        return await self._send(Call("GET", "/api/kinds", part(KindList, lambda it: it.kinds)))

    async def health(self) -> Health:
        """Whether the api is alive."""
        return await self._send(Call("GET", "/health", one(Health)))

    async def ready(self) -> Health:
        """Whether the api can take requests now; `status` says so."""
        return await self._send(Call("GET", "/ready", one(Health), welcome=frozenset({503})))

    async def metrics(self) -> str:
        """What Prometheus reads."""
        return await self._send(Call("GET", "/metrics", text, headers={"Accept": "text/plain"}))

    async def describe_problem(self, code: str) -> ProblemDescription:
        """What the `code` of an `ApiError` means, and whether the same request may succeed a little later."""
        return await self._send(Call("GET", "/problems/{code}", one(ProblemDescription), at={"code": code}))

    async def request(
        self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: object = None
    ) -> Any:
        """Asks for what this version has no method for; gives the JSON of the answer."""
        return await self._send(Call(method, path, anything, query=query or {}, body=body))

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._owns_http:
            await self._transport.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.settings.url!r})"
