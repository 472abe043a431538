-- One person, one user: mail systems do not tell Ann@ from ann@, so neither does uniqueness. An address is kept as it was
-- written all the same, because only its own mail system may say what stands before the @. Addresses are ASCII, so "C" is
-- enough, and what is equal does not depend on the cluster's language. Nothing has made users before this, so no row can
-- be in the way.
set local role tandem_owner;

alter table users drop constraint users_tenant_email_key;
create unique index users_tenant_email_key on users (tenant_id, lower(email collate "C"));

-- A page of a tenant's users is read in its order, past no other tenant's.
create index users_tenant_id_idx on users (tenant_id, id);

reset role;
