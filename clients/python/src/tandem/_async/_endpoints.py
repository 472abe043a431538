"""Endpoints: HTTP targets with signing secrets of their own."""

from __future__ import annotations

import builtins

from typing_extensions import Unpack

from .._call import Answer, Call, nothing, one, part
from .._paging import Page, listing
from .._preconditions import condition
from ..models import CreatedEndpoint, Endpoint, EndpointList, RotatedSecret, Secret, SecretList
from ..params import ListEndpointsQuery, PutEndpoint, RotateSecret
from ._pages import AsyncPages
from ._transport import AsyncResource


class AsyncEndpoints(AsyncResource):
    """HTTP targets with signing secrets of their own."""

    def list(self, **query: Unpack[ListEndpointsQuery]) -> AsyncPages[Endpoint]:
        """All endpoints, by name."""
        endpoints = listing("/api/endpoints", query, EndpointList, lambda it: Page(it.endpoints, it.next_cursor))
        return AsyncPages(self._transport, endpoints)

    async def get(self, name: str) -> Endpoint:
        """An endpoint, without the values of its headers."""
        return await self._send(Call("GET", "/api/endpoints/{name}", one(Endpoint), at={"name": name}))

    async def put(
        self,
        name: str,
        *,
        if_version: int | None = None,
        only_new: bool = False,
        **endpoint: Unpack[PutEndpoint],
    ) -> Endpoint | CreatedEndpoint:
        """Makes an endpoint, or changes it. A new one is a `CreatedEndpoint`, whose `secret` is shown this once.

        With `if_version` only in place of that version, with `only_new` only where there is none; otherwise
        `PreconditionFailed` is raised.
        """
        return await self._send(
            Call(
                "PUT",
                "/api/endpoints/{name}",
                _put,
                at={"name": name},
                headers=condition(if_version, only_new=only_new),
                body=endpoint,
                # The second answer would not have the secret.
                repeatable=False,
            )
        )

    async def delete(self, name: str, *, if_version: int | None = None) -> None:
        """Deletes an endpoint. Jobs that name it fail."""
        headers = condition(if_version)
        await self._send(
            Call("DELETE", "/api/endpoints/{name}", nothing, at={"name": name}, headers=headers, repeatable=not headers)
        )

    async def rotate_secret(self, name: str, **how: Unpack[RotateSecret]) -> RotatedSecret:
        """Makes another signing secret, shown this once. The old ones sign as well, for `overlap_secs`."""
        return await self._send(
            Call("POST", "/api/endpoints/{name}/rotate-secret", one(RotatedSecret), at={"name": name}, body=how)
        )

    async def secrets(self, name: str) -> builtins.list[Secret]:
        """Which secrets sign, without the secrets themselves."""
        read = part(SecretList, lambda it: it.secrets)
        return await self._send(Call("GET", "/api/endpoints/{name}/secrets", read, at={"name": name}))


def _put(answer: Answer) -> Endpoint | CreatedEndpoint:
    return one(CreatedEndpoint)(answer) if answer.status == 201 else one(Endpoint)(answer)  # noqa: PLR2004
