"""What the api answers.

Generated from the api's description by `tools/generate.py`. Don't edit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from tandem._open import Answer, OpenEnum


class ActivePause(Answer):
    """Who has paused the queue."""

    everyone: bool
    """Whether it is paused for everyone, by an operator."""
    reason: str | None = None
    since: datetime


class Attempt(Answer):
    """One start of a job."""

    attempt: int
    """Its number, from 1."""
    error: JobError | None = None
    event: str | None = None
    """How it ended: `succeeded`, `retry_scheduled`, `failed`, …; `null` while it runs."""
    finished_at: datetime | None = None
    """`null` while it runs."""
    started_at: datetime
    worker_id: UUID
    """The worker process that ran it."""


class AttemptList(Answer):
    """The attempts of a job, first one first."""

    attempts: list[Attempt]


class AuditEntry(Answer):
    """Something that was done."""

    action: str
    """What was done."""
    at: str
    """With microseconds, which are part of what is hashed."""
    details: dict[str, Any]
    """What else there is to know. Its text, byte for byte, is part of what is hashed."""
    hash: str
    """SHA-256 of `previous_hash` and of this entry's fields."""
    key_id: str | None = None
    """The key by which it was done; `null` when it was done at the database, by an operator's command."""
    number: int
    """Its place in the tenant's log, from 1 without gaps."""
    previous_hash: str
    """The hash of the entry before it, 64 hexadecimal digits; zeros for the first."""
    request_id: str | None = None
    """The request by which it was done."""
    target: str
    """To what: an id or a name."""
    tenant_id: UUID


class AuditList(Answer):
    """A page of the log, newest first."""

    entries: list[AuditEntry]
    next_cursor: str | None = None
    """Gives the next page when sent as `cursor`; `null` on the last one."""


class Backoff(Answer):
    """The waits between attempts."""

    factor: float
    initial_ms: int
    max_ms: int


class BulkAction(OpenEnum):
    """
    What is to be done with the jobs.
    """

    CANCEL = "cancel"
    RETRY = "retry"


class BulkChanged(Answer):
    """What a command did, or would do."""

    action: BulkAction
    as_of: datetime
    """
    When they were counted. Sent as `created_before` of the requests for what remains of a cancel, it keeps out jobs
    that were submitted since; as `finished_before` of those for what remains of a retry, jobs that have ended
    again.
    """
    changed: int
    """How many of them were cancelled, asked to end or queued again; 0 in a dry run."""
    dry_run: bool
    matched: int
    """How many jobs the filter meant before."""
    remaining: int
    """
    How many of those that were meant are left, also because somebody else is moving them: repeat the request while
    this is not 0.
    """
    requested: int
    """How many of those that were changed run, and are asked to end; 0 for `retry`."""


class CreatedKey(Answer):
    """A key that was just made."""

    api_key: str
    """The whole key, for the header `X-API-Key`. Shown this once."""
    key: Key


class CreatedTenant(Answer):
    """A tenant that was just made."""

    api_key: str
    """Its first key, with the scope `admin`: it makes the others. Shown this once."""
    tenant: Tenant
    webhook_secret: str
    """Signs what `http.request` sends to plain URLs (Standard Webhooks). Shown this once."""


class DeadLetter(Answer):
    """A failed job that waits for a decision."""

    attempt: int
    """The number of that attempt."""
    created_at: datetime
    error: JobError
    """Why that attempt failed."""
    failed_at: datetime
    """When its last attempt failed."""
    fingerprint: str
    """Equal for failures of the same cause: their messages differ in numbers, ids and the like only."""
    job_id: UUID
    kind: str
    queue: str
    tags: list[str]


class DeadLetterExample(Answer):
    """The job of the group that was submitted last."""

    job_id: UUID
    message: str
    """What its failure said."""


class DeadLetterGroup(Answer):
    """Dead letters of one kind with the same cause."""

    count: int
    """How many there are."""
    error_code: str
    """The class of the failures."""
    example: DeadLetterExample
    fingerprint: str
    first_failed_at: datetime
    kind: str
    last_failed_at: datetime


