//! `clients.jsonl`: what the clients asked for, each HTTP exchange, and what they learned.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::lines::parse;
use crate::history::Exchanges;
use crate::record::{Acknowledgement, Behaviour, End, Request, Submit, Wish};

/// All that the clients wrote.
#[derive(Default)]
pub(super) struct Clients {
    pub(super) submits: Vec<Submit>,
    pub(super) requests: Vec<Request>,
    pub(super) exchanges: Exchanges,
    by_op: HashMap<u64, Place>,
    keys: HashMap<u64, usize>,
}

/// Where an operation is kept.
#[derive(Clone, Copy)]
enum Place {
    Submits(usize),
    Requests(usize),
}

/// What every line has.
#[derive(Deserialize)]
struct Head {
    at: DateTime<Utc>,
    op: u64,
    #[serde(rename = "type")]
    op_type: OpType,
    phase: Phase,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum OpType {
    Submit,
    Cancel,
    Redrive,
    Discard,
    Clash,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Invoke,
    Try,
    Ok,
    Fail,
    Info,
}

#[derive(Deserialize)]
struct Intent {
    key: String,
    tenant: String,
    n: u64,
    run_at: Option<DateTime<Utc>>,
    start_by: Option<DateTime<Utc>>,
    max_attempts: u32,
    behaviour: Behaviour,
}

#[derive(Deserialize)]
struct Target {
    job_id: Uuid,
}

#[derive(Deserialize)]
struct Exchange {
    status: Option<u16>,
    #[serde(default)]
    api: String,
    latency_ms: Option<f64>,
}

#[derive(Deserialize)]
struct Answer {
    job_id: Option<Uuid>,
    status: Option<u16>,
}

impl Clients {
    /// Takes one line; the error says what is wrong with it.
    pub(super) fn take(&mut self, line: &str) -> Result<(), String> {
        let head: Head = parse(line)?;
        match head.phase {
            Phase::Invoke => self.invoke(&head, line),
            Phase::Try => self.exchange(&head, line),
            Phase::Ok => {
                let answer: Answer = parse(line)?;
                if head.op_type == OpType::Submit && answer.job_id.is_none() {
                    return Err(format!("operation {} was acknowledged without a job_id", head.op));
                }
                let acknowledgement = Acknowledgement {
                    at: head.at,
                    job_id: answer.job_id,
                    status: answer.status,
                };
                self.end(head.op, End::Ok(acknowledgement))
            }
            Phase::Fail => self.end(head.op, End::Refused(head.at)),
            Phase::Info => self.end(head.op, End::Unknown(head.at)),
        }
    }

    fn invoke(&mut self, head: &Head, line: &str) -> Result<(), String> {
        if self.by_op.contains_key(&head.op) {
            return Err(format!("operation {} was invoked before", head.op));
        }
        let wish = match head.op_type {
            OpType::Submit => return self.intend(head, parse(line)?),
            OpType::Cancel => Wish::Cancel,
            OpType::Redrive => Wish::Redrive,
            OpType::Discard => Wish::Discard,
            OpType::Clash => Wish::Clash,
        };
        let target: Target = parse(line)?;
        self.by_op.insert(head.op, Place::Requests(self.requests.len()));
        self.requests.push(Request {
            op: head.op,
            wish,
            job_id: target.job_id,
            end: End::Open,
        });
        Ok(())
    }

    fn intend(&mut self, head: &Head, intent: Intent) -> Result<(), String> {
        let place = self.submits.len();
        let first = &self.submits.get(*self.keys.entry(intent.n).or_insert(place));
        if first.is_some_and(|first| first.key != intent.key) {
            return Err(format!("the job's number {} was used with another key", intent.n));
        }
        self.by_op.insert(head.op, Place::Submits(place));
        self.submits.push(Submit {
            op: head.op,
            key: intent.key,
            tenant: intent.tenant,
            n: intent.n,
            run_at: intent.run_at,
            start_by: intent.start_by,
            max_attempts: intent.max_attempts,
            behaviour: intent.behaviour,
            invoked_at: head.at,
            end: End::Open,
        });
        Ok(())
    }

    fn exchange(&mut self, head: &Head, line: &str) -> Result<(), String> {
        let exchange: Exchange = parse(line)?;
        match exchange.status {
            Some(500..) => *self.exchanges.server_errors.entry(exchange.api).or_default() += 1,
            Some(200..300) if head.op_type == OpType::Submit => {
                self.exchanges.accepted_ms.extend(exchange.latency_ms);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, op: u64, end: End) -> Result<(), String> {
        let kept = match self.by_op.get(&op) {
            Some(Place::Submits(place)) => &mut self.submits[*place].end,
            Some(Place::Requests(place)) => &mut self.requests[*place].end,
            None => return Err(format!("operation {op} was never invoked")),
        };
        if !matches!(kept, End::Open) {
            return Err(format!("operation {op} had ended before"));
        }
        *kept = end;
        Ok(())
    }
}
