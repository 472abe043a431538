"""Whether the client has a method for each operation of the api's description, and no other."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from tandem import AsyncTandem, RetryPolicy, Tandem, TandemError

DESCRIPTION = Path(__file__).resolve().parents[3] / "crates/api/openapi.json"
RESOURCES = ["jobs", "dead_letters", "queues", "schedules", "endpoints", "users", "keys", "tenants", "audit"]
# These ask for nothing that is in the description by themselves.
GENERAL = {"request", "close", "aclose", "with_options", "from_env"}


def operations() -> dict[tuple[str, str], str]:
    """The operations by what is asked for."""
    paths = json.loads(DESCRIPTION.read_text())["paths"]
    return {
        (method.upper(), path): operation["operationId"]
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def public_methods(client: object) -> Iterator[tuple[str, Callable[..., Any]]]:
    for owner in ["", *RESOURCES]:
        part = getattr(client, owner) if owner else client
        for name, method in inspect.getmembers(part, callable):
            if not name.startswith("_") and name not in GENERAL:
                yield f"{owner}.{name}".strip("."), method


def arguments(method: Callable[..., Any]) -> list[Any]:
    """What it can't be called without."""
    needed = [
        it
        for it in inspect.signature(method).parameters.values()
        if it.default is inspect.Parameter.empty and it.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    return ["x" for _ in needed]


class Recorder:
    """Takes requests in the api's place, and refuses them all."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.path))
        return httpx.Response(500)

    def operation(self) -> str:
        """Names the operation that was asked for last."""
        method, path = self.asked.pop()
        known = operations()
        if (method, path) in known:
            return known[method, path]
        for (its_method, template), operation in known.items():
            if its_method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                return operation
        return f"{method} {path}, which is not in the description"


def asked_by_sync() -> dict[str, str]:
    recorder = Recorder()
    with httpx.Client(transport=httpx.MockTransport(recorder)) as http:
        client = Tandem("http://api", "key", retry=RetryPolicy(max_tries=1), http_client=http)
        asked = {}
        for name, method in public_methods(client):
            with pytest.raises(TandemError):
                for _ in method(*arguments(method)):
                    pass
            asked[name] = recorder.operation()
        return asked


async def asked_by_async() -> dict[str, str]:
    recorder = Recorder()
    async with httpx.AsyncClient(transport=httpx.MockTransport(recorder)) as http:
        client = AsyncTandem("http://api", "key", retry=RetryPolicy(max_tries=1), http_client=http)
        asked = {}
        for name, method in public_methods(client):
            with pytest.raises(TandemError):  # noqa: PT012
                given = method(*arguments(method))
                if inspect.isawaitable(given):
                    await given
                else:
                    async for _ in given:
                        pass
            asked[name] = recorder.operation()
        return asked


def test_each_operation_has_a_method_and_no_method_asks_for_anything_else() -> None:
    assert set(asked_by_sync().values()) == set(operations().values())


def test_both_clients_have_the_same_methods() -> None:
    assert asked_by_sync() == anyio.run(asked_by_async)


def test_both_clients_methods_take_the_same() -> None:
    with Tandem("http://api", "key") as blocking:
        sync_methods = dict(public_methods(blocking))
        async_methods = dict(public_methods(AsyncTandem("http://api", "key")))
        for name, method in sync_methods.items():
            other = inspect.signature(async_methods[name]).parameters
            assert inspect.signature(method).parameters == other, name
