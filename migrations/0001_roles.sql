-- Who may touch what. `tandem_owner` owns every object and is used by migrations and by `tandem` on the operator's
-- machine only. `tandem_api` and `tandem_worker` are what the two processes become when they connect; they own
-- nothing, so row-level security binds them. Roles belong to the whole cluster, hence the care for existing ones.
do $$
declare
    role_name text;
begin
    foreach role_name in array array['tandem_owner', 'tandem_api', 'tandem_worker'] loop
        begin
            if not exists (select from pg_roles where rolname = role_name) then
                execute format('create role %I nologin', role_name);
            end if;
        exception
            -- Another database of this cluster is being migrated at the same moment.
            when duplicate_object or unique_violation then null;
        end;
        if not pg_has_role(current_user, role_name, 'member') then
            execute format('grant %I to %I', role_name, current_user);
        end if;
    end loop;
end
$$;

grant usage, create on schema public to tandem_owner;
grant usage on schema public to tandem_api, tandem_worker;

-- Readiness compares the schema's version with the binary's.
grant select on _sqlx_migrations to tandem_owner, tandem_api, tandem_worker;

set local role tandem_owner;

-- The tenant of the current transaction. After a transaction the setting is '' on that pooled connection, not NULL:
-- unset means no rows, neither an error nor all rows.
create function current_tenant() returns uuid
language sql stable parallel safe
return nullif(current_setting('app.tenant_id', true), '')::uuid;

-- Row-level security for one table of tenants' rows:
-- the api sees the tenant that its transaction names; the worker serves all tenants, and what it may do is bounded by
-- its grants; the owner runs migrations and the operator's commands.
create procedure protect(target regclass, tenant_column text default 'tenant_id')
language plpgsql as $$
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format(
        'create policy tenant on %s to tandem_api using (%I = current_tenant()) with check (%I = current_tenant())',
        target, tenant_column, tenant_column);
    execute format('create policy worker on %s to tandem_worker using (true) with check (true)', target);
    execute format('create policy owner on %s to tandem_owner using (true) with check (true)', target);
end
$$;

reset role;
