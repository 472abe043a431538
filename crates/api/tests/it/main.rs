//! The api against a real Postgres: requests in, answers out.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod answer;
mod app;
mod audit;
mod auth;
mod bad_input;
mod bulk;
mod control;
mod dead_letters;
mod endpoints;
mod explain;
mod fuzz;
mod headers;
mod idempotency;
mod keys;
mod kinds;
mod list;
mod logs;
mod masking;
mod matrix;
mod openapi;
mod ops;
mod overload;
mod problems;
mod queues;
mod quota;
mod rate_limit;
mod read;
mod routes;
mod schedules;
mod server;
mod stream;
mod submit;
mod tenants;
mod unique;
mod user;
mod users;
mod wait;
mod worker;
