//! A job on its way in, and a job in a worker's hands.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use crate::id::{JobId, RequestId, TenantId, WorkerId};
use crate::name::{Kind, QueueName, Tag};
use crate::pointer::JsonPointer;
use crate::retry::RetryPolicy;
use crate::schedule::Fire;
use crate::unique::Unique;

/// The default `timeout` of an attempt.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// A job as it was accepted, before it has a row. Everything in it is valid and never changes later.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Made by the caller; its time part decides the storage partition.
    pub id: JobId,
    /// Names the handler.
    pub kind: Kind,
    /// The lane that it waits in.
    pub queue: QueueName,
    /// What the handler gets, byte for byte as it was sent.
    pub payload: Box<RawValue>,
    /// Attempts and back-off.
    pub policy: RetryPolicy,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// When it is due; now, if absent or past.
    pub run_at: Option<DateTime<Utc>>,
    /// It expires when it was not started by then.
    pub start_by: Option<DateTime<Utc>>,
    /// Labels for finding it again.
    pub tags: Vec<Tag>,
    /// What its owner wants to know about it; not searched.
    pub metadata: BTreeMap<String, String>,
    /// What of the payload is shown masked.
    pub sensitive: Vec<JsonPointer>,
    /// That no other job does the same work.
    pub unique: Option<Unique>,
    /// The W3C trace context of the submit, passed on to the run.
    pub traceparent: Option<String>,
    /// The request that submitted it.
    pub request_id: Option<RequestId>,
    /// The schedule that makes it, if one does.
    pub fire: Option<Fire>,
}

/// What the jobs of a schedule have in common.
#[derive(Clone, Debug)]
pub struct JobTemplate {
    /// Names the handler.
    pub kind: Kind,
    /// The lane that they wait in.
    pub queue: QueueName,
    /// What the handler gets, byte for byte as it was sent.
    pub payload: Box<RawValue>,
    /// Attempts and back-off.
    pub policy: RetryPolicy,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// They expire when they were not started so long after they were made.
    pub start_within: Option<Duration>,
    /// Labels for finding them again.
    pub tags: Vec<Tag>,
    /// What their owner wants to know about them; not searched.
    pub metadata: BTreeMap<String, String>,
    /// What of the payload is shown masked.
    pub sensitive: Vec<JsonPointer>,
    /// That no other job does the same work.
    pub unique: Option<Unique>,
}

/// A worker's right to one attempt: what a finish is checked against. The store makes one per started attempt and
/// takes it back when the attempt is recorded, hence neither `Clone` nor `Copy`.
#[derive(Debug, Eq, Hash, PartialEq)]
pub struct Lease {
    /// The job.
    pub job_id: JobId,
    /// The attempt's number: the fencing token.
    pub attempt: u32,
    /// The worker process that started it.
    pub worker_id: WorkerId,
}

/// A job whose new attempt this worker has just started.
#[derive(Debug)]
pub struct StartedJob {
    /// The right to finish this attempt.
    pub lease: Lease,
    /// The owner.
    pub tenant_id: TenantId,
    /// Names the handler.
    pub kind: Kind,
    /// The lane that it came from.
    pub queue: QueueName,
    /// What the handler gets.
    pub payload: Box<RawValue>,
    /// What its owner wants to know about it.
    pub metadata: BTreeMap<String, String>,
    /// What of the payload is told to nobody.
    pub sensitive: Vec<JsonPointer>,
    /// Attempts and back-off.
    pub policy: RetryPolicy,
    /// Attempts spent, this one included.
    pub spent: u32,
    /// How long this attempt may take.
    pub timeout: Duration,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// How long it was due before this attempt started.
    pub waited: Duration,
    /// The W3C trace context of the submit.
    pub traceparent: Option<String>,
    /// The request that submitted it.
    pub request_id: Option<String>,
    /// The schedule that made it, if one did.
    pub fire: Option<Fire>,
}
