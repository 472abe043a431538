//! The store against a real Postgres, as the roles that the processes have.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod audit;
mod breakers;
mod brief_locks;
mod bulk;
mod cancel;
mod catalog;
mod claims;
mod credentials;
mod dead_letters;
mod endpoints;
mod escapes;
mod holds;
mod isolation;
mod keys;
mod kinds;
mod lifecycle;
mod maintenance;
mod once;
mod pool;
mod queues;
mod quota;
mod retention;
mod schedules;
mod setup;
mod submit;
mod tenants;
mod unique;
mod users;
mod world;
