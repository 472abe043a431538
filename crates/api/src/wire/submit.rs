//! Submits.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::SubmittedJob;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{JobBody, State, text};
use crate::body::Document;
use crate::json::Object;

/// A job to be run. What is left out has its default.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubmitJob {
    /// Names the handler: a-z, 0-9, `.`, `_` and `-`, beginning with a letter.
    #[schema(example = "http.request", value_type = text::KindName)]
    pub(crate) kind: String,
    /// What the handler gets, byte for byte. Any JSON; `null` by default.
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) payload: Option<Box<RawValue>>,
    /// The lane that it waits in; `default` by default.
    #[schema(example = "default", value_type = Option<text::QueueName>)]
    pub(crate) queue: Option<String>,
    /// When it is due, at most 100 years ahead. Now by default; a time that has passed means now.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) run_at: Option<String>,
    /// How long after its acceptance it is due, in place of `run_at`.
    #[schema(maximum = 3_155_760_000_000_u64)]
    #[validate(range(max = 3_155_760_000_000_u64))]
    pub(crate) delay_ms: Option<u64>,
    /// It expires when it was not started by then.
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) start_by: Option<String>,
    /// The most attempts that may fail; 5 by default.
    #[schema(minimum = 1, maximum = 1000)]
    #[validate(range(min = 1, max = 1000))]
    pub(crate) max_attempts: Option<u64>,
    /// The waits between attempts.
    #[schema(value_type = Option<SubmitBackoff>)]
    pub(crate) backoff: Option<Object<SubmitBackoff>>,
    /// How long one attempt may take; 300,000 by default.
    #[schema(minimum = 1000, maximum = 86_400_000)]
    #[validate(range(min = 1000, max = 86_400_000))]
    pub(crate) timeout_ms: Option<u64>,
    /// Labels for finding it again.
    #[schema(max_items = 20, value_type = Option<Vec<text::Tag>>)]
    #[validate(length(max = 20))]
    pub(crate) tags: Option<Vec<String>>,
    /// What you want to know about it, kept with it and passed to its handler: at most 20 texts of at most 500 bytes, each
    /// by a key of at most 64 characters.
    #[schema(value_type = Option<std::collections::HashMap<text::MetadataKey, text::MetadataValue>>)]
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    /// JSON Pointers to what of the payload is personal: masked for keys that only read, and kept out of what is told about
    /// failures. What its kind declares is added.
    #[schema(max_items = 20, value_type = Option<Vec<text::Pointer>>, example = json!(["/card/number"]))]
    pub(crate) sensitive: Option<Vec<String>>,
    /// That no other job does the same work.
    #[schema(value_type = Option<SubmitUnique>)]
    pub(crate) unique: Option<Object<SubmitUnique>>,
}

/// What makes a job unique: `key`, or `fields` of the payload, and always the kind.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubmitUnique {
    /// The work that it does, in your words.
    #[schema(min_length = 1, max_length = 255)]
    pub(crate) key: Option<String>,
    /// JSON Pointers into the payload, in place of `key`: jobs with equal values there do the same work.
    #[schema(min_items = 1, max_items = 20, value_type = Option<Vec<text::Pointer>>, example = json!(["/customer/id"]))]
    pub(crate) fields: Option<Vec<String>>,
    /// `live`, the default: the job keeps others away until it ends.
    #[serde(rename = "while")]
    #[schema(example = "live", value_type = Option<While>)]
    pub(crate) while_: Option<String>,
    /// In place of `while`: the job keeps others away for so long from its submit on, unless it fails, is cancelled or
    /// expires.
    #[schema(minimum = 1, maximum = 2_592_000_000_u64)]
    #[validate(range(min = 1, max = 2_592_000_000_u64))]
    pub(crate) period_ms: Option<u64>,
    /// What to do when there is another one: `return` it (the default), `replace` it unless it has started, or `reject` this
    /// submit.
    #[schema(example = "return", value_type = Option<OnConflict>)]
    pub(crate) on_conflict: Option<String>,
}

/// Until when a job keeps others away.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UniqueWhile)]
#[expect(dead_code, reason = "it describes what is read as text")]
pub(crate) enum While {
    /// Until it ends.
    Live,
}

/// What a submit does that another job keeps away.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UniqueOnConflict)]
#[expect(dead_code, reason = "it describes what is read as text")]
pub(crate) enum OnConflict {
    /// It answers with that job.
    Return,
    /// It takes that job's place, unless that has started.
    Replace,
    /// It is refused.
    Reject,
}

/// The wait after the n-th failed attempt is drawn between 0 and `initial_ms` × `factor`ⁿ⁻¹, at most
/// `max_ms`.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubmitBackoff {
    /// 1,000 by default.
    #[schema(minimum = 1, maximum = 86_400_000)]
    #[validate(range(min = 1, max = 86_400_000))]
    pub(crate) initial_ms: Option<u64>,
    /// 2 by default.
    #[schema(minimum = 1, maximum = 10)]
    #[validate(range(min = 1.0, max = 10.0))]
    pub(crate) factor: Option<f64>,
    /// Also caps what a target asks for by `Retry-After`. The larger of 900,000 and `initial_ms` by default.
    #[schema(minimum = 1, maximum = 604_800_000)]
    #[validate(range(min = 1, max = 604_800_000))]
    pub(crate) max_ms: Option<u64>,
}

/// Jobs that are accepted together, or not at all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubmitBatch {
    #[schema(value_type = Vec<SubmitJob>, min_items = 1, max_items = 1000)]
    pub(crate) jobs: Vec<Object<SubmitJob>>,
}

impl Document for SubmitJob {
    const MAX_BYTES: usize = 256 << 10;
}

impl Document for SubmitBatch {
    const MAX_BYTES: usize = 8 << 20;
}

/// A job that was accepted. The same submit with the same `Idempotency-Key` answers the same.
#[derive(Serialize, ToSchema)]
#[schema(as = SubmittedJob)]
pub(crate) struct SubmittedBody {
    id: Uuid,
    kind: String,
    queue: String,
    /// `queued`, or `scheduled` when it is due later.
    state: State,
    created_at: DateTime<Utc>,
    /// When it is due.
    run_at: DateTime<Utc>,
    /// Whether it is an earlier submit's job, which holds the `unique` key; `state` and `run_at` are those of the moment
    /// then.
    existed: bool,
}

/// What a submit is answered that made no job, or waited for its end.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum AnsweredJob {
    /// The job at its end.
    Ended(Box<JobBody>),
    /// The job as it stands.
    Existing(SubmittedBody),
}

/// The accepted jobs, in the order of the request.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubmittedBatch {
    pub(crate) jobs: Vec<SubmittedBody>,
}

impl From<SubmittedJob> for SubmittedBody {
    fn from(job: SubmittedJob) -> Self {
        Self {
            id: job.id.0,
            kind: job.kind,
            queue: job.queue,
            state: job.state.into(),
            created_at: job.created_at,
            run_at: job.run_at,
            existed: job.existed,
        }
    }
}
