"""What requests say. Each argument of a method is described here.

Generated from the api's description by `tools/generate.py`. Don't edit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Optional, TypeAlias, TypedDict
from uuid import UUID

from typing_extensions import NotRequired

BulkAction: TypeAlias = Literal["cancel", "retry"]
"""What is to be done with the jobs."""


class BulkFilter(TypedDict):
    """
    Which jobs are meant: those that the action can be done to and that fit everything that is sent. An empty filter
    is refused; all of them are meant by `{"all": true}`.
    """

    all: NotRequired[bool | None]
    """All of them; sent alone, and `false` as if it were left out."""
    created_after: NotRequired[datetime | None]
    """
    Accepted at or after this. Worth sending with a retry of what was cancelled or has expired: without it the whole
    history is searched.
    """
    created_before: NotRequired[datetime | None]
    """Accepted before this."""
    finished_before: NotRequired[datetime | None]
    """Ended before this; only for `retry`."""
    kind: NotRequired[str | None]
    """Of this kind."""
    queue: NotRequired[str | None]
    """In this lane."""
    state: NotRequired[JobState | None]
    """In this state. It must be one that the action can be done in."""
    tag: NotRequired[str | None]
    """With this label."""


class BulkJobs(TypedDict):
    """A command about many jobs."""

    action: BulkAction
    dry_run: NotRequired[bool]
    """Only count; `false` by default."""
    filter: BulkFilter
    limit: NotRequired[int | None]
    """The most jobs to change, those that were submitted first first; 1,000 by default."""


class CreateKey(TypedDict):
    """A key to be made."""

    expires_at: NotRequired[datetime | None]
    """When it stops working, at most 10 years ahead; never by default."""
    name: str
    """What it is for. Not blank, and without control characters."""
    scopes: list[Scope]
    """What it may do; no scope implies another."""
    user_id: NotRequired[int | None]
    """The user whose key it is, if it is a person's."""


class CreateTenant(TypedDict):
    """A tenant to be made."""

    max_queued_jobs: NotRequired[int | None]
    """The most jobs that wait, in all queues together; no limit, if absent."""
    max_running_jobs: NotRequired[int | None]
    """The most jobs that run at once, in all queues together; no limit, if absent."""
    name: str
    """Its name, unique. Not blank, and without control characters."""
    rate_limit_burst: NotRequired[int | None]
    """Requests at once and key; the platform's default, if absent."""
    rate_limit_per_second: NotRequired[int | None]
    """Requests per second and key; the platform's default, if absent."""


class CreateUser(TypedDict):
    """A person to be made a user."""

    email: str
    """Their e-mail address, unique within the tenant, whatever its case."""
    name: str
    """What they are called. Not blank, and without control characters."""


class DeadLetterFilter(TypedDict):
    """
    Which dead letters are meant: those that fit everything that is sent. An empty filter is refused; all dead
    letters are meant by `{"all": true}`.
    """

    all: NotRequired[bool | None]
    """All of them; sent alone, and `false` as if it were left out."""
    error_code: NotRequired[FailureCode | None]
    """With a failure of this class."""
    failed_after: NotRequired[datetime | None]
    """Failed at or after this."""
    failed_before: NotRequired[datetime | None]
    """Failed before this."""
    fingerprint: NotRequired[str | None]
    """With this cause."""
    job_ids: NotRequired[list[UUID] | None]
    """These jobs."""
    kind: NotRequired[str | None]
    """Of this kind."""
    queue: NotRequired[str | None]
    """In this lane."""
    tag: NotRequired[str | None]
    """With this label."""


class DiscardDeadLetters(TypedDict):
    """Dead letters that need no retry."""

    dry_run: NotRequired[bool]
    """Only count; `false` by default."""
    filter: DeadLetterFilter
    limit: NotRequired[int | None]
    """The most jobs to discard, those that were submitted first first; 1,000 by default."""


FailureCode: TypeAlias = Literal[
    "handler_error",
    "payload_invalid",
    "panicked",
    "timed_out",
    "worker_lost",
    "unknown_kind",
    "job_unreadable",
    "target_unreachable",
    "target_refused",
]
"""The class of a failure."""


