"""Connections: whose they are, and how long they live."""

from __future__ import annotations

import anyio
import httpx
import pytest

from tandem import AsyncTandem, Tandem

from .eventually import eventually
from .servers import Cable


def test_a_client_closes_the_connections_that_it_made(url: str, api_key: str) -> None:
    cable = Cable(url)
    with cable.connected() as through:
        with Tandem(through, api_key) as tandem:
            assert tandem.health() == tandem.with_options(timeout=5).health()
            assert (cable.open, len(cable.sent)) == (1, 1)
        eventually(lambda: cable.open == 0)
        with pytest.raises(RuntimeError, match="closed"):
            tandem.health()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_without_blocking_does_so_too(url: str, api_key: str, backend: str) -> None:
    cable = Cable(url)

    async def use(through: str) -> None:
        async with AsyncTandem(through, api_key) as tandem:
            assert await tandem.health() == await tandem.with_options(timeout=5).health()
            assert (cable.open, len(cable.sent)) == (1, 1)

    with cable.connected() as through:
        anyio.run(use, through, backend=backend)
        eventually(lambda: cable.open == 0)


def test_connections_of_somebody_else_are_left_open(url: str, api_key: str) -> None:
    with httpx.Client() as http:
        for _ in range(2):
            with Tandem(url, api_key, http_client=http) as tandem:
                tandem.health()
        assert not http.is_closed
