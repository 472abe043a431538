-- When a doorbell was announced on a queue that is not the outbox itself: what nobody has answered for a while is found
-- by it, however many rows beside it wait for their turn of a slow retry. On the embedded backend it stays NULL, so its
-- rows never enter the index; an announcement moves visible_at, so its update was never a HOT one.
set local role tandem_owner;

alter table outbox add column announced_at timestamptz;
create index outbox_announced_idx on outbox (queue, announced_at) where announced_at is not null;

reset role;
