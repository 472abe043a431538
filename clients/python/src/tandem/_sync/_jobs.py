# Made from `_async/_jobs.py` by `tools/derive_sync.py`: change it there.
"""Jobs."""

from __future__ import annotations

import builtins
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import httpx
from httpx_sse import EventSource
from typing_extensions import Unpack

from .. import _submitting
from .._call import Call, one, part
from .._paging import Page, listing
from .._waiting import Waiting
from .._watching import Watching
from ..models import (
    Attempt,
    AttemptList,
    BulkChanged,
    Event,
    EventList,
    Explanation,
    Job,
    JobList,
    JobSummary,
    SubmittedJob,
)
from ..params import BulkJobs, ListJobsQuery, SubmitJob
from ._pages import Pages
from ._transport import Resource


class Jobs(Resource):
    """Units of work."""

    def submit(self, *, idempotency_key: str | None = None, **job: Unpack[SubmitJob]) -> SubmittedJob:
        """Submits a job. However often the request has to be sent, there is one job.

        The arguments are described at `tandem.params.SubmitJob`. By an `idempotency_key` of your own the same key and
        job are the same job for a day, also after a restart of your program.
        """
        return self._send(_submitting.submit(job, idempotency_key))

    def submit_and_wait(
        self, *, wait_secs: float = 60.0, idempotency_key: str | None = None, **job: Unpack[SubmitJob]
    ) -> Job:
        """Submits a job and gives it at its end, whichever that is.

        Raises `WaitTimeout` when that does not come in time; the job is accepted all the same.
        """
        call = _submitting.submit_and_wait(job, idempotency_key, wait_secs)
        waiting = Waiting.until(wait_secs)
        answered = self._send(call)
        if isinstance(answered, Job):
            return answered
        return self._wait(answered.id, waiting)

    def submit_batch(
        self, jobs: Sequence[SubmitJob], *, idempotency_key: str | None = None
    ) -> builtins.list[SubmittedJob]:
        """Submits up to 1,000 jobs: all are accepted, or none. The answers are in the order of the jobs."""
        return self._send(_submitting.submit_batch(jobs, idempotency_key))

    def list(self, **query: Unpack[ListJobsQuery]) -> Pages[JobSummary]:
        """The jobs that match, newest first, without payload and result."""
        jobs = listing("/api/jobs", query, JobList, lambda it: Page(it.jobs, it.next_cursor))
        return Pages(self._transport, jobs)

    def get(self, job_id: UUID | str) -> Job:
        """A job as it is now."""
        return self._send(Call("GET", "/api/jobs/{id}", one(Job), at={"id": job_id}))

    def wait(self, job_id: UUID | str, timeout: float = 60.0) -> Job:
        """Waits for a job's end, for so many seconds, and gives the job as it is then.

        The api holds the answer back until then, so the end is known at once. Raises `WaitTimeout` when the time is up.
        """
        return self._wait(job_id, Waiting.until(timeout))

    def _wait(self, job_id: UUID | str, waiting: Waiting) -> Job:
        while True:
            seen = self._send(waiting.call(job_id))
            pause_secs = waiting.pause_secs(seen)
            if pause_secs is None:
                return seen.job
            time.sleep(pause_secs)

    def watch(self, job_id: UUID | str, *, after: int = 0) -> Generator[Event, None, None]:
        """What has happened to a job, and then what happens, as it happens, until its end.

        A stream that breaks off goes on where it was, without a gap and without telling anything twice. `after` is the
        number of the last event that is known already. The last event is what ended the job.
        """
        watching = Watching(job_id, after, self._transport.settings.retry)
        while True:
            with self._transport.stream(watching.call()) as response:
                watching.opened(response.headers.get("content-type", ""))
                try:
                    # Its type does not say that it can be closed.
                    messages: Any = EventSource(response).iter_sse()
                    with closing(messages):
                        for message in messages:
                            event = watching.told(message)
                            if event is not None:
                                yield event
                            if watching.is_over:
                                return
                except httpx.RequestError as error:
                    watching.broke(error)
            time.sleep(watching.pause_secs())

    def events(self, job_id: UUID | str) -> builtins.list[Event]:
        """What has happened to a job so far, first event first."""
        read = part(EventList, lambda it: it.events)
        return self._send(Call("GET", "/api/jobs/{id}/events", read, at={"id": job_id}))

    def attempts(self, job_id: UUID | str) -> builtins.list[Attempt]:
        """The attempts of a job, first one first, each with its error."""
        read = part(AttemptList, lambda it: it.attempts)
        return self._send(Call("GET", "/api/jobs/{id}/attempts", read, at={"id": job_id}))

    def explain(self, job_id: UUID | str) -> Explanation:
        """Why a job is not running: the one thing that keeps it, and when it is expected to start."""
        return self._send(Call("GET", "/api/jobs/{id}/explain", one(Explanation), at={"id": job_id}))

    def cancel(self, job_id: UUID | str) -> Job:
        """Cancels a job. One that runs is asked to end, and has not ended when this returns."""
        # Done twice it says that the job has ended already.
        return self._send(Call("POST", "/api/jobs/{id}/cancel", one(Job), at={"id": job_id}))

    def retry(self, job_id: UUID | str) -> Job:
        """Queues a failed, cancelled or expired job again."""
        return self._send(Call("POST", "/api/jobs/{id}/retry", one(Job), at={"id": job_id}))

    def bulk(self, **change: Unpack[BulkJobs]) -> BulkChanged:
        """Cancels or retries all jobs that match; `dry_run` only counts them."""
        repeatable = change.get("dry_run", False)
        return self._send(Call("POST", "/api/jobs/bulk", one(BulkChanged), body=change, repeatable=repeatable))
