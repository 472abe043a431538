//! The worker against a real database, a real queue and real HTTP receivers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod attempts;
mod breaker;
mod cancel;
mod claims;
mod counts;
mod dead_letter_scene;
mod dead_letters;
mod drain;
mod endpoints;
mod fairness;
mod handlers;
mod holds;
mod http_receiver;
mod http_request;
mod isolation;
mod lanes;
mod lease;
mod maintenance;
mod many;
mod outage;
mod personal;
mod proxy;
mod retention;
mod schedules;
mod sqs;
mod sqs_world;
mod unheard;
mod world;
