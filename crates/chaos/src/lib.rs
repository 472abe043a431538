//! The proof from outside: the product's real processes under load, while all kinds of harm are done to them.
//!
//! A [`Run`] starts a private Postgres, queues, a few `api` and `worker` processes, clients that submit jobs and a
//! receiver that the jobs call. It kills, stops, replaces and starves parts of that as its [`Scenario`] wants, lets
//! everything end, and hands what was written down meanwhile to the crate `history`, which says whether every promise
//! was kept.
//!
//! The product is known from outside only: its programs, their environment, HTTP, what they log, and the tables. Chance
//! comes from the seed alone. Nothing that is started outlives this program, see [`Guard`].

#![expect(
    clippy::print_stdout,
    reason = "telling how it goes is what this program is for"
)]

mod balancer;
mod client;
mod clock;
mod cluster;
mod counted;
mod database;
mod dump;
mod expectations;
mod faults;
mod guard;
mod injector;
mod journal;
mod load;
mod logs;
mod mix;
mod plan;
mod ports;
mod process;
mod progress;
mod proxy;
mod queues;
mod receiver;
mod routes;
mod run;
mod scenario;
mod site;
mod slot;
mod strike;
mod summary;
mod table;
mod tandem;

pub use guard::{ARGUMENT as GUARD_ARGUMENT, Guard, run as guard};
pub use run::{Run, Surroundings, Verdict};
pub use scenario::{Backend, DoseOptions, Scenario};
pub use summary::Summary;
pub use table::table;
