//! `database.jsonl`: every row at the end.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::lines::parse;
use crate::life::State;
use crate::record::{Attempt, Binding, Claim, Job, JobEvent, Place, Token};

/// All rows that matter.
#[derive(Default)]
pub(super) struct Database {
    pub(super) jobs: Vec<Job>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) events: Vec<JobEvent>,
    pub(super) tokens: Vec<Token>,
    pub(super) claims: Vec<Claim>,
    pub(super) bindings: Vec<Binding>,
    pub(super) hosts: HashMap<Uuid, String>,
    pub(super) tenants: HashMap<Uuid, String>,
}

#[derive(Deserialize)]
struct Line<'a> {
    table: Table,
    #[serde(borrow)]
    row: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Table {
    Job,
    Attempt,
    JobEvent,
    Outbox,
    Due,
    Claim,
    DeadLetter,
    Idempotency,
    Worker,
    Tenant,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct JobRow<'a> {
    id: Uuid,
    tenant_id: Uuid,
    kind: String,
    state: State,
    attempt: u32,
    attempts_spent: u32,
    max_attempts: u32,
    version: u32,
    created_at: DateTime<Utc>,
    run_at: DateTime<Utc>,
    scheduled_for: Option<DateTime<Utc>>,
    error_code: Option<String>,
    result: Option<IgnoredAny>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TokenRow {
    job_id: Uuid,
    tenant_id: Uuid,
}

#[derive(Deserialize)]
struct WorkerRow {
    id: Uuid,
    host: String,
}

#[derive(Deserialize)]
struct TenantRow {
    id: Uuid,
    name: String,
}

impl Database {
    /// Takes one line; the error says what is wrong with it.
    pub(super) fn take(&mut self, line: &str) -> Result<(), String> {
        let Line { table, row } = parse(line)?;
        let row = row.get();
        match table {
            Table::Job => self.jobs.push(job(parse(row)?)),
            Table::Attempt => self.attempts.push(parse(row)?),
            Table::JobEvent => self.events.push(parse(row)?),
            Table::Outbox => self.tokens.push(token(row, Place::Outbox)?),
            Table::Due => self.tokens.push(token(row, Place::Due)?),
            Table::DeadLetter => self.tokens.push(token(row, Place::DeadLetter)?),
            Table::Claim => {
                self.claims.push(parse(row)?);
                self.tokens.push(token(row, Place::Claim)?);
            }
            Table::Idempotency => self.bindings.push(parse(row)?),
            Table::Worker => {
                let worker: WorkerRow = parse(row)?;
                self.hosts.insert(worker.id, worker.host);
            }
            Table::Tenant => {
                let tenant: TenantRow = parse(row)?;
                self.tenants.insert(tenant.id, tenant.name);
            }
            Table::Other => {}
        }
        Ok(())
    }
}

fn job(row: JobRow<'_>) -> Job {
    Job {
        id: row.id,
        tenant_id: row.tenant_id,
        kind: row.kind,
        state: row.state,
        attempt: row.attempt,
        attempts_spent: row.attempts_spent,
        max_attempts: row.max_attempts,
        version: row.version,
        created_at: row.created_at,
        run_at: row.run_at,
        scheduled_for: row.scheduled_for,
        error_code: row.error_code,
        has_result: row.result.is_some(),
        n: row.payload.and_then(number),
        submit: None,
    }
}

fn token(row: &str, place: Place) -> Result<Token, String> {
    let TokenRow { job_id, tenant_id } = parse(row)?;
    Ok(Token {
        job_id,
        tenant_id,
        place,
    })
}

/// The number of the intended job, as far as a payload tells it: its field `n`, or the last part of the path
/// `/hook/<tenant>/<n>` of its `url`.
fn number(payload: &RawValue) -> Option<u64> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        n: Option<u64>,
        #[serde(borrow)]
        url: Option<Cow<'a, str>>,
    }
    let payload: Payload<'_> = serde_json::from_str(payload.get()).ok()?;
    payload.n.or_else(|| {
        let (_, path) = payload.url.as_deref()?.split_once("/hook/")?;
        let (_tenant, n) = path.split_once('/')?;
        n.split(['?', '#', '/']).next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_in(payload: &str) -> Option<u64> {
        number(serde_json::from_str(payload).unwrap())
    }

    #[test]
    fn the_number_is_found_in_the_payload_or_in_its_target() {
        assert_eq!(number_in(r#"{"n": 7, "text": "x"}"#), Some(7));
        assert_eq!(number_in(r#"{"url": "http://127.0.0.1:1/hook/acme/8"}"#), Some(8));
        assert_eq!(
            number_in(r#"{"url": "http:\/\/h\/hook\/a\/9?x=1", "body": [1]}"#),
            Some(9)
        );
        assert_eq!(number_in(r#"{"message": "no"}"#), None);
        assert_eq!(number_in(r#"{"n": "seven"}"#), None);
        assert_eq!(number_in(r#"{"url": "http://h/other/a/9"}"#), None);
        assert_eq!(number_in("null"), None);
        assert_eq!(number_in("[7]"), None);
    }
}
