//! The whole system from outside.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

mod aws;
mod collector;
mod configuration;
mod crash;
mod database;
mod delivery;
mod drain;
mod emf;
mod examples;
mod failover;
mod figures;
mod health;
mod holds;
mod hygiene;
mod leader;
mod load;
mod postgres_restart;
mod process;
mod proxy;
mod queue_outage;
mod receiver;
mod restore;
mod rotation;
mod schedules;
mod submission;
mod system;
mod traces;
mod webhooks;
mod worker;
