"""The tries of one request: what each of them means, and what comes next. Nothing here waits or sends."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

import httpx

from ._call import Answer, Call
from .errors import ApiError, ConnectionFailed, Problem, TandemError, UnexpectedAnswer
from .retry import Doubt, RetryPolicy, Setback

logger = logging.getLogger("tandem")

T = TypeVar("T")

# Nothing was sent: there was no connection to send it by.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# Nothing was sent, and it will be the same the next time.
HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


@dataclass(frozen=True)
class Done(Generic[T]):
    """The answer."""

    value: T


@dataclass(frozen=True)
class Again:
    """Another try, after a wait."""

    wait_secs: float


class Exchange(Generic[T]):
    """Decides after each try of a call."""

    def __init__(self, call: Call[T], policy: RetryPolicy, draw: Callable[[], float] = random.random) -> None:
        self._call = call
        self._policy = policy
        self._draw = draw
        self._tries = 0

    def answered(self, answer: Answer) -> Done[T] | Again:
        """Takes an answer. Raises what it says, when it is final."""
        if answer.is_success or answer.status in self._call.welcome:
            return Done(self._call.read(answer))
        return self.refused(answer)

    def refused(self, answer: Answer) -> Again:
        """Takes an answer that is not what was asked for."""
        wait_secs = retry_after_secs(answer.headers.get("retry-after"), datetime.now(timezone.utc))
        problem = Problem.read(answer.content)
        code = "" if problem is None else problem.code
        error: TandemError
        if problem is None:
            message = f"{answer.status} is no answer of the api: {answer.beginning}"
            error = UnexpectedAnswer(message, status=answer.status)
        else:
            error = ApiError.of(problem, retry_after=wait_secs)
        return self._again(Setback.of_answer(answer.status, code, wait_secs), error)

    def broke(self, cause: httpx.RequestError) -> Again:
        """Takes a try without an answer. Raises `ConnectionFailed` when there should be no other."""
        if isinstance(cause, HOPELESS):
            doubt = Doubt.FINAL
        elif isinstance(cause, NOT_SENT):
            doubt = Doubt.NOT_DONE
        else:
            doubt = Doubt.MAY_BE_DONE
        message = f"there is no answer of the api: {str(cause) or type(cause).__name__}"
        error = ConnectionFailed(message, may_be_done=doubt is Doubt.MAY_BE_DONE)
        error.__cause__ = cause
        return self._again(Setback(doubt), error)

    def _again(self, setback: Setback, error: TandemError) -> Again:
        self._tries += 1
        wait_secs = self._policy.wait_secs(self._tries, setback, harmless=self._call.is_harmless, jitter=self._draw())
        if wait_secs is None:
            raise error
        reason = str(error).splitlines()[0]
        logger.info("%s %s again in %.2f s: %s", self._call.method, self._call.route, wait_secs, reason)
        return Again(wait_secs)


def retry_after_secs(value: str | None, now: datetime) -> float | None:
    """Reads `Retry-After`, which is a number of seconds or a date; `None` when it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date without a zone is none that HTTP allows.
    return max((date - now).total_seconds(), 0.0) if date.tzinfo else None
