-- Jobs and their history: partitioned by the day in the UUIDv7 job id, so that retention drops partitions.
set local role tandem_owner;

-- Immutable columns first, mutable ones last, room in each page, and no index on a mutable column: so a state change
-- is a HOT update whose WAL record holds the changed tail only. What must be found by its state stands in a small
-- table of its own: outbox (queued), due (scheduled), claim (running), dead_letter (failed).
create table job (
    id uuid not null,
    tenant_id uuid not null,
    created_at timestamptz not null default now(),
    timeout_ms bigint not null constraint job_timeout_positive check (timeout_ms > 0),
    backoff_initial_ms bigint not null,
    backoff_max_ms bigint not null,
    backoff_factor double precision not null,
    max_attempts integer not null constraint job_max_attempts_positive check (max_attempts > 0),
    kind text not null,
    queue text not null,
    -- The submitted run_at and start_by; what is left of them is in due and outbox.
    scheduled_for timestamptz,
    start_by timestamptz,
    traceparent text,
    request_id text,
    tags text[] not null default '{}',
    -- json, not jsonb: kept byte for byte, so big numbers, key order and \u0000 survive.
    payload json not null,

    -- The number of attempts ever started: the fencing token.
    attempt integer not null default 0,
    -- Attempts that count against max_attempts.
    attempts_spent integer not null default 0,
    -- Grows with every event; the number of the job's newest event, and its ETag.
    version integer not null default 1,
    run_at timestamptz not null default now(),
    finished_at timestamptz,
    cancel_requested_at timestamptz,
    state text not null constraint job_state_known
        check (state in ('scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
    error_code text,
    error_message text,
    result json,

    constraint job_pkey primary key (id),
    constraint job_finished_iff_terminal
        check ((finished_at is not null) = (state in ('succeeded', 'failed', 'cancelled', 'expired'))),
    constraint job_attempts_bounded check (attempts_spent between 0 and least(attempt, max_attempts))
) partition by range (id);
create index job_tenant_id_idx on job (tenant_id, id);
call protect('job');
grant select, insert on job to tandem_api;
grant update (attempts_spent, version, run_at, finished_at, cancel_requested_at, state, error_code, error_message)
    on job to tandem_api;
grant select on job to tandem_worker;
grant update (attempt, attempts_spent, version, run_at, finished_at, state, error_code, error_message, result)
    on job to tandem_worker;

-- One row per ended attempt; the one that runs is in claim.
create table attempt (
    job_id uuid not null,
    attempt integer not null constraint attempt_number_positive check (attempt > 0),
    tenant_id uuid not null,
    worker_id uuid not null,
    started_at timestamptz not null,
    finished_at timestamptz not null default now(),
    event text not null,
    error_code text,
    error_message text,
    constraint attempt_pkey primary key (job_id, attempt)
) partition by range (job_id);
call protect('attempt');
grant select on attempt to tandem_api;
grant select, insert on attempt to tandem_worker;

-- What happened to a job, one row per event. The first event, the submit, is the job row itself (number 1).
create table job_event (
    job_id uuid not null,
    number integer not null,
    tenant_id uuid not null,
    at timestamptz not null default now(),
    event text not null,
    attempt integer,
    constraint job_event_pkey primary key (job_id, number)
) partition by range (job_id);
call protect('job_event');
grant select, insert on job_event to tandem_api;
grant select, insert on job_event to tandem_worker;

-- Rows that outlive their day's partition (live jobs, dead letters), and a net for a day without a partition.
create table job_rest partition of job default;
create table attempt_rest partition of attempt default;
create table job_event_rest partition of job_event default;
call protect('job_rest');
call protect('attempt_rest');
call protect('job_event_rest');

reset role;
