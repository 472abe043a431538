//! Every state that the protocol can get into, within small bounds: two worker processes, up to two jobs, three attempts,
//! and a few disturbances at any moments and in any order.
//!
//! Start with [`state`], which is what there is, and [`actions`], which is what can happen. [`holds`] lists what was
//! searched, [`properties`] what is promised, [`broken`] what happens to the promises when the protocol is changed.
//!
//! # What is modelled
//!
//! One SQL statement is one atomic step ([`statements`] says which file of `store` each one stands for), and so is one
//! message to or from the queue. Between any two steps of a process everything else may happen. All transitions are
//! [`domain::JobState::next`] and all outcomes [`domain::Finish::decide`]: the product's functions, not copies.
//!
//! - **Database**: per job the state, the attempts, the request to cancel, and its rows in `outbox`, `due`, `claim` and
//!   `dead_letter`; which workers' leases are valid.
//! - **Queue**: up to two messages per job. A message may be delivered at any time, to anybody, any number of times until
//!   it is deleted, after that still be in somebody's hands, be lost, and be doubled. The embedded queue does less.
//! - **Workers** receive, claim, run a handler with any outcome, finish, and delete or keep the message. They lose the
//!   answer of a claim or a finish and ask again, give back what they hold without knowing it, drain, leave, and crash.
//! - **A pause** needs no step of its own: to be paused is to take no step. A process whose lease runs out meanwhile goes on
//!   as if it had it, until it happens to hear of it; then it is another worker.
//! - **Maintenance** announces, promotes, expires and recovers. What it reads in order to recover may be old when it acts.
//! - **Clients** cancel (in two statements, repeated until one of them meets the job), redrive and discard.
//!
//! Time is modelled by its effects only: whatever may be late may be late by any time, so a search covers all durations
//! of leases, back-offs and hidden messages.
//!
//! # What bounds it
//!
//! *Disturbances*: faults, acts of clients, and snoozes (`Action::is_disturbance`). A search allows a number of them in
//! total, of any kinds. Failing handlers are none; the attempts bound them. [`holds`] has the bounds and the number of
//! states of each search: 1,303,762 in all, without those that differ only in names ([`symmetry`]).
//!
//! # What is not modelled
//!
//! - What Postgres does: that a statement is atomic and that it waits for the rows of another. The tests of `store` run
//!   against it.
//! - A submit that is not yet committed, idempotency, tenants, lanes, retention, the dead-letter queue and bulk commands,
//!   which are the same transitions under further conditions.
//! - Batches: a statement for many jobs is as many steps here, in any order.
//! - What only makes things faster: notifications, a heartbeat that stops an attempt before its finish is refused.
//! - Payloads, results, errors, and how long anything takes.

mod actions;
mod broken;
mod drain;
mod holds;
mod properties;
mod scope;
mod search;
mod state;
mod statements;
mod step;
mod symmetry;
