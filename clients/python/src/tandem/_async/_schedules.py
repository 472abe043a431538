"""Schedules: what makes jobs by cron."""

from __future__ import annotations

from typing_extensions import Unpack

from .. import _submitting
from .._call import Call, nothing, one
from .._paging import Page, listing
from .._preconditions import condition
from ..models import Schedule, ScheduleList, SchedulePreview, ScheduleSummary, SubmittedJob
from ..params import ListSchedulesQuery, PreviewSchedule, PreviewScheduleQuery, PutSchedule
from ._pages import AsyncPages
from ._transport import AsyncResource


class AsyncSchedules(AsyncResource):
    """What makes jobs by cron."""

    def list(self, **query: Unpack[ListSchedulesQuery]) -> AsyncPages[ScheduleSummary]:
        """All schedules, newest first, without their jobs' payload."""
        schedules = listing("/api/schedules", query, ScheduleList, lambda it: Page(it.schedules, it.next_cursor))
        return AsyncPages(self._transport, schedules)

    async def get(self, name: str) -> Schedule:
        """A schedule, with the job that it makes."""
        return await self._send(Call("GET", "/api/schedules/{name}", one(Schedule), at={"name": name}))

    async def put(
        self,
        name: str,
        *,
        if_version: int | None = None,
        only_new: bool = False,
        **schedule: Unpack[PutSchedule],
    ) -> Schedule:
        """Makes a schedule, or replaces it.

        With `if_version` only in place of that version, with `only_new` only where there is none; otherwise
        `PreconditionFailed` is raised.
        """
        headers = condition(if_version, only_new=only_new)
        return await self._send(
            Call(
                "PUT",
                "/api/schedules/{name}",
                one(Schedule),
                at={"name": name},
                headers=headers,
                body=schedule,
                # The second time, the condition would not hold because of the first.
                repeatable=not headers,
            )
        )

    async def delete(self, name: str, *, if_version: int | None = None) -> None:
        """Deletes a schedule. The jobs that it has made go on."""
        headers = condition(if_version)
        await self._send(
            Call("DELETE", "/api/schedules/{name}", nothing, at={"name": name}, headers=headers, repeatable=not headers)
        )

    async def pause(self, name: str) -> Schedule:
        """Lets a schedule make no more jobs until it is resumed."""
        return await self._send(
            Call("POST", "/api/schedules/{name}/pause", one(Schedule), at={"name": name}, repeatable=True)
        )

    async def resume(self, name: str) -> Schedule:
        """Lets a schedule make jobs again, from now on."""
        return await self._send(
            Call("POST", "/api/schedules/{name}/resume", one(Schedule), at={"name": name}, repeatable=True)
        )

    async def fire(self, name: str, *, idempotency_key: str | None = None) -> SubmittedJob:
        """Makes one of a schedule's jobs now.

        By an `idempotency_key` of your own the same key gives the same job for a day, also in another process.
        """
        return await self._send(_submitting.fire(name, idempotency_key))

    async def preview(self, name: str, **query: Unpack[PreviewScheduleQuery]) -> SchedulePreview:
        """When a schedule fires next."""
        return await self._send(
            Call("GET", "/api/schedules/{name}/preview", one(SchedulePreview), at={"name": name}, query=query)
        )

    async def preview_expression(self, **expression: Unpack[PreviewSchedule]) -> SchedulePreview:
        """When a cron expression would fire, before there is a schedule with it."""
        return await self._send(
            Call("POST", "/api/schedules/preview", one(SchedulePreview), body=expression, repeatable=True)
        )