class GroupDeadLettersQuery(TypedDict):
    """The query of `group_dead_letters`."""

    kind: NotRequired[str]
    """Of this kind."""
    queue: NotRequired[str]
    """In this lane."""
    tag: NotRequired[str]
    """With this label."""
    error_code: NotRequired[FailureCode]
    """With a failure of this class."""
    fingerprint: NotRequired[str]
    """With this cause."""
    failed_after: NotRequired[datetime]
    """Failed at or after this."""
    failed_before: NotRequired[datetime]
    """Failed before this."""
    limit: NotRequired[int]
    """The most entries of the answer; 20 by default."""


JobState: TypeAlias = Literal["scheduled", "queued", "running", "succeeded", "failed", "cancelled", "expired"]
"""Where a job stands."""


class ListAuditQuery(TypedDict):
    """The query of `list_audit`."""

    action: NotRequired[str]
    """Of this action, such as `key.create`."""
    target: NotRequired[str]
    """About this: an id or a name."""
    key_id: NotRequired[str]
    """By this key."""
    after: NotRequired[datetime]
    """Done at or after this."""
    before: NotRequired[datetime]
    """Done before this."""
    limit: NotRequired[int]
    """The most entries of the answer; 20 by default."""
    cursor: NotRequired[str]
    """`next_cursor` of the page before, which must have had the same filters."""


class ListDeadLettersQuery(TypedDict):
    """The query of `list_dead_letters`."""

    kind: NotRequired[str]
    """Of this kind."""
    queue: NotRequired[str]
    """In this lane."""
    tag: NotRequired[str]
    """With this label."""
    error_code: NotRequired[FailureCode]
    """With a failure of this class."""
    fingerprint: NotRequired[str]
    """With this cause."""
    failed_after: NotRequired[datetime]
    """Failed at or after this."""
    failed_before: NotRequired[datetime]
    """Failed before this."""
    limit: NotRequired[int]
    """The most entries of the answer; 20 by default."""
    cursor: NotRequired[str]
    """`next_cursor` of the page before, which must have had the same filters."""


class ListEndpointsQuery(TypedDict):
    """The query of `list_endpoints`."""

    limit: NotRequired[int]
    """The most endpoints on the page; 20 by default."""
    cursor: NotRequired[str]
    """`next_cursor` of the page before."""


class ListJobsQuery(TypedDict):
    """The query of `list_jobs`."""

    state: NotRequired[JobState]
    """In this state."""
    kind: NotRequired[str]
    """Of this kind."""
    queue: NotRequired[str]
    """In this lane."""
    tag: NotRequired[str]
    """With this label."""
    created_after: NotRequired[datetime]
    """Accepted at or after this."""
    created_before: NotRequired[datetime]
    """Accepted before this."""
    limit: NotRequired[int]
    """The most jobs on the page; 20 by default."""
    cursor: NotRequired[str]
    """`next_cursor` of the page before, which must have had the same filters."""


class ListKeysQuery(TypedDict):
    """The query of `list_keys`."""

    limit: NotRequired[int]
    """The most entries of the page; 20 by default."""
    cursor: NotRequired[str]
    """`next_cursor` of the page before."""


class ListSchedulesQuery(TypedDict):
    """The query of `list_schedules`."""

    limit: NotRequired[int]
    """The most entries of the page; 20 by default."""
    cursor: NotRequired[str]
    """`next_cursor` of the page before."""


class ListTenantsQuery(TypedDict):
    """The query of `list_tenants`."""

    limit: NotRequired[int]
    """The most entries of the page; 20 by default."""
    cursor: NotRequired[str]
    """`next_cursor` of the page before."""


class ListUsersQuery(TypedDict):
    """The query of `list_users`."""

    limit: NotRequired[int]
    """The most entries of the page; 20 by default."""
    cursor: NotRequired[str]
    """`next_cursor` of the page before."""


MissedPolicy: TypeAlias = Literal["skip", "latest", "all"]
"""What a schedule does about fire times that no worker was there for."""


OverlapPolicy: TypeAlias = Literal["allow", "skip", "cancel_previous"]
"""What a schedule does when it fires while its previous job has not ended."""


class PauseQueue(TypedDict):
    """How to pause a lane."""

    everyone: NotRequired[bool | None]
    """For all tenants instead of yours: operators only."""
    reason: NotRequired[str | None]
    """Why, for whoever looks. Not blank, and without control characters."""


