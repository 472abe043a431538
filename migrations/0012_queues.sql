-- Fair dispatch, pauses of lanes, limits of what a tenant runs, and rates.
set local role tandem_owner;

-- Whoever takes doorbells of a lane takes them from one tenant after the other, each tenant's in the order in which they
-- become visible. A worker from before this migration sorts its lane for every look, until it is replaced.
create index outbox_queue_tenant_visible_idx on outbox (queue, tenant_id, visible_at);
drop index outbox_queue_visible_at_idx;

reset role;
