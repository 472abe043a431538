-- Endpoints: HTTP targets that a tenant keeps by name, with the secrets that sign what is sent to them; and breakers: the
-- targets that are given a rest because they keep failing.
set local role tandem_owner;

create table endpoint (
    tenant_id uuid not null constraint endpoint_tenant_fkey references tenant (id) on delete cascade,
    -- ASCII, in an order that does not depend on the cluster's language.
    name text collate "C" not null constraint endpoint_name_length check (length(name) between 1 and 40),
    url text not null constraint endpoint_url_length check (length(url) between 1 and 2048),
    -- Headers that every request carries. Their values are often credentials, so they stand in a column of their own.
    header_names text[] not null,
    header_values text[] not null,
    timeout_ms bigint constraint endpoint_timeout_positive check (timeout_ms > 0),
    -- Since when its jobs wait.
    disabled_at timestamptz,
    -- Grows with every change of what a client reads.
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint endpoint_pkey primary key (tenant_id, name),
    constraint endpoint_headers_paired check (cardinality(header_names) = cardinality(header_values)),
    constraint endpoint_headers_few check (cardinality(header_names) <= 20)
);
call protect('endpoint');

-- One row per secret that signs now, or has until lately. The newest never expires; a rotation lets the others.
create table endpoint_secret (
    id uuid constraint endpoint_secret_pkey primary key,
    tenant_id uuid not null,
    endpoint text collate "C" not null,
    -- `whsec_` and base64 of 32 bytes (Standard Webhooks).
    secret text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    constraint endpoint_secret_endpoint_fkey foreign key (tenant_id, endpoint) references endpoint (tenant_id, name)
        on delete cascade
);
create index endpoint_secret_endpoint_idx on endpoint_secret (tenant_id, endpoint);
call protect('endpoint_secret');

-- The api writes what it can't read back: header values and secrets.
grant select (tenant_id, name, url, header_names, timeout_ms, disabled_at, version, created_at, updated_at),
      insert, update (url, header_names, header_values, timeout_ms, disabled_at, version, updated_at), delete
    on endpoint to tandem_api;
grant select (id, tenant_id, endpoint, created_at, expires_at), insert, update (expires_at), delete
    on endpoint_secret to tandem_api;
grant select (tenant_id, name, url, header_names, header_values, timeout_ms, disabled_at) on endpoint to tandem_worker;
grant select (id, tenant_id, endpoint, secret, created_at, expires_at) on endpoint_secret to tandem_worker;

-- A target has a row here only while it rests: a closed breaker is no row.
create table breaker (
    tenant_id uuid not null constraint breaker_tenant_fkey references tenant (id) on delete cascade,
    -- `endpoint:` and a name, or the origin of a URL, such as `https://example.com`.
    target text not null,
    -- When it opened first, and since when nothing has got through.
    opened_at timestamptz not null default now(),
    -- Until then nothing is sent; after that, one request at a time.
    open_until timestamptz not null,
    -- Until then the one request that was let through is waited for.
    probe_until timestamptz,
    -- How often in a row it opened.
    trips integer not null constraint breaker_trips_positive check (trips > 0),
    -- The failures in a row that led here, those of probes included.
    failures integer not null constraint breaker_failures_positive check (failures > 0),
    last_error text not null,
    constraint breaker_pkey primary key (tenant_id, target)
);
call protect('breaker');
grant select, insert, update, delete on breaker to tandem_worker;
-- Tells why a job waits; an endpoint whose URL has changed, or that was deleted, starts anew.
grant select, delete on breaker to tandem_api;

reset role;
