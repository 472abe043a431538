"""Waiting for a job's end, in rounds as long as the api takes. Nothing here waits or sends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from ._call import Answer, Call, one
from .errors import WaitTimeout
from .models import Job

# The api shortens longer ones. Less than its minute, so that proxies which cut off after a minute don't.
LONGEST_ROUND_SECS = 50.0
# When the api has no place for one more who waits, it answers at once.
PAUSE_SECS = 1.0


@dataclass(frozen=True)
class Seen:
    """The job as it was seen, and whether the api has waited before it answered."""

    job: Job
    waited: bool


class Waiting:
    """Decides what to do until a job has ended, or the time is up."""

    def __init__(self, deadline: float, now: Callable[[], float]) -> None:
        self._deadline = deadline
        self._now = now

    @classmethod
    def until(cls, secs: float, now: Callable[[], float] = time.monotonic) -> Waiting:
        """Begins to wait, for so long."""
        return cls(now() + secs, now)

    @property
    def left_secs(self) -> float:
        return max(self._deadline - self._now(), 0.0)

    def call(self, job_id: UUID | str) -> Call[Seen]:
        """Asks for the job, at its end or when this round is over."""
        secs = self.left_secs
        return Call(
            "GET",
            "/api/jobs/{id}",
            _seen,
            at={"id": job_id},
            headers=prefer(secs),
            patience_secs=patience(secs),
        )

    def pause_secs(self, seen: Seen) -> float | None:
        """Gives the wait before the next look; `None` when the job has ended.

        Raises `WaitTimeout` when the time is up.
        """
        if has_ended(seen.job):
            return None
        left = self.left_secs
        if left <= 0:
            raise WaitTimeout(seen.job)
        return 0.0 if seen.waited else min(PAUSE_SECS, left)


def has_ended(job: Job) -> bool:
    """Tells whether the job has ended, also in a state that this version does not know."""
    return job.finished_at is not None


def prefer(secs: float) -> dict[str, str]:
    """Asks the api to wait so long, in whole seconds, so that the last round may be a little long."""
    whole = math.ceil(patience(secs))
    return {"Prefer": f"wait={whole}"} if whole > 0 else {}


def patience(secs: float) -> float:
    """Gives how long the answer may take on top of the usual."""
    return math.ceil(min(max(secs, 0.0), LONGEST_ROUND_SECS))


def _seen(answer: Answer) -> Seen:
    return Seen(one(Job)(answer), waited="preference-applied" in answer.headers)
