-- Retention whose long work holds no strong lock, and that counts from the end of a job.
--
-- A day is dropped in three steps. First its living jobs are written down, and it is read, in pieces and beside everything
-- else, for jobs that ended lately. Then it is detached, under locks that shut everybody out for a moment, in which a bounded number of jobs moves to the
-- default partition: those that live, dead letters, and what the first step found. Now nobody can change the day any
-- more, so the third step reads it once again at leisure, for jobs that were retried and ended during the first step,
-- and drops it. Only these can't be found for a moment.
set local role tandem_owner;

-- The end of the names of a day's partitions.
create function day_suffix(day date) returns text
language sql immutable parallel safe
return '_p' || to_char(day, 'YYYYMMDD');

-- Moves jobs with all their history from a detached day to the default partition. Moved, not copied: so it can be done
-- again.
create procedure move_to_rest(day date, ids uuid[])
language plpgsql as $$
declare
    part record;
begin
    for part in select * from (values ('job', 'id'), ('attempt', 'job_id'), ('job_event', 'job_id')) p (parent, key_column)
    loop
        execute format('with moved as (delete from %I where %I = any ($1) returning *) insert into %I select * from moved',
                       part.parent || day_suffix(day), part.key_column, part.parent || '_rest') using ids;
    end loop;
end
$$;

-- The ended jobs of a day, among the next `page_size` jobs after `after`, that ended within `keep_days` days; and the
-- last of those that were read, NULL when there was none.
create function ended_lately(day date, keep_days integer, after uuid, page_size integer,
                             out last_read uuid, out ids uuid[])
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
    execute format(
        'with page as materialized (select id, finished_at from %I where id > $1 order by id limit $2)
         select (select id from page order by id desc limit 1),
                array(select id from page where finished_at > now() - make_interval(days => $3))',
        'job' || day_suffix(day))
        into last_read, ids using after, page_size, keep_days;
end
$$;

-- What must stay of a day: `ended`, and the jobs that have a token. Of each kind of token `most` at most are looked at,
-- by ranges of their keys.
create function survivors(day date, ended uuid[], most integer) returns uuid[]
language sql stable
begin atomic
    with day_range as (
        select uuid_v7_floor(day::timestamp at time zone 'utc') as low,
               uuid_v7_floor((day + 1)::timestamp at time zone 'utc') as high
    )
    select array(
        (select job_id from outbox, day_range where job_id >= low and job_id < high limit most)
        union (select job_id from due, day_range where job_id >= low and job_id < high limit most)
        union (select job_id from claim, day_range where job_id >= low and job_id < high limit most)
        union (select job_id from dead_letter, day_range where job_id >= low and job_id < high limit most)
        union select unnest(ended)
    );
end;

-- Detaches a day, of which `ended` and whatever lives or is a dead letter moves to the default partition. Does nothing
-- and answers false when these are more than `most`, because everybody waits while they move.
-- A lock that is not granted within a fifth of a second is given up, because everybody waits behind it.
create function detach_day(day date, ended uuid[], most integer) returns boolean
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '200ms' as $$
declare
    staying uuid[] := survivors(day, ended, most + 1);
    part record;
begin
    if cardinality(staying) > most then
        return false;
    end if;
    -- Read them once before anybody waits, so that nobody waits for a disk. As text, because a value may be stored apart.
    for part in select * from (values ('job', 'id'), ('attempt', 'job_id'), ('job_event', 'job_id')) p (parent, key_column)
    loop
        execute format('select count(t::text) from %I t where %I = any ($1)', part.parent || day_suffix(day), part.key_column)
            using staying;
    end loop;

    -- The parents first, as every statement does. Whoever has changed a job of this day holds them until it commits, so
    -- what follows sees every change, and nobody makes another one.
    lock table only job, only attempt, only job_event in access exclusive mode;
    staying := survivors(day, ended, most + 1);
    if cardinality(staying) > most then
        return false;
    end if;
    for part in select * from (values ('job'), ('attempt'), ('job_event')) p (parent) loop
        execute format('alter table %I detach partition %I', part.parent, part.parent || day_suffix(day));
    end loop;
    call move_to_rest(day, staying);
    return true;
end
$$;

-- Moves from a detached day what ended lately among the next `page_size` jobs after `after`; answers the last of those
-- that were read, NULL when there was none.
create function keep_ended_lately(day date, keep_days integer, after uuid, page_size integer) returns uuid
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    found record;
begin
    select * into found from ended_lately(day, keep_days, after, page_size);
    call move_to_rest(day, found.ids);
    return found.last_read;
end
$$;

-- Drops a day that is detached.
create function drop_day(day date) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if (select relispartition from pg_class where oid = to_regclass('job' || day_suffix(day))) then
        raise exception 'the day % is still attached', day;
    end if;
    execute format('drop table if exists %I, %I, %I', 'job' || day_suffix(day), 'attempt' || day_suffix(day),
                   'job_event' || day_suffix(day));
end
$$;

-- Workers from before this migration drop days in one long statement; they leave it to their successors now.
create or replace function drop_oldest_partition(keep_days integer) returns text
language sql security definer set search_path = public, pg_temp
return null::text;

