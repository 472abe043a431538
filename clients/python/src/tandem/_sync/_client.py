# Made from `_async/_client.py` by `tools/derive_sync.py`: change it there.
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
from ._dead_letters import DeadLetters
from ._endpoints import Endpoints
from ._jobs import Jobs
from ._people import Audit, Keys, Tenants, Users
from ._queues import Queues
from ._schedules import Schedules
from ._transport import Transport


class Tandem:
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
        http_client: httpx.Client | None = None,
    ) -> None:
        settings = Settings(url, api_key, timeout, user_agent, retry or RetryPolicy())
        self._owns_http = http_client is None
        self._use(Transport(settings, http_client or httpx.Client()))

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ, **options: Any) -> Self:
        """A client by `TANDEM_URL` and `TANDEM_API_KEY`, as `tandem dev` writes them down."""
        url, api_key = from_environment(environment)
        return cls(url, api_key, **options)

    def _use(self, transport: Transport) -> None:
        self._transport = transport
        self._send = transport.send
        self.jobs = Jobs(transport)
        self.dead_letters = DeadLetters(transport)
        self.queues = Queues(transport)
        self.schedules = Schedules(transport)
        self.endpoints = Endpoints(transport)
        self.users = Users(transport)
        self.keys = Keys(transport)
        self.tenants = Tenants(transport)
        self.audit = Audit(transport)

    def with_options(self, *, timeout: float | None = None, retry: RetryPolicy | None = None) -> Self:
        """The same client by the same connections, with another timeout or other retries."""
        other = object.__new__(type(self))
        other._owns_http = False
        settings = self._transport.settings.changed(timeout, retry)
        other._use(Transport(settings, self._transport.http))
        return other

    def kinds(self) -> builtins.list[Kind]:
        """The kinds of jobs that workers have handlers for, with the schemas of their payloads."""
        return self._send(Call("GET", "/api/kinds", part(KindList, lambda it: it.kinds)))

    def health(self) -> Health:
        """Whether the api is alive."""
        return self._send(Call("GET", "/health", one(Health)))

    def ready(self) -> Health:
        """Whether the api can take requests now; `status` says so."""
        return self._send(Call("GET", "/ready", one(Health), welcome=frozenset({503})))

    def metrics(self) -> str:
        """What Prometheus reads."""
        return self._send(Call("GET", "/metrics", text, headers={"Accept": "text/plain"}))

    def describe_problem(self, code: str) -> ProblemDescription:
        """What the `code` of an `ApiError` means, and whether the same request may succeed a little later."""
        return self._send(Call("GET", "/problems/{code}", one(ProblemDescription), at={"code": code}))

    def request(self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: object = None) -> Any:
        """Asks for what this version has no method for; gives the JSON of the answer."""
        return self._send(Call(method, path, anything, query=query or {}, body=body))

    def close(self) -> None:
        """Closes the connections."""
        if self._owns_http:
            self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.settings.url!r})"
