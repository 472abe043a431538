-- Fair dispatch, pauses of lanes, limits of what a tenant runs, and rates.
set local role tandem_owner;

-- Whoever takes doorbells of a lane takes them from one tenant after the other, each tenant's in the order in which they
-- become visible. A worker from before this migration sorts its lane for every look, until it is replaced.
create index outbox_queue_tenant_visible_idx on outbox (queue, tenant_id, visible_at);
drop index outbox_queue_visible_at_idx;
-- How much of a tenant is announced and not answered. As outbox_announced_idx it is empty on the embedded backend.
create index outbox_announced_tenant_idx on outbox (queue, tenant_id, announced_at) where announced_at is not null;

-- Lanes that a tenant has paused for itself: no job of it starts there. The claim reads it.
create table queue_pause (
    tenant_id uuid not null constraint queue_pause_tenant_fkey references tenant (id) on delete cascade,
    queue text not null,
    paused_at timestamptz not null default now(),
    reason text constraint queue_pause_reason_length check (length(reason) between 1 and 500),
    constraint queue_pause_pkey primary key (queue, tenant_id)
);
call protect('queue_pause');
grant select, insert, update (reason), delete on queue_pause to tandem_api;
grant select (tenant_id, queue) on queue_pause to tandem_worker;

-- Lanes that are paused for everyone. It has no tenant's rows: all may see it, and operators' tenants change it.
create table lane_pause (
    queue text constraint lane_pause_pkey primary key,
    paused_at timestamptz not null default now(),
    reason text constraint lane_pause_reason_length check (length(reason) between 1 and 500)
);
alter table lane_pause enable row level security;
alter table lane_pause force row level security;
create policy everyone on lane_pause for select to tandem_api, tandem_worker using (true);
create policy operator on lane_pause to tandem_api
    using ((select current_tenant_is_operator())) with check ((select current_tenant_is_operator()));
create policy owner on lane_pause to tandem_owner using (true) with check (true);
grant select, insert, update (reason), delete on lane_pause to tandem_api;
grant select (queue) on lane_pause to tandem_worker;

-- What is asked for each claim must cost next to nothing where no tenant has a limit.
create index tenant_limited_idx on tenant (id) where max_running_jobs is not null;
-- How many jobs a tenant runs, and how many are due later.
create index claim_tenant_id_idx on claim (tenant_id);
create index due_tenant_id_idx on due (tenant_id);

-- What a worker did since it last told: one row for each tenant and lane that it worked for, so nobody waits for anybody.
create table queue_activity (
    tenant_id uuid not null,
    queue text not null,
    worker_id uuid not null,
    at timestamptz not null default now(),
    started integer not null,
    succeeded integer not null,
    failed integer not null
);
create index queue_activity_tenant_idx on queue_activity (tenant_id, queue, at);
create index queue_activity_at_idx on queue_activity (at);
call protect('queue_activity');
grant select on queue_activity to tandem_api;
grant select, insert, delete on queue_activity to tandem_worker;

reset role;
