//! `receiver.jsonl`: what reached the target of the jobs.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::lines::parse;
use crate::record::Delivery;

/// All that the receiver wrote.
#[derive(Default)]
pub(super) struct Receiver {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) strange_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    at: DateTime<Utc>,
    webhook_id: String,
    tenant: String,
    n: u64,
    answer: u16,
}

impl Receiver {
    /// Takes one line; the error says what is wrong with it.
    pub(super) fn take(&mut self, line: &str) -> Result<(), String> {
        let line: Line = parse(line)?;
        match Uuid::try_parse(&line.webhook_id) {
            Ok(job_id) => self.deliveries.push(Delivery {
                at: line.at,
                job_id,
                tenant: line.tenant,
                n: line.n,
                answer: line.answer,
            }),
            Err(_) => self.strange_ids.push(line.webhook_id),
        }
        Ok(())
    }
}
