-- Schedules whose jobs say all that a submit may say, and which tell what they did not do; keys of requests that make
-- something else than jobs; secrets that go when they have expired.
set local role tandem_owner;

-- The jobs of a schedule, in the columns of `job` that have the same names. What is not said is NULL.
alter table schedule
    add column metadata json,
    add column sensitive json,
    add column unique_key bytea,
    -- NULL: for as long as the job lives.
    add column unique_ms bigint,
    add column unique_on_conflict text
        constraint schedule_unique_on_conflict_known check (unique_on_conflict in ('return', 'replace', 'reject')),
    add constraint schedule_unique_whole check ((unique_key is null) = (unique_on_conflict is null)),
    -- A job that was not started so long after it was made expires.
    add column start_within_ms bigint constraint schedule_start_within_positive check (start_within_ms > 0),
    -- The newest fire time that was let go without a job, and why.
    add column last_skipped_at timestamptz,
    add column last_skip_reason text
        constraint schedule_last_skip_reason_known check (last_skip_reason in ('overlap', 'unique', 'missed'));
grant update (last_skipped_at, last_skip_reason) on schedule to tandem_worker;
grant insert (metadata, sensitive, unique_key, unique_until, start_by) on job to tandem_worker;
-- What schedules make counts against it.
grant select (max_queued_jobs) on tenant to tandem_worker;

-- What the request with this key made, where that was no job: the id or name by which its route reads it. A secret that
-- was shown then is not kept.
alter table idempotency add column made text;

-- What has expired signs nothing, so nobody needs to keep it.
create index endpoint_secret_expires_at_idx on endpoint_secret (expires_at) where expires_at is not null;
grant delete on endpoint_secret to tandem_worker;
create policy expired on endpoint_secret as restrictive for delete to tandem_worker using (expires_at <= now());

reset role;
