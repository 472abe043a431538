-- Partitions by day, made ahead and dropped after retention by the worker, which owns no table: so through functions
-- of the owner with a fixed search path.
set local role tandem_owner;

-- The smallest UUIDv7 of a moment: its first 48 bits are the Unix time in milliseconds (RFC 9562, section 5.7).
create function uuid_v7_floor(moment timestamptz) returns uuid
language sql immutable parallel safe
return (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Makes one day's partition of one table, and moves the day's rows out of the default partition, should an earlier
-- day without a partition have put some there.
create procedure create_partition(parent text, key_column text, day date)
language plpgsql as $$
declare
    partition_name text := format('%s_p%s', parent, to_char(day, 'YYYYMMDD'));
    low uuid := uuid_v7_floor(day::timestamp at time zone 'utc');
    high uuid := uuid_v7_floor((day + 1)::timestamp at time zone 'utc');
begin
    if to_regclass(partition_name) is not null then
        return;
    end if;
    execute format('create table %I (like %I including all) with (fillfactor = %s)',
                   partition_name, parent, case parent when 'job' then 70 else 100 end);
    call protect(partition_name::regclass);
    execute format('with moved as (delete from %I where %I >= %L and %I < %L returning *) insert into %I select * from moved',
                   parent || '_rest', key_column, low, key_column, high, partition_name);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, partition_name, low, high);
end
$$;

-- Makes the partitions from yesterday to `days_ahead` days from now; answers how many of job were missing.
create function ensure_partitions(days_ahead integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    day date;
    made integer := 0;
begin
    perform set_config('lock_timeout', '2s', true);
    for day in select generate_series(
        (now() at time zone 'utc')::date - 1, (now() at time zone 'utc')::date + days_ahead, interval '1 day')::date
    loop
        if to_regclass(format('job_p%s', to_char(day, 'YYYYMMDD'))) is null then
            made := made + 1;
        end if;
        call create_partition('job', 'id', day);
        call create_partition('attempt', 'job_id', day);
        call create_partition('job_event', 'job_id', day);
    end loop;
    return made;
end
$$;

-- Drops the oldest day that lies wholly before `keep_days` days ago; answers its name, or NULL if there is none. Jobs of
-- that day that still live, and dead letters, move to the default partition with all their history.
create function drop_oldest_partition(keep_days integer) returns text
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

    -- Nobody may finish or cancel a job of this day between the copy and the drop.
    execute format('lock table job, attempt, job_event in share row exclusive mode');
    execute format('select array_agg(id) from %I where state in (''scheduled'', ''queued'', ''running'', ''failed'')', oldest)
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

-- Deletes up to `batch` jobs of the default partition that ended more than `keep_days` days ago, with their history;
-- answers how many. The default partition holds few rows, so these deletes stay small.
create function purge_rest(keep_days integer, batch integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    ended uuid[];
begin
    select array_agg(id) into ended from (
        select id from job_rest
        where finished_at < now() - make_interval(days => keep_days) and state <> 'failed'
        limit batch
    ) j;
    delete from attempt_rest where job_id = any (ended);
    delete from job_event_rest where job_id = any (ended);
    delete from job_rest where id = any (ended);
    return coalesce(array_length(ended, 1), 0);
end
$$;

revoke execute on all functions in schema public from public;
revoke execute on all routines in schema public from public;
grant execute on function current_tenant() to tandem_api, tandem_worker;
grant execute on function uuid_v7_floor(timestamptz) to tandem_api, tandem_worker;
grant execute on function authenticate(text) to tandem_api;
grant execute on function ensure_partitions(integer), drop_oldest_partition(integer), purge_rest(integer, integer)
    to tandem_worker;

-- A database is usable as soon as it is migrated.
select ensure_partitions(7);

reset role;
