"""What type checkers must know. Checked by mypy, which also fails when an error that is expected here does not come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

from typing_extensions import assert_type

from tandem import AsyncPages, AsyncTandem, Pages, Tandem
from tandem.models import Event, Job, JobState, JobSummary, SubmittedJob


def right(tandem: Tandem) -> None:
    job = tandem.jobs.submit(kind="test.echo", payload={"any": ["thing"]}, unique={"key": "k", "while": "live"})
    assert_type(job, SubmittedJob)
    assert_type(job.state, JobState)
    assert_type(tandem.jobs.wait(job.id), Job)
    assert_type(tandem.jobs.list(state="failed"), Pages[JobSummary])
    assert_type(tandem.jobs.watch(job.id), Generator[Event, None, None])
    tandem.tenants.update(job.id, max_queued_jobs=None)


async def right_without_blocking(tandem: AsyncTandem) -> None:
    assert_type(await tandem.jobs.submit(kind="test.echo"), SubmittedJob)
    assert_type(tandem.jobs.list(), AsyncPages[JobSummary])
    assert_type(tandem.jobs.watch("j1"), AsyncGenerator[Event, None])


def wrong(tandem: Tandem) -> None:
    tandem.jobs.submit(payload=1)  # type: ignore[call-arg]
    tandem.jobs.submit(kind="test.echo", tag=["a"])  # type: ignore[call-arg]
    tandem.jobs.submit(kind="test.echo", delay_ms="1 s")  # type: ignore[arg-type]
    tandem.jobs.submit_batch([{"kind": "test.echo", "pause": 1}])  # type: ignore[typeddict-unknown-key]
    tandem.jobs.list(state="done")  # type: ignore[arg-type]
    tandem.jobs.bulk(action="stop", filter={})  # type: ignore[arg-type]
    tandem.queues.get()  # type: ignore[call-arg]
