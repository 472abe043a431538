-- Which jobs a bulk command means. Jobs that have not ended are found by their tokens, dead letters by theirs; only
-- what was cancelled or has expired, and so has no token, is found by walking the tenant's jobs, whose range the times
-- narrow. Run with the caller's rights, so row-level security holds; NULL does not filter.
set local role tandem_owner;

-- The jobs of the current tenant that may be cancelled: those that have not ended, and were not asked to end.
create function cancellable_jobs(
    in_state text, of_kind text, in_queue text, with_tag text, created_after timestamptz, created_before timestamptz
) returns table (job_id uuid, state text)
language sql stable
begin atomic
    select j.id, j.state
    from (
        select o.job_id from outbox o
        where o.tenant_id = current_tenant() and coalesce(in_state, 'queued') = 'queued'
        union all
        select d.job_id from due d
        where d.tenant_id = current_tenant() and coalesce(in_state, 'scheduled') = 'scheduled'
        union all
        select c.job_id from claim c
        where c.tenant_id = current_tenant() and coalesce(in_state, 'running') = 'running'
    ) token
    join job j on j.id = token.job_id
    where j.state in ('scheduled', 'queued', 'running')
      and j.cancel_requested_at is null
      and (of_kind is null or j.kind = of_kind)
      and (in_queue is null or j.queue = in_queue)
      and (with_tag is null or with_tag = any(j.tags))
      and (created_after is null or token.job_id >= uuid_v7_floor(created_after))
      and (created_before is null or token.job_id < uuid_v7_floor(created_before));
end;

-- The jobs of the current tenant that may be retried: dead letters, and what was cancelled or has expired. A failure
-- that somebody discarded is not meant: it was decided that it needs no retry.
create function retryable_jobs(
    in_state text, of_kind text, in_queue text, with_tag text, created_after timestamptz, created_before timestamptz,
    finished_before timestamptz
) returns table (job_id uuid, state text)
language sql stable
begin atomic
    select j.id, j.state
    from (
        select d.job_id from dead_letter d
        where d.tenant_id = current_tenant() and coalesce(in_state, 'failed') = 'failed'
        union all
        select e.id from job e
        where e.tenant_id = current_tenant()
          and coalesce(in_state, 'cancelled') in ('cancelled', 'expired')
          and e.state in ('cancelled', 'expired')
          and (in_state is null or e.state = in_state)
          and (created_after is null or e.id >= uuid_v7_floor(created_after))
          and (created_before is null or e.id < uuid_v7_floor(created_before))
    ) ended
    join job j on j.id = ended.job_id
    where j.state in ('failed', 'cancelled', 'expired')
      and (of_kind is null or j.kind = of_kind)
      and (in_queue is null or j.queue = in_queue)
      and (with_tag is null or with_tag = any(j.tags))
      and (created_after is null or ended.job_id >= uuid_v7_floor(created_after))
      and (created_before is null or ended.job_id < uuid_v7_floor(created_before))
      and (finished_before is null or j.finished_at < finished_before);
end;

revoke execute on function cancellable_jobs(text, text, text, text, timestamptz, timestamptz),
    retryable_jobs(text, text, text, text, timestamptz, timestamptz, timestamptz) from public;
grant execute on function cancellable_jobs(text, text, text, text, timestamptz, timestamptz),
    retryable_jobs(text, text, text, text, timestamptz, timestamptz, timestamptz) to tandem_api;

-- Nobody moves a row to another tenant, or a token to another job: the worker, which serves all tenants, may update
-- everything else of the tables that it was granted as a whole.
do $$
declare
    granted regclass;
    columns text;
begin
    for granted in
        select c.oid from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
        where c.relnamespace = 'public'::regnamespace and has_table_privilege('tandem_worker', c.oid, 'update')
    loop
        select string_agg(quote_ident(attname), ', ') into columns from pg_attribute
        where attrelid = granted and attnum > 0 and not attisdropped and attname not in ('job_id', 'tenant_id');
        execute format('revoke update on %s from tandem_worker', granted);
        execute format('grant update (%s) on %s to tandem_worker', columns, granted);
    end loop;
end
$$;

reset role;