class DeadLetterGroupList(Answer):
    """Groups of dead letters, the largest one first."""

    groups: list[DeadLetterGroup]


class DeadLetterList(Answer):
    """A page of dead letters, the job that was submitted last first."""

    dead_letters: list[DeadLetter]
    next_cursor: str | None = None
    """Gives the next page when sent as `cursor`; `null` on the last one."""


class DiscardedDeadLetters(Answer):
    """What a discard did, or would do."""

    as_of: datetime
    """
    When they were counted. Sent as `failed_before` of the requests for what remains, it keeps out jobs that
    have failed since.
    """
    discarded: int
    """How many jobs are no dead letters any more; 0 in a dry run."""
    dry_run: bool
    matched: int
    """How many dead letters the filter meant before."""
    remaining: int
    """How many of those that were meant are left."""


class Endpoint(Answer):
    """An HTTP target of the tenant."""

    created_at: datetime
    disabled: bool
    disabled_at: datetime | None = None
    """Since when its jobs wait."""
    header_names: list[str]
    """The names of its headers, in lower case. The values can't be read."""
    name: str
    timeout_ms: int | None = None
    updated_at: datetime
    url: str
    version: int
    """Grows with every change; the `ETag` is made of it."""


class CreatedEndpoint(Endpoint):
    """An endpoint that was just made, with its first signing secret: it can't be read again."""

    secret: NewSecret


class EndpointList(Answer):
    """A page of endpoints, by name."""

    endpoints: list[Endpoint]
    next_cursor: str | None = None
    """Gives the next page when sent as `cursor`; `null` on the last one."""


class Event(Answer):
    """Something that happened to a job."""

    at: datetime
    attempt: int | None = None
    """The attempt that it belongs to."""
    event: str
    """What: `submitted`, `started`, `succeeded`, …"""
    number: int
    """Its number within the job, from 1."""


class EventList(Answer):
    """The history of a job, first event first."""

    events: list[Event]


class Explanation(Answer):
    """Why a job is not running: the one reason that keeps it at this moment."""

    ahead: int | None = None
    """With `behind`: how many jobs of the tenant come before it; 10,000 stands for that many or more."""
    as_of: datetime
    """When all this was so."""
    error_code: str | None = None
    """With `backing_off`: why the last attempt failed."""
    expected_start_at: datetime | None = None
    """When it is expected to start, where that can be told."""
    job_id: UUID
    limit: RunningLimit | None = None
    """With `tenant_limit`."""
    message: str
    """The reason in a sentence."""
    pause: ActivePause | None = None
    """With `queue_paused`."""
    reason: ReasonCode
    running: RunningAttempt | None = None
    """With `running` and `worker_lost`."""
    target: RestingTarget | None = None
    """With `target_resting`."""


class FireTime(Answer):
    """A time at which a schedule fires."""

    at: datetime
    local: datetime
    """The same time as the clocks of the zone show it."""


class Health(Answer):
    """What was looked at, and whether it is fine."""

    checks: dict[str, str]
    """`ok`, or what is wrong, by what was looked at."""
    commit: str | None = None
    """The commit that it was built from."""
    status: str
    """`ok`, `degraded` (it takes requests) or `failing` (it does not)."""
    version: str | None = None
    """The version that answers."""


class JobError(Answer):
    """Why an attempt did not succeed."""

    code: str
    """The class of the failure, for programs."""
    message: str
    """What happened, for people."""


class JobList(Answer):
    """A page of jobs, newest first."""

    jobs: list[JobSummary]
    next_cursor: str | None = None
    """Gives the next page when sent as `cursor`; `null` on the last one."""


