-- Dead letters that can be grouped, announced on a queue of their own, retried from there, and discarded.
set local role tandem_owner;

alter table dead_letter
    -- The attempt after which the job became a dead letter: the fencing token of its message.
    add column attempt integer,
    -- Equal for failures of the same cause (domain::Failure::fingerprint).
    add column fingerprint text,
    -- When its message was sent to the dead-letter queue of its lane; NULL while it is owed. Without such a queue nobody
    -- sends one, and this stays NULL.
    add column announced_at timestamptz;
update dead_letter d set attempt = j.attempt, fingerprint = 'unknown' from job j where j.id = d.job_id;
alter table dead_letter
    alter column attempt set not null,
    alter column fingerprint set not null;
create index dead_letter_owed_idx on dead_letter (queue, job_id) where announced_at is null;
create index dead_letter_queue_idx on dead_letter (queue);

-- The dead letters of the current tenant that a filter means; NULL does not filter. Run with the caller's rights, so
-- row-level security holds.
create function matching_dead_letters(
    ids uuid[], of_kind text, in_queue text, with_tag text, with_error_code text, with_fingerprint text,
    failed_after timestamptz, failed_before timestamptz
) returns setof dead_letter
language sql stable
begin atomic
    select d.* from dead_letter d
    where d.tenant_id = current_tenant()
      and (ids is null or d.job_id = any(ids))
      and (of_kind is null or d.kind = of_kind)
      and (in_queue is null or d.queue = in_queue)
      and (with_tag is null or exists (select from job j where j.id = d.job_id and with_tag = any(j.tags)))
      and (with_error_code is null or d.error_code = with_error_code)
      and (with_fingerprint is null or d.fingerprint = with_fingerprint)
      and (failed_after is null or d.failed_at >= failed_after)
      and (failed_before is null or d.failed_at < failed_before);
end;
revoke execute on function matching_dead_letters(uuid[], text, text, text, text, text, timestamptz, timestamptz) from public;
grant execute on function matching_dead_letters(uuid[], text, text, text, text, text, timestamptz, timestamptz) to tandem_api;
-- `for update skip locked` asks for the right to update some column.
grant update (announced_at) on dead_letter to tandem_api;

-- A worker announces dead letters, and revives the job whose message somebody moved back to its lane's queue.
grant update (announced_at), delete on dead_letter to tandem_worker;
grant update (cancel_requested_at) on job to tandem_worker;

-- A failed job is kept beyond retention while it is a dead letter; a discarded one is a job like any other.
create or replace function drop_oldest_partition(keep_days integer) returns text
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    oldest text;
    day_suffix text;
    part record;
    survivors uuid[];
begin
    perform set_config('lock_timeout', '2s', true);
    select c.relname into oldest
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'job'::regclass and c.relname ~ '^job_p[0-9]{8}$'
      and to_date(right(c.relname, 8), 'YYYYMMDD') < (now() at time zone 'utc')::date - keep_days
    order by c.relname limit 1;
    if oldest is null then
        return null;
    end if;
    day_suffix := right(oldest, 10);

    -- Nobody may finish, cancel or discard a job of this day between the copy and the drop.
    execute format('lock table job, attempt, job_event in share row exclusive mode');
    execute format('select array_agg(id) from %I j where state in (''scheduled'', ''queued'', ''running'')
                       or exists (select from dead_letter d where d.job_id = j.id)', oldest)
        into survivors;
    for part in select * from (values ('job', 'id'), ('attempt', 'job_id'), ('job_event', 'job_id')) p (parent, key_column)
    loop
        execute format('alter table %I detach partition %I', part.parent, part.parent || day_suffix);
        execute format('insert into %I select * from %I where %I = any ($1)',
                       part.parent || '_rest', part.parent || day_suffix, part.key_column) using survivors;
        execute format('drop table %I', part.parent || day_suffix);
    end loop;
    return oldest;
end
$$;

create or replace function purge_rest(keep_days integer, batch integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    ended uuid[];
begin
    select array_agg(id) into ended from (
        select id from job_rest j
        where finished_at < now() - make_interval(days => keep_days)
          and not exists (select from dead_letter d where d.job_id = j.id)
        limit batch
    ) j;
    delete from attempt_rest where job_id = any (ended);
    delete from job_event_rest where job_id = any (ended);
    delete from job_rest where id = any (ended);
    return coalesce(array_length(ended, 1), 0);
end
$$;

reset role;
