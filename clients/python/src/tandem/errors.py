"""What can go wrong.

Every error is a `TandemError`. An `ApiError` is what the api says by a problem (RFC 9457), with a class for each status
that programs treat in their own way; what is finer than that is in its `code`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from .models import Job


class TandemError(Exception):
    """Anything that goes wrong with a request."""


class ConfigurationError(TandemError, ValueError):
    """The client was set up wrongly."""


class ConnectionFailed(TandemError):
    """The api can't be reached, or did not answer. The cause is the error of httpx."""

    def __init__(self, message: str, *, may_be_done: bool) -> None:
        super().__init__(message)
        self.may_be_done = may_be_done
        """Whether the api may have done what was asked."""


class UnexpectedAnswer(TandemError):
    """An answer that this version can't read, or that came from something in front of the api."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class WaitTimeout(TandemError, TimeoutError):
    """The job has not ended in the time that was given to it. It goes on."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} has not ended yet; it is {job.state}")
        self.job = job
        """The job as it was last seen."""


class FieldError(BaseModel):
    """A place of the request that is wrong: one of `pointer`, `parameter` and `header` says which."""

    model_config = ConfigDict(extra="allow", frozen=True)

    code: str
    """Names what is wrong with it."""
    message: str
    """The same, for people."""
    pointer: str | None = None
    """A JSON Pointer (RFC 6901) into the body."""
    parameter: str | None = None
    """A part of the path or of the query."""
    header: str | None = None


class Problem(BaseModel):
    """The body of a refusal."""

    model_config = ConfigDict(extra="allow", frozen=True)

    status: int
    code: str
    title: str
    detail: str = ""
    request_id: str = ""
    errors: tuple[FieldError, ...] = ()
    job_id: UUID | None = None
    resource: str | None = None

    @classmethod
    def read(cls, body: bytes) -> Problem | None:
        """Reads a problem; `None` when it is none, so that somebody else has answered in the api's place."""
        try:
            return cls.model_validate_json(body)
        except ValidationError:
            return None


class ApiError(TandemError):
    """The api refused the request. Programs branch on the class and on `code`; the rest is for people."""

    _of_status: ClassVar[dict[int, type[ApiError]]] = {}

    def __init_subclass__(cls, *, status: int | None = None) -> None:
        if status is not None:
            ApiError._of_status[status] = cls

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.status = problem.status
        """The HTTP status."""
        self.code = problem.code
        """Names the problem, such as `job_not_found`. Does not change between versions."""
        self.title = problem.title
        self.detail = problem.detail
        self.errors = problem.errors
        """The places that are wrong."""
        self.request_id = problem.request_id
        """Names the request, for whoever runs the api."""
        self.job_id = problem.job_id
        """The job in the way, of a `unique_conflict`."""
        self.resource = problem.resource
        """The route of what an earlier request has made, of a `secret_shown_once`."""
        self.retry_after = retry_after
        """How long the api asks to wait, in seconds."""

    @staticmethod
    def of(problem: Problem, *, retry_after: float | None = None) -> ApiError:
        """Gives the error of the class that the status has; one that this version does not know is of its hundred's."""
        general = ServerError if problem.status >= 500 else ApiError  # noqa: PLR2004
        kind = ApiError._of_status.get(problem.status, general)
        return kind(problem, retry_after=retry_after)

    def __str__(self) -> str:
        # Where places are wrong, the detail counts or repeats them.
        text = f"{self.title}: {self.detail}" if self.detail and not self.errors else self.title
        for error in self.errors:
            place = next((it for it in (error.pointer, error.parameter, error.header) if it is not None), "")
            text += f"\n  {place} {error.message}"
        if self.job_id is not None:
            text += f"\n  see /api/jobs/{self.job_id}"
        if self.resource is not None:
            text += f"\n  see {self.resource}"
        return f"{text} ({self.status} {self.code}, request {self.request_id})"


class BadRequest(ApiError, status=400):
    """A parameter, a header or the body can't be read; `errors` says which."""


class ValidationFailed(BadRequest, status=422):
    """The body is not what the route takes; `errors` points at each place. Also: an idempotency key of another body."""


class Unauthorized(ApiError, status=401):
    """The API key is missing, unknown, revoked or expired."""


class Forbidden(ApiError, status=403):
    """The API key lacks a scope."""


class NotFound(ApiError, status=404):
    """There is no such thing, or not for this tenant."""


class Conflict(ApiError, status=409):
    """What is there does not allow it: `code` says what, such as `already_finished` or `unique_conflict`."""


class PreconditionFailed(ApiError, status=412):
    """It has changed since the version that was named, or is there already."""


class PayloadTooLarge(ApiError, status=413):
    """The body is larger than the route takes."""


class RateLimited(ApiError, status=429):
    """The key asks more often than it may (`rate_limited`), or too many jobs wait (`quota_exceeded`)."""


class ServerError(ApiError, status=500):
    """The api failed."""


class ServiceUnavailable(ServerError, status=503):
    """The api has too much to do, or its database does not answer."""