class JobState(OpenEnum):
    """
    Where a job stands.
    """

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class JobSummary(Answer):
    """A job as lists show it: without payload, result and metadata, which may be long."""

    attempt: int
    """The number of attempts ever started."""
    attempts_spent: int
    """Attempts that count against `max_attempts`; those that a worker handed back don't."""
    cancel_requested_at: datetime | None = None
    """When somebody asked for its end."""
    created_at: datetime
    error: JobError | None = None
    """The failure of the last attempt."""
    finished_at: datetime | None = None
    """When it reached its terminal state."""
    fire_at: datetime | None = None
    """The nominal time for which the schedule made it."""
    id: UUID
    kind: str
    max_attempts: int
    queue: str
    run_at: datetime
    """When it is, or was, due."""
    schedule: str | None = None
    """The schedule that made it."""
    start_by: datetime | None = None
    """It expires when it was not started by then."""
    state: JobState
    tags: list[str]


class Job(JobSummary):
    """A job as it stands, with all that is known about it."""

    backoff: Backoff
    metadata: dict[str, str]
    payload: Any
    """
    What the handler gets, byte for byte as it was submitted.
    For a key that only reads, with `***` in place of what `sensitive` points to.
    """
    request_id: str | None = None
    """The request that submitted it."""
    result: Any | None = None
    """What the handler returned."""
    sensitive: list[str]
    """JSON Pointers to what of the payload is personal."""
    timeout_ms: int
    """How long one attempt may take."""
    traceparent: str | None = None
    """The W3C trace context of the submit."""


class Key(Answer):
    """An API key, without its secret."""

    created_at: datetime
    expires_at: datetime | None = None
    """When it stops working, or has stopped."""
    id: str
    """The third part of the key."""
    last_used_at: datetime | None = None
    """To the minute."""
    live: bool
    """Whether it works."""
    name: str
    replaced_by: str | None = None
    """The key that took its place."""
    revoked_at: datetime | None = None
    scopes: list[Scope]
    user_id: int | None = None
    """The user whose key it is."""


class KeyList(Answer):
    """A page of keys, newest first."""

    keys: list[Key]
    next_cursor: str | None = None
    """Gives the next page when sent as `cursor`; `null` on the last one."""


class Kind(Answer):
    """What a handler takes."""

    live: bool
    """Whether a worker is there that has the handler."""
    name: str
    """What jobs name it by."""
    registered_at: datetime
    """When it was declared as it is."""
    schema_: Any | None = Field(None, alias="schema")
    """JSON Schema of the payload, which submits are checked against; `null` when the handler has none."""
    sensitive: list[str]
    """JSON Pointers to what of the payload is personal in every job of this kind."""


class KindList(Answer):
    """All kinds, by name."""

    kinds: list[Kind]


class MissedPolicy(OpenEnum):
    """
    What a schedule does about fire times that no worker was there for.
    """

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class NewSecret(Answer):
    """A signing secret that was just made: it can't be read again."""

    id: UUID
    secret: str
    """As libraries of Standard Webhooks take it: `whsec_` and 32 bytes in base64."""


class OverlapPolicy(OpenEnum):
    """
    What a schedule does when it fires while its previous job has not ended.
    """

    ALLOW = "allow"
    SKIP = "skip"
    CANCEL_PREVIOUS = "cancel_previous"


class PausedBy(OpenEnum):
    """
    Who has paused a lane.
    """

    TENANT = "tenant"
    EVERYONE = "everyone"


class ProblemDescription(Answer):
    """A type of problem."""

    status: int
    """The status of answers with this problem."""
    title: str
    transient: bool
    """Whether the same request may succeed a little later."""
    type: str


class Queue(Answer):
    """A lane as your tenant sees it."""

    depth: QueueDepth
    name: str
    oldest_queued_secs: float | None = None
    """
    How long the oldest queued job has been queued, in seconds; `null` when none is. Of the 10,000 that are next when
    there are more.
    """
    paused: bool
    """Whether none of your jobs starts there."""
    pauses: list[QueuePause]
    """Who has paused it: your tenant, an operator for everyone, or both."""
    rates: QueueRates


class QueueDepth(Answer):
    """Your jobs in a lane by what they wait for."""

    capped: bool
    """Whether a number may be greater than it was counted: counting stops at 10,000."""
    dead_letters: int
    """Failed, and waiting for a decision."""
    queued: int
    """Due, and not started."""
    running: int
    """Started, and not ended."""
    scheduled: int
    """Due later."""