class PreviewSchedule(TypedDict):
    """An expression to be tried."""

    after: NotRequired[datetime | None]
    """Show those after this; now by default."""
    count: NotRequired[int | None]
    """How many fire times to show; 10 by default."""
    cron: str
    """As in a schedule."""
    time_zone: NotRequired[str | None]
    """As in a schedule; `UTC` by default."""


class PreviewScheduleQuery(TypedDict):
    """The query of `preview_schedule`."""

    count: NotRequired[int]
    """How many fire times to show; 10 by default."""
    after: NotRequired[datetime]
    """Show those after this; now by default."""


class PutEndpoint(TypedDict):
    """What an endpoint is to be. What is left out has its default, but for `headers`."""

    disabled: NotRequired[bool | None]
    """Whether its jobs wait until it is enabled again, without spending their attempts; `false` by default."""
    headers: NotRequired[dict[str, Any] | None]
    """
    Headers that every request carries, at most 20, and that jobs can't replace. Their values can't be read back: left out, those
    that are there stay; `{}` removes them.
    """
    timeout_ms: NotRequired[int | None]
    """How long an exchange may take, where the job does not say; the job's timeout by default."""
    url: str
    """
    Where it is: `http` or `https`, without user, password and fragment. It is shown to whoever may read jobs, so
    credentials belong into `headers`.
    """


class PutSchedule(TypedDict):
    """A schedule to be made, or to replace the one of its name. What is left out has its default."""

    cron: str
    """Minute, hour, day of month, month and day of week; or `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`."""
    job: ScheduledJob
    """The jobs that it makes."""
    missed: NotRequired[MissedPolicy | None]
    """`latest` by default. `all` needs the overlap policy `allow`."""
    missed_after_secs: NotRequired[int | None]
    """A fire time is missed once it is older than this; 60 by default."""
    overlap: NotRequired[OverlapPolicy | None]
    """`skip` by default."""
    time_zone: NotRequired[str | None]
    """The zone whose clocks `cron` is about, by its name in the IANA database; `UTC` by default."""


class ResumeQueue(TypedDict):
    """How to resume a lane."""

    everyone: NotRequired[bool | None]
    """End the pause for all tenants instead of yours: operators only."""


class RetryDeadLetters(TypedDict):
    """Dead letters to be queued again."""

    dry_run: NotRequired[bool]
    """Only count; `false` by default."""
    filter: DeadLetterFilter
    limit: NotRequired[int | None]
    """The most jobs to retry, those that were submitted first first; 1,000 by default."""
    rate_per_second: NotRequired[float | None]
    """
    How many of the jobs become due per second: one at once, the others evenly after it. All at once by
    default.
    """


class RotateKey(TypedDict):
    """How a key is to be rotated."""

    expires_at: NotRequired[datetime | None]
    """When the new key stops working, at most 10 years ahead. By default it lives as long as the old one was meant to."""
    overlap_secs: NotRequired[int | None]
    """How long the old key works yet, in seconds; 86,400, a day, by default."""


class RotateSecret(TypedDict):
    """A rotation."""

    overlap_secs: NotRequired[int | None]
    """
    How long the secrets that are there go on signing; a day by default. 0 ends them now, which is for a secret that
    has leaked: a receiver that does not know the new one yet refuses requests.
    """


class ScheduledJob(TypedDict):
    """
    The jobs that a schedule makes, as a submit describes them.

    What a submit says about one moment, `run_at`, `delay_ms` and `start_by`, a schedule's job can't say: it is due when it
    is made.
    """

    backoff: NotRequired[SubmitBackoff | None]
    """The waits between attempts."""
    kind: str
    """Names the handler: a-z, 0-9, `.`, `_` and `-`, beginning with a letter."""
    max_attempts: NotRequired[int | None]
    """The most attempts that may fail; 5 by default."""
    metadata: NotRequired[dict[str, Any] | None]
    """
    What you want to know about them, kept with each and passed to its handler: at most 20 texts of at most 500 bytes,
    each by a key of at most 64 characters.
    """
    payload: NotRequired[Any]
    """What the handler gets, byte for byte. Any JSON; `null` by default."""
    queue: NotRequired[str | None]
    """The lane that they wait in; `default` by default."""
    sensitive: NotRequired[list[str] | None]
    """JSON Pointers to what of the payload is personal, as in a submit; also masked where the schedule is shown."""
    start_within_ms: NotRequired[int | None]
    """They expire when they were not started so long after they were made."""
    tags: NotRequired[list[str] | None]
    """Labels for finding them again."""
    timeout_ms: NotRequired[int | None]
    """How long one attempt may take; 300,000 by default."""
    unique: NotRequired[SubmitUnique | None]
    """
    That no other job does the same work. Where there is one when the schedule fires, `return` and `reject` make no job,
    and `last_skip_reason` tells it.
    """


