//! The truth: every statement about tenants, users, keys and jobs, and nothing but statements.
//!
//! # How a job moves
//!
//! While a job is alive it has a row in exactly one small table: [`outbox`](crate::outbox) when `queued`, `due` when
//! `scheduled`, `claim` when `running`, `dead_letter` when `failed`. That row is the **token**: whoever deletes it may
//! move the job. So every transition is one statement of the same shape: delete the token (fenced by attempt and worker
//! when it is a claim), update the job where it is still in the expected state, write the history, insert the next
//! token. Two movers never both succeed, because a row is deleted once, and they never deadlock, because the token
//! comes before the job.
//!
//! # Who sees what
//!
//! A process connects as its [`Role`]. The api names its tenant per transaction, and row-level security does the rest;
//! the worker serves all tenants within its narrow grants; the owner is for operators. Postgres' clock decides what is
//! due and which lease has expired.

#![warn(missing_docs, clippy::wildcard_enum_match_arm)]

mod activity;
mod answers;
mod audit;
mod backlog;
mod breakers;
mod bulk;
mod claim;
mod control;
mod credentials;
mod dead_letter_decisions;
mod dead_letter_queue;
mod dead_letters;
mod endpoint_changes;
mod endpoint_secrets;
mod endpoints;
mod error;
mod explain;
mod finish;
mod holds;
mod idempotency;
mod insert;
mod jobs;
mod key_rotation;
mod keys;
mod kinds;
mod leadership;
mod lease;
mod limits;
mod maintenance;
mod migrate;
mod once;
mod outbox;
mod pool;
mod queues;
mod quota;
mod retention;
mod row;
mod schedules;
mod setup;
mod submit;
mod tenants;
mod unique;
mod users;
mod watch;

pub use activity::Activity;
pub use audit::{Actor, AuditFilter};
pub use backlog::{Backlog, LaneBacklog};
pub use breakers::{BreakerKey, OpenBreaker, RestingTarget};
pub use bulk::{BulkCancelled, BulkFilter, BulkRedriven};
pub use claim::{Claim, UnreadableJob};
pub use control::{Cancel, Redrive};
pub use credentials::CredentialSource;
pub use dead_letter_queue::DeadLetterNotice;
pub use dead_letters::{DeadLetter, DeadLetterFilter, DeadLetterGroup, RedrivenDeadLetters};
pub use endpoint_secrets::{EndpointSecret, NewSecret, RotateSecret};
pub use endpoints::{DeleteEndpoint, Endpoint, EndpointSettings, EndpointTarget, PutEndpoint};
pub use error::Error;
pub use explain::{Situation, TargetOf};
pub use finish::{Ending, Finished};
pub use holds::Holds;
pub use idempotency::Idempotency;
pub use jobs::{Attempt, Job, JobEvent, JobFilter};
pub use key_rotation::{Rotation, Successor};
pub use keys::{ApiKeyRecord, Authenticated, NewApiKey};
pub use kinds::{Declare, KindDeclaration, RegisteredKind};
pub use leadership::Leadership;
pub use lease::{ExpiredLease, Heartbeat, HeldAttempt};
pub use limits::{Limited, MAX_ENDPOINTS, MAX_KEYS, MAX_SCHEDULES, MAX_USERS};
pub use migrate::{MIGRATOR, Migrated, migrate};
pub use once::Made;
pub use outbox::{Doorbell, TakeDoorbells, TakenDoorbells};
pub use pool::{Connections, PoolConfig, Role, Store};
pub use queues::{Audience, MOST_COUNTED, Pause, QueueStatus, RATES_OVER, Rates};
pub use quota::Waiting;
pub use retention::{Page, PastDay};
pub use schedules::{
    DeletedSchedule, DueSchedule, Fired, FiredJob, FiredNow, Fires, Firing, PutSchedule, Schedule,
    ScheduleChange, Trigger, UnfiredSchedule,
};
pub use setup::{Login, LoginOutcome, Setup};
pub use submit::{Submission, Submitted, SubmittedJob};
pub use tenants::{NewTenant, Tenant, TenantChange, TenantLimits};
pub use unique::{PurgedUnique, UniqueCursor};
pub use users::{NewUser, User};
pub use watch::{JobSignals, MAX_NEWS_PER_JOB, ReadUpTo};
