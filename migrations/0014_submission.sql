-- What a submit may say besides: one job per key, metadata, personal data; and which kinds workers have.
set local role tandem_owner;

-- Immutable like the other columns that a submit writes. They stand at the end because a column can't be put elsewhere;
-- where they are NULL, which they mostly are, they take no room.
alter table job
    -- An object of texts, as it was submitted.
    add column metadata json,
    -- JSON Pointers into the payload: what is shown masked.
    add column sensitive json,
    -- The key that the job holds or held (domain::UniqueKey), and until when; NULL for as long as the job lives.
    add column unique_key bytea,
    add column unique_until timestamptz;

-- Which job holds a unique key. Nobody who ends a job needs to know this table: a row whose job holds its key no longer
-- is taken over by the next submit, or purged.
create table unique_job (
    tenant_id uuid not null,
    key_hash bytea not null constraint unique_job_key_hash_length check (length(key_hash) = 32),
    job_id uuid not null,
    -- NULL: for as long as the job lives.
    expires_at timestamptz,
    constraint unique_job_pkey primary key (tenant_id, key_hash)
);
call protect('unique_job');
-- Not its tenant: no row changes its owner.
grant select, insert, delete, update (job_id, expires_at) on unique_job to tandem_api, tandem_worker;

-- Whether a job in this state, NULL if it is gone, holds its key. Within a period an ended job holds it too, unless it
-- ended without having done its work.
create function unique_key_held(expires_at timestamptz, state text) returns boolean
language sql stable parallel safe
return coalesce(
    case when expires_at is null then state in ('scheduled', 'queued', 'running')
         else expires_at > now() and state not in ('failed', 'cancelled', 'expired') end,
    false);

-- Whether another job holds the key of this one, so that this one may not live again.
create function unique_key_taken(of_job uuid) returns boolean
language sql stable
begin atomic
    select exists (
        select from job j
        join unique_job u on u.tenant_id = j.tenant_id and u.key_hash = j.unique_key and u.job_id <> j.id
        join job holder on holder.id = u.job_id
        where j.id = of_job and (j.unique_until is null or j.unique_until > now())
          and unique_key_held(u.expires_at, holder.state));
end;
revoke execute on function unique_key_held(timestamptz, text), unique_key_taken(uuid) from public;
grant execute on function unique_key_held(timestamptz, text), unique_key_taken(uuid) to tandem_api, tandem_worker;

-- A submit may have been answered with jobs that existed already: these of job_ids.
alter table idempotency add column existing_ids uuid[];

-- The kinds that workers have declared. No tenant's rows: what a kind takes is the operator's business.
create table kind (
    name text constraint kind_pkey primary key,
    -- JSON Schema of the payload; NULL when the handler has none.
    schema json,
    -- JSON Pointers into the payload: what is shown masked in every job of this kind.
    sensitive text[] not null default '{}',
    -- When this schema was declared, and when a worker last said that it has the kind.
    registered_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
);
grant select on kind to tandem_api;
grant select, insert, update, delete on kind to tandem_worker;

-- The kinds that a worker process has a handler for; they go with its row.
alter table worker add column kinds text[] not null default '{}';

-- How many jobs of one tenant wait is counted up to its quota, by the indexes that fair dispatch has.

reset role;
