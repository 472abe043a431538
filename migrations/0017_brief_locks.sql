-- Maintenance that makes nobody wait for longer than for one lock. A statement that waits for a strong lock is waited for by
-- everybody who comes after it, and so are the strong locks that it has while it waits for the next one. So it waits
-- for the first one only, for a fifth of a second, and takes the others if they are free.
--
-- Attaching a partition takes no strong lock on the partitioned table, so who only adds a job does not wait for it. It takes
-- one on the default partition, which everybody looks into who looks for jobs that stand in another table: claims, finishes,
-- submits with a unique key. Detaching takes one on all of them.
set local role tandem_owner;

-- Shuts everybody out of these tables until the transaction ends, if that is possible at once. Only the first one is
-- waited for, as long as `lock_timeout` allows: it must be the one without which nobody holds the others for long.
create procedure shut(tables text[])
language plpgsql as $$
begin
    for i in 1 .. cardinality(tables) loop
        execute format('lock table only %I in access exclusive mode %s', tables[i], case when i > 1 then 'nowait' end);
    end loop;
end
$$;

-- Makes a table that is to be one day's partition of another one. Nobody waits for that.
create procedure prepare_partition(parent text, day date)
language plpgsql as $$
begin
    execute format('create table %I (like %I including all) with (fillfactor = %s)',
                   parent || day_suffix(day), parent, case parent when 'job' then 70 else 100 end);
    call protect((parent || day_suffix(day))::regclass);
end
$$;

-- Makes it a partition, and moves the day's rows out of the default partition, should there be some.
create procedure attach_partition(parent text, key_column text, day date)
language plpgsql as $$
declare
    partition_name text := parent || day_suffix(day);
    low uuid := uuid_v7_floor(day::timestamp at time zone 'utc');
    high uuid := uuid_v7_floor((day + 1)::timestamp at time zone 'utc');
begin
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

create or replace procedure create_partition(parent text, key_column text, day date)
language plpgsql as $$
begin
    if to_regclass(parent || day_suffix(day)) is null then
        call prepare_partition(parent, day);
        call attach_partition(parent, key_column, day);
    end if;
end
$$;

-- As before, but everything that takes its time comes before the locks.
create or replace function ensure_partitions(days_ahead integer) returns integer
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '200ms' as $$
declare
    today date := (now() at time zone 'utc')::date;
    missing date[];
    day date;
begin
    missing := array(
        select d::date from generate_series(today - 1, today + days_ahead, interval '1 day') d
        where to_regclass('job' || day_suffix(d::date)) is null order by d);
    if cardinality(missing) = 0 then
        return 0;
    end if;
    foreach day in array missing loop
        call prepare_partition('job', day);
        call prepare_partition('attempt', day);
        call prepare_partition('job_event', day);
    end loop;
    -- What attaching takes of the partitioned tables. It keeps other maintenance away, and nobody else.
    lock table only job, only attempt, only job_event in share update exclusive mode;
    call shut(array['job_rest', 'attempt_rest', 'job_event_rest']);
    foreach day in array missing loop
        call attach_partition('job', 'id', day);
        call attach_partition('attempt', 'job_id', day);
        call attach_partition('job_event', 'job_id', day);
    end loop;
    return cardinality(missing);
end
$$;

create or replace function exclude_missing_days(days_ahead integer) returns integer
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
        -- Those that it has already are had at once.
        call shut(array['job_rest', 'attempt_rest', 'job_event_rest']);
        condition := format('%I >= %L and %I < %L',
            missing.key_column, uuid_v7_floor(missing.day::timestamp at time zone 'utc'),
            missing.key_column, uuid_v7_floor((missing.day + 1)::timestamp at time zone 'utc'));
        execute format('select exists (select from %I where %s)', missing.rest, condition) into used;
        continue when used;
        execute format('alter table %I add constraint %I check (not (%s)) not valid', missing.rest, missing.name, condition);
        made := made + 1;
    end loop;
    return made;
end
$$;

create or replace function detach_day(day date, ended uuid[], most integer) returns boolean
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
    -- what follows sees every change, and nobody makes another one. Who holds what comes after the first one reads for a
    -- moment, or is autovacuum.
    call shut(array['job', 'attempt', 'job_event', 'job_rest', 'attempt_rest', 'job_event_rest',
                    'job' || day_suffix(day), 'attempt' || day_suffix(day), 'job_event' || day_suffix(day)]);
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

revoke execute on all routines in schema public from public;

reset role;
