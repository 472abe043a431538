//! `receiver.jsonl`: what reached the target of the jobs.

use std::collections::HashMap;

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
    /// Where each request's delivery is; `None` where its id is none.
    by_request: HashMap<u64, Option<usize>>,
}

#[derive(Deserialize)]
struct Head {
    at: DateTime<Utc>,
    request: u64,
    #[serde(default)]
    answered: bool,
}

#[derive(Deserialize)]
struct Arrival {
    webhook_id: String,
    attempt: Option<u32>,
    tenant: String,
    n: u64,
    answer: u16,
}

impl Receiver {
    /// Takes one line; the error says what is wrong with it.
    pub(super) fn take(&mut self, line: &str) -> Result<(), String> {
        let head: Head = parse(line)?;
        if head.answered {
            return self.answer(&head);
        }
        let arrival: Arrival = parse(line)?;
        let place = match Uuid::try_parse(&arrival.webhook_id) {
            Ok(job_id) => {
                self.deliveries.push(Delivery {
                    at: head.at,
                    job_id,
                    tenant: arrival.tenant,
                    n: arrival.n,
                    attempt: arrival.attempt,
                    answer: arrival.answer,
                    answered_at: None,
                });
                Some(self.deliveries.len() - 1)
            }
            Err(_) => {
                self.strange_ids.push(arrival.webhook_id);
                None
            }
        };
        match self.by_request.insert(head.request, place) {
            None => Ok(()),
            Some(_) => Err(format!("request {} had arrived before", head.request)),
        }
    }

    fn answer(&mut self, head: &Head) -> Result<(), String> {
        let place = self.by_request.get(&head.request);
        let place = place.ok_or_else(|| format!("request {} never arrived", head.request))?;
        if let Some(place) = *place {
            self.deliveries[place].answered_at = Some(head.at);
        }
        Ok(())
    }
}
