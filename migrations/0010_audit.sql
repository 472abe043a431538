-- Who did what: a tenant's log of changes, append-only and hash-chained. And what the public API needs to manage keys and
-- tenants: keys that are rotated, tenants that operate the others, limits per tenant.
set local role tandem_owner;

-- The last entry of each tenant's log. Whoever appends holds its row, so a log has one order.
create table audit_head (
    tenant_id uuid constraint audit_head_pkey primary key constraint audit_head_tenant_fkey references tenant (id),
    number bigint not null,
    hash bytea not null constraint audit_head_hash_length check (length(hash) = 32)
);
call protect('audit_head');

create table audit_entry (
    tenant_id uuid not null constraint audit_entry_tenant_fkey references tenant (id),
    -- From 1, without gaps.
    number bigint not null constraint audit_entry_number_positive check (number > 0),
    at timestamptz not null,
    -- NULL when it was done at the database, by an operator's command.
    key_id text,
    request_id text,
    action text not null,
    target text not null,
    -- json, not jsonb: kept byte for byte, because the hash is of its text.
    details json not null,
    previous_hash bytea not null constraint audit_entry_previous_hash_length check (length(previous_hash) = 32),
    hash bytea not null constraint audit_entry_hash_length check (length(hash) = 32),
    constraint audit_entry_pkey primary key (tenant_id, number)
);
call protect('audit_entry');
grant select on audit_entry to tandem_api;

-- Nobody changes what is written, the owner included. Who switches this off can still not hide it: the hashes tell.
create function refuse_audit_change() returns trigger
language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end
$$;
create trigger audit_entry_append_only before update or delete or truncate on audit_entry
    for each statement execute function refuse_audit_change();

-- One field of what is hashed, in a form that can't run into its neighbour: its length in bytes, a colon, the text; "-"
-- for none.
create function audit_field(field text) returns text
language sql immutable parallel safe
return coalesce(octet_length(field)::text || ':' || field, '-');

-- The hash of an entry: SHA-256 of the hash before it (32 zeros for the first) and the entry's fields.
-- The same rule stands in `domain::audit`, by which anybody can check a log.
create function audit_hash(e audit_entry) returns bytea
language sql stable parallel safe
return sha256(e.previous_hash || convert_to(
    audit_field(e.tenant_id::text) || audit_field(e.number::text)
    || audit_field(to_char(e.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    || audit_field(e.key_id) || audit_field(e.request_id) || audit_field(e.action) || audit_field(e.target)
    || audit_field(e.details::text), 'UTF8'));

-- Appends an entry to a tenant's log. For the owner; everybody else has append_audit.
create function append_audit_of(tenant uuid, by_key text, by_request text, what text, on_what text, more text,
                                out entry_number bigint, out entry_hash bytea)
language plpgsql as $$
declare
    entry audit_entry;
begin
    insert into audit_head (tenant_id, number, hash) values (tenant, 0, decode(repeat('00', 32), 'hex'))
    on conflict do nothing;
    select h.number + 1, h.hash into entry.number, entry.previous_hash
    from audit_head h where h.tenant_id = tenant for update;
    entry.tenant_id := tenant;
    -- Read while the head is held, so that the log is in the order of time.
    entry.at := clock_timestamp();
    entry.key_id := by_key;
    entry.request_id := by_request;
    entry.action := what;
    entry.target := on_what;
    entry.details := more::json;
    entry.hash := audit_hash(entry);
    insert into audit_entry select entry.*;
    update audit_head set number = entry.number, hash = entry.hash where tenant_id = tenant;
    entry_number := entry.number;
    entry_hash := entry.hash;
end
$$;

-- The same for the log of the tenant that the transaction names. Owned by the owner, so that the api can append and
-- nothing else.
create function append_audit(by_key text, by_request text, what text, on_what text, more text,
                             out entry_number bigint, out entry_hash bytea)
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if current_tenant() is null then
        raise exception 'an audit entry belongs to a tenant';
    end if;
    select a.entry_number, a.entry_hash into entry_number, entry_hash
    from append_audit_of(current_tenant(), by_key, by_request, what, on_what, more) a;
end
$$;

alter table tenant
    -- Its keys with the scope admin manage all tenants.
    add column operator boolean not null default false,
    -- The most jobs that run at once, and that wait, in all lanes together; NULL is no limit.
    add column max_running_jobs integer constraint tenant_max_running_jobs_positive check (max_running_jobs > 0),
    add column max_queued_jobs integer constraint tenant_max_queued_jobs_positive check (max_queued_jobs > 0),
    add column updated_at timestamptz not null default now();

-- As the owner, whose policy is not this one: a policy that asked its own table would ask for ever.
create function current_tenant_is_operator() returns boolean
language sql stable security definer set search_path = public, pg_temp
return coalesce((select t.operator from tenant t where t.id = current_tenant()), false);

-- A tenant reads itself; only an operator's tenant changes tenants, and reads the others.
drop policy tenant on tenant;
create policy tenant on tenant for select to tandem_api using (id = current_tenant());
create policy operator on tenant to tandem_api
    using ((select current_tenant_is_operator())) with check ((select current_tenant_is_operator()));
-- Not the signing secret, which it has no use for, and not who operates.
revoke select on tenant from tandem_api;
grant select (id, name, operator, rate_limit_per_second, rate_limit_burst, max_running_jobs, max_queued_jobs, created_at,
              updated_at),
      insert (id, name, webhook_secret, rate_limit_per_second, rate_limit_burst, max_running_jobs, max_queued_jobs),
      update (name, rate_limit_per_second, rate_limit_burst, max_running_jobs, max_queued_jobs, updated_at)
    on tenant to tandem_api;
grant select (max_running_jobs) on tenant to tandem_worker;

alter table api_key
    -- The key that took this one's place; this one works until it expires.
    add column replaced_by text,
    -- Whoever owns a key is a user of its tenant. The old constraint looked at other tenants' users too, and so told
    -- which of them exist.
    drop constraint api_key_user_fkey;
drop index users_tenant_id_idx;
alter table users add constraint users_tenant_id_key unique (tenant_id, id);
alter table api_key add constraint api_key_user_fkey foreign key (tenant_id, user_id) references users (tenant_id, id);
drop index api_key_tenant_id_idx;
create index api_key_tenant_id_idx on api_key (tenant_id, created_at, id);
grant insert (id, tenant_id, user_id, name, secret_hash, scopes, expires_at),
      update (expires_at, revoked_at, replaced_by)
    on api_key to tandem_api;

-- As before, and says whether the key's tenant operates the others.
drop function authenticate(text);
create function authenticate(key_id text)
returns table (
    tenant_id uuid, secret_hash bytea, scopes text[], live boolean, rate_limit_per_second integer, rate_limit_burst integer,
    operator boolean
)
language plpgsql as $$
begin
    perform set_config('app.api_key_id', key_id, true);
    perform set_config('app.tenant_id', (select k.tenant_id::text from api_key k where k.id = key_id), true);
    return query
        select k.tenant_id, k.secret_hash, k.scopes,
               k.revoked_at is null and (k.expires_at is null or k.expires_at > now()),
               t.rate_limit_per_second, t.rate_limit_burst, t.operator
        from api_key k join tenant t on t.id = k.tenant_id
        where k.id = key_id;
end
$$;

revoke execute on all routines in schema public from public;
grant execute on function append_audit(text, text, text, text, text), authenticate(text), current_tenant_is_operator()
    to tandem_api;

reset role;
