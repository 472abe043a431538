"""What the tests share: the api, and a client of each kind."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from tandem import AsyncTandem, RetryPolicy, Tandem
from tandem.models import CreatedTenant
from tandem.params import Scope

from .faces import blocking
from .servers import TLS

Connect = Callable[..., Tandem]


@pytest.fixture(scope="session")
def url() -> str:
    """Where the api is. `cargo xtask python-client` starts it."""
    return os.environ["TANDEM_TEST_URL"]


@pytest.fixture(scope="session")
def api_key() -> str:
    """A key that may do everything, of a tenant that operates the others."""
    return os.environ["TANDEM_TEST_API_KEY"]


@pytest.fixture(params=["sync", "asyncio", "trio"])
def connect(request: pytest.FixtureRequest, url: str, api_key: str) -> Iterator[Connect]:
    """Makes clients, of the kind that the test is run for."""
    with ExitStack() as stack:
        face = str(request.param)
        portal = None if face == "sync" else stack.enter_context(start_blocking_portal(face))

        def make(at: str = url, key: str = api_key, **options: Any) -> Tandem:
            # Nobody has time to wait in tests, but for what the api asks for.
            options.setdefault("retry", RetryPolicy(initial_secs=0.01))
            if portal is None:
                http = stack.enter_context(httpx.Client(verify=TLS))
                return stack.enter_context(Tandem(at, key, http_client=http, **options))
            async_http = httpx.AsyncClient(verify=TLS)
            stack.callback(portal.call, async_http.aclose)
            return blocking(portal, AsyncTandem(at, key, http_client=async_http, **options))

        yield make


@pytest.fixture
def tandem(connect: Connect) -> Tandem:
    return connect()


@dataclass(frozen=True)
class Fresh:
    """A tenant that nobody else uses."""

    client: Tandem
    webhook_secret: str


@pytest.fixture
def fresh(tandem: Tandem, connect: Connect, name: str) -> Fresh:
    made = tandem.tenants.create(name=f"{name}-fresh")
    return Fresh(connect(key=full_key(connect, made)), made.webhook_secret)


def full_key(connect: Connect, made: CreatedTenant) -> str:
    """Gives a key of the tenant that may do everything. Its first one may make keys."""
    scopes: list[Scope] = ["jobs:read", "jobs:write", "ops", "admin"]
    return connect(key=made.api_key).keys.create(name="full", scopes=scopes).api_key


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"t{uuid.uuid4().hex[:20]}"
