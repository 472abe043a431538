-- Schedules: what makes jobs by cron. The api keeps them; the worker that leads the maintenance fires them.
set local role tandem_owner;

create table schedule (
    -- The order in which they were made.
    id bigint generated always as identity constraint schedule_id_key unique,
    tenant_id uuid not null constraint schedule_tenant_fkey references tenant (id) on delete cascade,
    name text not null constraint schedule_name_length check (length(name) between 1 and 100),
    cron text not null,
    time_zone text not null,
    overlap text not null constraint schedule_overlap_known check (overlap in ('allow', 'skip', 'cancel_previous')),
    missed text not null constraint schedule_missed_known check (missed in ('skip', 'latest', 'all')),
    missed_after_secs integer not null constraint schedule_missed_after_positive check (missed_after_secs > 0),
    -- Its jobs, as a submit would have made them.
    kind text not null,
    queue text not null,
    payload json not null,
    tags text[] not null,
    max_attempts integer not null,
    backoff_initial_ms bigint not null,
    backoff_factor double precision not null,
    backoff_max_ms bigint not null,
    timeout_ms bigint not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- Grows with every change that somebody makes, and not by firing.
    version integer not null default 1,

    paused_at timestamptz,
    -- NULL while it is paused, and when there is no further fire time. Whoever moves it on has fired.
    next_fire_at timestamptz,
    last_fired_at timestamptz,
    last_job_id uuid,
    -- Why it could not be fired, and when that is tried again.
    last_error text,
    last_error_at timestamptz,
    retry_at timestamptz,
    constraint schedule_pkey primary key (tenant_id, name),
    constraint schedule_paused_has_no_next check (paused_at is null or next_fire_at is null)
) with (fillfactor = 80);
create index schedule_tenant_id_idx on schedule (tenant_id, id);
create index schedule_next_fire_at_idx on schedule (next_fire_at) where next_fire_at is not null;
call protect('schedule');
grant select, insert, update, delete on schedule to tandem_api;
grant select on schedule to tandem_worker;
grant update (next_fire_at, last_fired_at, last_job_id, last_error, last_error_at, retry_at) on schedule to tandem_worker;

-- Which fire times have their job: whatever else goes wrong, none has two. Kept as long as jobs are.
create table schedule_fire (
    tenant_id uuid not null,
    schedule text not null,
    fire_at timestamptz not null,
    job_id uuid not null,
    fired_at timestamptz not null default now(),
    constraint schedule_fire_pkey primary key (tenant_id, schedule, fire_at),
    constraint schedule_fire_schedule_fkey foreign key (tenant_id, schedule) references schedule (tenant_id, name)
        on delete cascade
);
create index schedule_fire_fired_at_idx on schedule_fire (fired_at);
call protect('schedule_fire');
grant select on schedule_fire to tandem_api;
grant select, insert, delete on schedule_fire to tandem_worker;

-- Which schedule made a job, and for when. NULL costs the other jobs nothing.
alter table job add column schedule text, add column fire_at timestamptz;
-- What the worker may say about a job that it makes; the rest has its defaults.
grant insert (id, tenant_id, kind, queue, payload, tags, max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms,
              timeout_ms, schedule, fire_at, state)
    on job to tandem_worker;

reset role;
