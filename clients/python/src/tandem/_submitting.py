"""What has an idempotency key of its own, so that repeating it is harmless. Nothing here sends."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from ._call import Answer, Call, M, anything, one, part
from ._waiting import patience, prefer
from .errors import ConfigurationError
from .models import Job, SubmittedBatch, SubmittedJob
from .params import SubmitJob


def submit(job: Mapping[str, object], idempotency_key: str | None) -> Call[SubmittedJob]:
    return Call(
        "POST",
        "/api/jobs",
        one(SubmittedJob),
        headers=_key(idempotency_key),
        body=job,
        repeatable=True,
    )


def submit_and_wait(
    job: Mapping[str, object], idempotency_key: str | None, wait_secs: float
) -> Call[Job | SubmittedJob]:
    """Asks for the job at its end, if that comes in time."""
    return Call(
        "POST",
        "/api/jobs",
        _ended_or_submitted,
        headers={**_key(idempotency_key), **prefer(wait_secs)},
        body=job,
        repeatable=True,
        patience_secs=patience(wait_secs),
    )


def submit_batch(jobs: Sequence[SubmitJob], idempotency_key: str | None) -> Call[list[SubmittedJob]]:
    return Call(
        "POST",
        "/api/jobs/batch",
        part(SubmittedBatch, lambda batch: batch.jobs),
        headers=_key(idempotency_key),
        body={"jobs": jobs},
        repeatable=True,
    )


def fire(schedule: str, idempotency_key: str | None) -> Call[SubmittedJob]:
    """Has a schedule make one of its jobs."""
    return Call(
        "POST",
        "/api/schedules/{name}/fire",
        one(SubmittedJob),
        at={"name": schedule},
        headers=_key(idempotency_key),
        repeatable=True,
    )


def create(route: str, what: type[M], body: Mapping[str, object], idempotency_key: str | None) -> Call[M]:
    """Makes a user, a key or a tenant."""
    return Call("POST", route, one(what), headers=_key(idempotency_key), body=body, repeatable=True)


def _key(idempotency_key: str | None) -> dict[str, str]:
    key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
    if not key.isascii() or not key.isprintable():
        message = f"{key!r} can't be an idempotency key: it is sent in a header"
        raise ConfigurationError(message)
    return {"Idempotency-Key": key}


def _ended_or_submitted(answer: Answer) -> Job | SubmittedJob:
    # Only what was just submitted tells whether it existed before.
    body = anything(answer)
    is_submitted = isinstance(body, dict) and "existed" in body
    return one(SubmittedJob)(answer) if is_submitted else one(Job)(answer)
