//! What a job is and what may happen to it: pure data and pure decisions.
//!
//! This crate has no input or output, no clock and no randomness; whoever needs one of them passes it in.
//! The vocabulary, used with the same meaning everywhere in the product:
//!
//! - **tenant**: the unit of isolation; owns users, keys and jobs.
//! - **job**: one unit of work, of a **kind** (which names its handler), waiting in a **queue** (a lane).
//! - **attempt**: one start of a job. Its number only grows and is the fencing token: nobody finishes an attempt
//!   but the worker that started it.
//! - **lease**: a worker's right to an attempt, kept alive by the worker's heartbeat.
//! - **dispatch**: ringing the doorbell, i.e. announcing a queued job; **delivery**: one receipt of such a message.
//! - **endpoint**: an HTTP target by name, with its signing secrets; **breaker**: keeps requests from a target that is down.
//! - **dead letter**: a failed job that waits for somebody's decision.
//! - **schedule**: makes jobs by cron; a **fire time** is when.
//!
//! Start reading at [`state`]: it holds the only transition table.

#![warn(missing_docs, clippy::wildcard_enum_match_arm)]

pub mod audit;
pub mod breaker;
pub mod endpoint;
pub mod failure;
mod fingerprint;
pub mod hold;
pub mod id;
pub mod job;
pub mod mask;
pub mod name;
pub mod outcome;
pub mod pointer;
pub mod precondition;
pub mod retry;
pub mod schedule;
pub mod scope;
pub mod state;
pub mod unique;

pub use audit::{AuditEntry, AuditHash, BrokenChain};
pub use breaker::{Admission, Breaker, BreakerPolicy, Change, Health};
pub use failure::{Failure, FailureCode};
pub use hold::LaneHolds;
pub use id::{JobId, KeyId, KeyIdError, RequestId, ScheduleId, TenantId, UserId, WorkerId};
pub use job::{JobTemplate, Lease, NewJob, StartedJob};
pub use mask::Secrets;
pub use name::{EndpointName, Kind, NameError, QueueName, ScheduleName, Tag};
pub use outcome::{Finish, Outcome};
pub use pointer::{JsonPointer, PointerError};
pub use precondition::{Precondition, Versions};
pub use retry::{Backoff, Decision, RetryPolicy};
pub use scope::{Scope, Scopes};
pub use state::{Event, IllegalTransition, JobState};
pub use unique::{OnConflict, Unique, UniqueKey};
