//! Checks the history of a chaos run from outside: did the system keep its promises while parts of it were killed?
//!
//! [`History::read`] reads the files of a run, [`check`] compares them with each other, and the [`Report`] says what came
//! out: figures, and a [`Violation`] for each promise that was broken.
//!
//! The checker shares no code with the product, on purpose: it knows states and events by their names, and has a
//! transition table of its own. A mistake in the product's table is found, not repeated.
//!
//! # The files
//!
//! A run leaves a folder of JSON Lines files, each written by whoever did something. All times are those of one machine,
//! in RFC 3339. Fields that are not named here are ignored. A last line without an end is left out, because its writer was
//! killed; any other line that can't be read is a violation.
//!
//! - `run.json`, one object: which run it was. Its fields are those of [`Run`].
//! - `clients.jsonl`: what was asked for and answered. Every line has `at`, `op` (a number that only this operation has),
//!   `type` (`submit`, `cancel`, `redrive`, `discard`, or `clash`: a submit of something else with the key of a job) and
//!   `phase`:
//!   - `invoke` of a submit has `key`, `tenant` (its name), `n`, `run_at`, `start_by`, `max_attempts` and `behaviour`
//!     (`ok`, `slow`, `fail_first`, `always_fail`, `panic`, `unknown_kind`); of the others, `job_id`;
//!   - `try` is one HTTP exchange, with `status` (null when there was no answer), `api` and `latency_ms`;
//!   - `ok` ends the operation, with `status` and, of a submit, `job_id`; `fail` says that it certainly had no effect;
//!     `info` that nobody knows.
//! - `receiver.jsonl`: each request that the jobs' target got, twice, with a number of its own as `request`. When it
//!   arrives: `at`, `webhook_id`, the `attempt` that it says it is of, `tenant` and `n` as in its path, and the status of
//!   the `answer` that it will get. And when it gets that: `at` and `answered`, which is true.
//! - `faults.jsonl`: `at`, `fault`, and whose: `process` and `incarnation`, which the database knows as the host
//!   `<process>-i<incarnation>`. Of these faults more than their number is known: `kill`, `stop`, `continue`, `term`,
//!   `failpoint`, `exit` (with the `signal` that ended the process, or its `code`), `postgres_stop`, `postgres_up`.
//! - `processes.jsonl`: what each process logged: `stale_completions`, `rejected_completions`, `panics`, `errors_logged`.
//! - `database.jsonl`: every row at the end, as `table` and `row`.
//!
//! Each job that a client intends has a number of its own, `n`. It is read from a job's payload: its field `n`, or else
//! its `url` with the path `/hook/<tenant>/<n>`. A job whose payload has neither belongs to the submit whose
//! `Idempotency-Key` is bound to it.

#![warn(missing_docs)]

mod by_job;
mod figures;
mod history;
mod invariants;
mod life;
mod read;
mod record;
mod report;
mod violation;

pub use figures::{Figures, Spread};
pub use history::{History, Run};
pub use read::ReadError;
pub use report::{Report, check};
pub use violation::{Invariant, Violation};
