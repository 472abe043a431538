-- Tenants, their people and their keys.
set local role tandem_owner;

create table tenant (
    id uuid constraint tenant_pkey primary key,
    name text not null constraint tenant_name_key unique
        constraint tenant_name_length check (length(name) between 1 and 100),
    -- Signs the requests that http.request sends for this tenant (Standard Webhooks, `whsec_…`).
    webhook_secret text not null,
    -- Overrides of the default rate limit per key.
    rate_limit_per_second integer constraint tenant_rate_limit_positive check (rate_limit_per_second > 0),
    rate_limit_burst integer constraint tenant_rate_limit_burst_positive check (rate_limit_burst > 0),
    created_at timestamptz not null default now()
);
call protect('tenant', 'id');
grant select on tenant to tandem_api;
grant select (id, webhook_secret) on tenant to tandem_worker;

create table users (
    id bigint generated always as identity constraint users_pkey primary key,
    tenant_id uuid not null constraint users_tenant_fkey references tenant (id) on delete cascade,
    name text not null constraint users_name_length check (length(name) between 1 and 100),
    email text not null constraint users_email_length check (length(email) between 3 and 255),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint users_tenant_email_key unique (tenant_id, email)
);
call protect('users');
grant select, insert, update on users to tandem_api;

create table api_key (
    id text constraint api_key_pkey primary key,
    tenant_id uuid not null constraint api_key_tenant_fkey references tenant (id) on delete cascade,
    user_id bigint constraint api_key_user_fkey references users (id) on delete cascade,
    name text not null constraint api_key_name_length check (length(name) between 1 and 100),
    -- HMAC-SHA-256 of the whole key under the pepper; the key itself is shown once and never stored.
    secret_hash bytea not null constraint api_key_secret_hash_length check (length(secret_hash) = 32),
    scopes text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
create index api_key_tenant_id_idx on api_key (tenant_id);
call protect('api_key');
grant select on api_key to tandem_api;
grant update (last_used_at) on api_key to tandem_api;

-- Authentication comes before the tenant is known: the api may read the one key, and its tenant, whose id it names.
create policy authentication on api_key for select to tandem_api
    using (id = nullif(current_setting('app.api_key_id', true), ''));

-- Names the key and reads it within one statement: the setting ends with the statement's transaction, so no pooled
-- connection keeps it. plpgsql, because the setting must precede the read.
create function authenticate(key_id text)
returns table (
    tenant_id uuid, secret_hash bytea, scopes text[], live boolean, rate_limit_per_second integer, rate_limit_burst integer
)
language plpgsql as $$
begin
    perform set_config('app.api_key_id', key_id, true);
    perform set_config('app.tenant_id', (select k.tenant_id::text from api_key k where k.id = key_id), true);
    return query
        select k.tenant_id, k.secret_hash, k.scopes,
               k.revoked_at is null and (k.expires_at is null or k.expires_at > now()),
               t.rate_limit_per_second, t.rate_limit_burst
        from api_key k join tenant t on t.id = k.tenant_id
        where k.id = key_id;
end
$$;

reset role;
