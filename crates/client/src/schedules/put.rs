//! What a schedule is to be.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{MissedPolicy, OverlapPolicy};
use crate::error::Error;
use crate::jobs::{SubmitBackoff, SubmitUnique};

/// A schedule to be made, or to replace the one of its name. What is `None` or empty has the api's default.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PutSchedule {
    /// Minute, hour, day of month, month and day of week; or `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`.
    pub cron: String,
    /// The zone whose clocks `cron` is about, such as `Europe/Berlin`; UTC, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What it does while its previous job has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapPolicy>,
    /// What it does about fire times that no worker was there for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<MissedPolicy>,
    /// How old a fire time may be before it counts as missed, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed_after_secs: Option<u64>,
    /// The jobs that it makes.
    pub job: ScheduledJob,
}

/// The jobs that a schedule makes, as a submit describes them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ScheduledJob {
    /// Names the handler, such as `http.request`.
    pub kind: String,
    /// What the handler gets, byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// The lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The most attempts that may fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// The waits between attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<SubmitBackoff>,
    /// How long one attempt may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Labels for finding them again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// They expire when they were not started so long after they were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_within_ms: Option<u64>,
    /// What there is to know about them, kept with each and passed to its handler.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// JSON Pointers to what of the payload is personal: masked for keys that only read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<String>,
    /// That no other job does the same work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<SubmitUnique>,
}

impl ScheduledJob {
    /// Jobs of this kind, with this payload.
    ///
    /// # Errors
    /// When the payload can't be written as JSON.
    pub fn new(kind: impl Into<String>, payload: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let payload = serde_json::value::to_raw_value(payload)
            .map_err(|error| Error::Configuration(error.to_string()))?;
        Ok(Self {
            kind: kind.into(),
            payload: Some(payload),
            ..Self::default()
        })
    }
}
