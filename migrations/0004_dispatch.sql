-- The small tables by which a job is found in a state. A job has a row in exactly one of outbox (queued), due
-- (scheduled), claim (running), dead_letter (failed), or in none (succeeded, cancelled, expired).
-- They are hot and short-lived, so vacuum goes by a fixed number of dead rows.
set local role tandem_owner;

-- The doorbells. On the embedded backend the outbox is the queue: a worker receives from it, which hides the row until
-- visible_at. On SQS the dispatcher does the same and sends a message; a row that is still here at visible_at was not
-- claimed, and is announced again. The claim deletes the row.
create table outbox (
    job_id uuid constraint outbox_pkey primary key,
    tenant_id uuid not null,
    queue text not null,
    traceparent text,
    start_by timestamptz,
    enqueued_at timestamptz not null default now(),
    visible_at timestamptz not null default now(),
    receive_count integer not null default 0
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index outbox_queue_visible_at_idx on outbox (queue, visible_at);
create index outbox_start_by_idx on outbox (start_by) where start_by is not null;
call protect('outbox');
grant select, insert, update, delete on outbox to tandem_api, tandem_worker;

-- Jobs that are due later.
create table due (
    job_id uuid constraint due_pkey primary key,
    tenant_id uuid not null,
    run_at timestamptz not null,
    start_by timestamptz
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index due_run_at_idx on due (run_at);
create index due_start_by_idx on due (start_by) where start_by is not null;
call protect('due');
-- Update, because `for update skip locked` asks for that right.
grant select, insert, update, delete on due to tandem_api, tandem_worker;

-- Worker processes. The lease of every attempt that a process runs is the process's own: one write per heartbeat.
create table worker (
    id uuid constraint worker_pkey primary key,
    host text not null,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    lease_expires_at timestamptz not null
) with (fillfactor = 50);
grant select on worker to tandem_api;
grant select, insert, update, delete on worker to tandem_worker;

-- Attempts that run now. No foreign key: a claim whose worker row is gone counts as expired.
create table claim (
    job_id uuid constraint claim_pkey primary key,
    tenant_id uuid not null,
    worker_id uuid not null,
    attempt integer not null,
    started_at timestamptz not null default now()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index claim_worker_id_idx on claim (worker_id);
call protect('claim');
grant select on claim to tandem_api;
grant select, insert, delete on claim to tandem_worker;

-- Failed jobs that wait for somebody's decision. They are kept beyond retention.
create table dead_letter (
    job_id uuid constraint dead_letter_pkey primary key,
    tenant_id uuid not null,
    kind text not null,
    queue text not null,
    failed_at timestamptz not null default now(),
    error_code text not null
);
create index dead_letter_tenant_id_idx on dead_letter (tenant_id, job_id);
call protect('dead_letter');
grant select, delete on dead_letter to tandem_api;
grant select, insert on dead_letter to tandem_worker;

-- Which jobs a submit with an Idempotency-Key made.
create table idempotency (
    tenant_id uuid not null,
    key text not null,
    request_hash bytea not null constraint idempotency_request_hash_length check (length(request_hash) = 32),
    job_ids uuid[] not null,
    expires_at timestamptz not null,
    constraint idempotency_pkey primary key (tenant_id, key)
);
create index idempotency_expires_at_idx on idempotency (expires_at);
call protect('idempotency');
grant select, insert, update on idempotency to tandem_api;
grant select (tenant_id, key, expires_at), delete on idempotency to tandem_worker;

reset role;