-- Deletes, among the next `page_size` jobs of the default partition after `after`, those that ended more than `keep_days`
-- days ago and are no dead letters, with their history; answers how many, and the last of those that were read, NULL
-- when there was none.
create function purge_rest_page(keep_days integer, after uuid, page_size integer, out last_read uuid, out purged integer)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    candidates uuid[];
    gone uuid[];
begin
    with page as materialized (select id, finished_at from job_rest where id > after order by id limit page_size)
    select (select id from page order by id desc limit 1),
           array(select id from page where finished_at < now() - make_interval(days => keep_days))
    into last_read, candidates;
    -- Somebody may have retried a job since. A delete that waited for that looks at the row again, but not at other
    -- tables: and a job that lives, or has died again since, has another finished_at.
    with deleted as (
        delete from job_rest j
        where id = any (candidates) and finished_at < now() - make_interval(days => keep_days)
          and not exists (select from dead_letter d where d.job_id = j.id)
        returning id
    )
    select array(select id from deleted) into gone;
    delete from attempt_rest where job_id = any (gone);
    delete from job_event_rest where job_id = any (gone);
    purged := cardinality(gone);
end
$$;

-- For workers from before this migration.
create or replace function purge_rest(keep_days integer, batch integer) returns integer
language sql security definer set search_path = public, pg_temp
return (select purged from purge_rest_page(keep_days, '00000000-0000-0000-0000-000000000000', batch));

-- A new partition is attached without reading the default one when a constraint of that one excludes the day. So the
-- constraint is made first, and checked while everybody works. Only for days that nobody uses yet: until the day has its
-- partition, no row of it could be stored. Answers how many constraints it made.
create function exclude_missing_days(days_ahead integer) returns integer
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '200ms' as $$
declare
    today date := (now() at time zone 'utc')::date;
    made integer := 0;
    missing record;
    condition text;
    used boolean;
begin
    for missing in
        select d::date as day, parent || '_rest' as rest, key_column, 'without' || day_suffix(d::date) as name
        from generate_series(today + 2, today + days_ahead, interval '1 day') d,
             (values ('job', 'id'), ('attempt', 'job_id'), ('job_event', 'job_id')) p (parent, key_column)
        where to_regclass(parent || day_suffix(d::date)) is null
          and not exists (select from pg_constraint c where c.conrelid = (parent || '_rest')::regclass
                          and c.conname = 'without' || day_suffix(d::date))
    loop
        condition := format('%I >= %L and %I < %L',
            missing.key_column, uuid_v7_floor(missing.day::timestamp at time zone 'utc'),
            missing.key_column, uuid_v7_floor((missing.day + 1)::timestamp at time zone 'utc'));
        execute format('lock table %I in access exclusive mode', missing.rest);
        execute format('select exists (select from %I where %s)', missing.rest, condition) into used;
        continue when used;
        execute format('alter table %I add constraint %I check (not (%s)) not valid', missing.rest, missing.name, condition);
        made := made + 1;
    end loop;
    return made;
end
$$;

-- Checks one such constraint, beside everything else; answers whether there was one.
create function check_excluded_day() returns boolean
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '200ms' as $$
declare
    unchecked record;
begin
    select conrelid::regclass as rest, conname into unchecked from pg_constraint
    where conrelid in ('job_rest'::regclass, 'attempt_rest'::regclass, 'job_event_rest'::regclass)
      and conname like 'without\_p%' and not convalidated
    limit 1;
    if not found then
        return false;
    end if;
    execute format('alter table %s validate constraint %I', unchecked.rest, unchecked.conname);
    return true;
end
$$;

create or replace procedure create_partition(parent text, key_column text, day date)
language plpgsql as $$
declare
    partition_name text := parent || day_suffix(day);
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
    -- Being a partition excludes the day from now on.
    if exists (select from pg_constraint where conrelid = (parent || '_rest')::regclass and conname = 'without' || day_suffix(day))
    then
        execute format('alter table %I drop constraint %I', parent || '_rest', 'without' || day_suffix(day));
    end if;
end
$$;

-- As before, but whoever waits behind its locks waits for a fifth of a second, not for two.
create or replace function ensure_partitions(days_ahead integer) returns integer
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '200ms' as $$
declare
    day date;
    made integer := 0;
begin
    for day in select generate_series(
        (now() at time zone 'utc')::date - 1, (now() at time zone 'utc')::date + days_ahead, interval '1 day')::date
    loop
        if to_regclass('job' || day_suffix(day)) is null then
            made := made + 1;
        end if;
        call create_partition('job', 'id', day);
        call create_partition('attempt', 'job_id', day);
        call create_partition('job_event', 'job_id', day);
    end loop;
    return made;
end
$$;

revoke execute on all routines in schema public from public;
grant execute on function survivors(date, uuid[], integer), ended_lately(date, integer, uuid, integer), detach_day(date, uuid[], integer),
    keep_ended_lately(date, integer, uuid, integer), drop_day(date), purge_rest_page(integer, uuid, integer),
    exclude_missing_days(integer), check_excluded_day() to tandem_worker;

reset role;