class QueueList(Answer):
    """The lanes."""

    queues: list[Queue]


class QueuePause(Answer):
    """Why no job starts in a lane."""

    by: PausedBy
    reason: str | None = None
    since: datetime


class QueueRates(Answer):
    """
    What was done with your jobs in a lane per second, on average over the last minute. Workers tell what they did about
    every ten seconds, so it is late by as much.
    """

    failed_per_second: float
    """Attempts that failed, whether another one followed or not."""
    started_per_second: float
    """Attempts that were started."""
    succeeded_per_second: float
    """Attempts that succeeded."""


class ReasonCode(OpenEnum):
    """
    What keeps a job.
    """

    ENDED = "ended"
    RUNNING = "running"
    WORKER_LOST = "worker_lost"
    SCHEDULED = "scheduled"
    BACKING_OFF = "backing_off"
    SNOOZED = "snoozed"
    TARGET_RESTING = "target_resting"
    QUEUE_PAUSED = "queue_paused"
    TENANT_LIMIT = "tenant_limit"
    NO_WORKER = "no_worker"
    NO_WORKER_FOR_KIND = "no_worker_for_kind"
    NOT_ANNOUNCED = "not_announced"
    BEHIND = "behind"
    NEXT_IN_LINE = "next_in_line"


class RestingTarget(Answer):
    """A target that gets no requests for a while."""

    last_error: str
    target: str
    """`endpoint:` and a name, or the origin of a URL."""
    until: datetime
    """When the next request is let through."""


class RetriedDeadLetters(Answer):
    """What a retry did, or would do."""

    as_of: datetime
    """
    When they were counted. Sent as `failed_before` of the requests for what remains, it keeps out jobs that
    were retried and have failed again.
    """
    dry_run: bool
    matched: int
    """How many dead letters the filter meant before."""
    remaining: int
    """How many of those that were meant are left."""
    retried: int
    """How many jobs are queued again; 0 in a dry run."""
    spread_over_secs: float | None = None
    """
    How long the jobs take to become due, or would in a dry run; whoever waits so long before the next request
    keeps the rate. `null` without a rate.
    """


class RotatedSecret(Answer):
    """What a rotation has made."""

    secret: NewSecret
    secrets: list[Secret]
    """The secrets that sign now, newest first."""


class RunningAttempt(Answer):
    """An attempt that runs."""

    attempt: int
    cancel_requested: bool
    lease_expires_at: datetime | None = None
    """Until when the worker has the right to it; it is renewed every few seconds."""
    started_at: datetime
    worker_id: UUID


class RunningLimit(Answer):
    """What the tenant may run, and does."""

    holders: list[UUID]
    """Up to 10 of the jobs that run, the longest running first."""
    max_running_jobs: int
    running: int


class ScheduleJob(Answer):
    """The jobs that a schedule makes."""

    backoff: Backoff
    kind: str
    max_attempts: int
    metadata: dict[str, str]
    payload: Any
    """
    What the handler gets, byte for byte as it was sent.
    For a key that only reads, with `***` in place of what `sensitive` points to.
    """
    queue: str
    sensitive: list[str]
    """JSON Pointers to what of the payload is personal."""
    start_within_ms: int | None = None
    """They expire when they were not started so long after they were made."""
    tags: list[str]
    timeout_ms: int
    """How long one attempt may take."""
    unique: ScheduleUnique | None = None
    """That no other job does the same work; its key is kept as a digest only."""


class ScheduleList(Answer):
    """A page of schedules, newest first."""

    next_cursor: str | None = None
    """Gives the next page when sent as `cursor`; `null` on the last one."""
    schedules: list[ScheduleSummary]


class SchedulePreview(Answer):
    """When an expression fires."""

    cron: str
    fires: list[FireTime]
    """In their order."""
    time_zone: str