Scope: TypeAlias = Literal["jobs:read", "jobs:write", "ops", "admin"]
"""What an API key may do."""


class SubmitBackoff(TypedDict):
    """
    The wait after the n-th failed attempt is drawn between 0 and `initial_ms` × `factor`ⁿ⁻¹, at most
    `max_ms`.
    """

    factor: NotRequired[float | None]
    """2 by default."""
    initial_ms: NotRequired[int | None]
    """1,000 by default."""
    max_ms: NotRequired[int | None]
    """Also caps what a target asks for by `Retry-After`. The larger of 900,000 and `initial_ms` by default."""


class SubmitBatch(TypedDict):
    """Jobs that are accepted together, or not at all."""

    jobs: list[SubmitJob]


class SubmitJob(TypedDict):
    """A job to be run. What is left out has its default."""

    backoff: NotRequired[SubmitBackoff | None]
    """The waits between attempts."""
    delay_ms: NotRequired[int | None]
    """How long after its acceptance it is due, in place of `run_at`."""
    kind: str
    """Names the handler: a-z, 0-9, `.`, `_` and `-`, beginning with a letter."""
    max_attempts: NotRequired[int | None]
    """The most attempts that may fail; 5 by default."""
    metadata: NotRequired[dict[str, Any] | None]
    """
    What you want to know about it, kept with it and passed to its handler: at most 20 texts of at most 500 bytes, each
    by a key of at most 64 characters.
    """
    payload: NotRequired[Any]
    """What the handler gets, byte for byte. Any JSON; `null` by default."""
    queue: NotRequired[str | None]
    """The lane that it waits in; `default` by default."""
    run_at: NotRequired[datetime | None]
    """When it is due, at most 100 years ahead. Now by default; a time that has passed means now."""
    sensitive: NotRequired[list[str] | None]
    """
    JSON Pointers to what of the payload is personal: masked for keys that only read, and kept out of what is told about
    failures. What its kind declares is added.
    """
    start_by: NotRequired[datetime | None]
    """It expires when it was not started by then."""
    tags: NotRequired[list[str] | None]
    """Labels for finding it again."""
    timeout_ms: NotRequired[int | None]
    """How long one attempt may take; 300,000 by default."""
    unique: NotRequired[SubmitUnique | None]
    """That no other job does the same work."""


SubmitUnique = TypedDict(
    "SubmitUnique",
    {
        "fields": NotRequired[list[str] | None],
        "key": NotRequired[str | None],
        "on_conflict": NotRequired[Optional["UniqueOnConflict"]],
        "period_ms": NotRequired[int | None],
        "while": NotRequired[Optional["UniqueWhile"]],
    },
)


UniqueOnConflict: TypeAlias = Literal["return", "replace", "reject"]
"""What a submit does that another job keeps away."""


UniqueWhile: TypeAlias = Literal["live"]
"""Until when a job keeps others away."""


class UpdateTenant(TypedDict):
    """What to change about a tenant. What is absent stays as it is; `null` brings a limit's default back."""

    max_queued_jobs: NotRequired[int | None]
    """The most jobs that wait, in all queues together."""
    max_running_jobs: NotRequired[int | None]
    """The most jobs that run at once, in all queues together."""
    name: NotRequired[str | None]
    """Its name, unique. Not blank, and without control characters."""
    rate_limit_burst: NotRequired[int | None]
    """Requests at once and key."""
    rate_limit_per_second: NotRequired[int | None]
    """Requests per second and key."""