class ScheduleSummary(Answer):
    """A schedule as lists show it."""

    created_at: datetime
    cron: str
    kind: str
    """Names the handler of its jobs."""
    last_error: str | None = None
    """
    Why it could not be fired when it was last tried; it is tried again every minute. It begins with `quota_exceeded`
    while the tenant has as many jobs waiting as it may have.
    """
    last_error_at: datetime | None = None
    """When that was."""
    last_fired_at: datetime | None = None
    """What its newest job was made for."""
    last_job_id: UUID | None = None
    """Its newest job."""
    last_skip_reason: SkipReason | None = None
    """Why that was."""
    last_skipped_at: datetime | None = None
    """The newest fire time for which no job was made, and none will be."""
    missed: MissedPolicy
    missed_after_secs: int
    name: str
    next_fire_at: datetime | None = None
    """When it fires next; `null` while it is paused."""
    overlap: OverlapPolicy
    paused_at: datetime | None = None
    """Since when it is paused."""
    queue: str
    """The lane of its jobs."""
    time_zone: str
    updated_at: datetime
    """When somebody last changed it."""
    version: int
    """Grows with every change that somebody makes, and not by firing; its `ETag`."""


class Schedule(ScheduleSummary):
    """A schedule as it stands, with the jobs that it makes."""

    job: ScheduleJob


class ScheduleUnique(Answer):
    """How jobs are unique."""

    on_conflict: UniqueOnConflict
    period_ms: int | None = None
    """For how long a job keeps others away."""
    while_: UniqueWhile | None = Field(None, alias="while")
    """`live`, unless there is a period."""


class Scope(OpenEnum):
    """
    What an API key may do.
    """

    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    OPS = "ops"
    ADMIN = "admin"


class Secret(Answer):
    """What may be read of a signing secret."""

    created_at: datetime
    expires_at: datetime | None = None
    """When it stops signing; `null` for the newest one."""
    id: UUID


class SecretList(Answer):
    """The secrets that sign, newest first."""

    secrets: list[Secret]


class SkipReason(OpenEnum):
    """
    Why a fire time has no job.
    """

    OVERLAP = "overlap"
    UNIQUE = "unique"
    MISSED = "missed"


class SubmittedBatch(Answer):
    """The accepted jobs, in the order of the request."""

    jobs: list[SubmittedJob]


class SubmittedJob(Answer):
    """A job that was accepted. The same submit with the same `Idempotency-Key` answers the same."""

    created_at: datetime
    existed: bool
    """
    Whether it is an earlier submit's job, which holds the `unique` key; `state` and `run_at` are those of the moment
    then.
    """
    id: UUID
    kind: str
    queue: str
    run_at: datetime
    """When it is due."""
    state: JobState
    """`queued`, or `scheduled` when it is due later."""


class Tenant(Answer):
    """A tenant."""

    created_at: datetime
    id: UUID
    max_queued_jobs: int | None = None
    """The most jobs that wait; `null` is no limit."""
    max_running_jobs: int | None = None
    """The most jobs that run at once; `null` is no limit."""
    name: str
    operator: bool
    """Whether its keys with the scope `admin` manage all tenants."""
    rate_limit_burst: int | None = None
    """Requests at once and key; `null` is the platform's default."""
    rate_limit_per_second: int | None = None
    """Requests per second and key; `null` is the platform's default."""
    updated_at: datetime


class TenantList(Answer):
    """A page of tenants, newest first."""

    next_cursor: str | None = None
    """Gives the next page when sent as `cursor`; `null` on the last one."""
    tenants: list[Tenant]


class UniqueOnConflict(OpenEnum):
    """
    What a submit does that another job keeps away.
    """

    RETURN = "return"
    REPLACE = "replace"
    REJECT = "reject"


class UniqueWhile(OpenEnum):
    """
    Until when a job keeps others away.
    """

    LIVE = "live"


class User(Answer):
    """A person of the tenant."""

    created_at: datetime
    email: str
    id: int
    name: str
    updated_at: datetime


class UserList(Answer):
    """A page of users, newest first."""

    next_cursor: str | None = None
    """Gives the next page when sent as `cursor`; `null` on the last one."""
    users: list[User]
