//! A client of the api, as careful as one has to be: it repeats what was not answered, with the same key, and writes
//! down what it asked for, each exchange, and what it learned.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use chrono::TimeDelta;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::balancer::Balancer;
use crate::clock;
use crate::journal::Journal;
use crate::mix::{Job, Place, Times};
use crate::routes::Target;
use crate::tandem::Tenant;

/// How long a client tries.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one exchange may take.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(5);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a client waits for a job to fail, to have it retried.
const RETRY_PATIENCE: Duration = Duration::from_secs(10);
/// The operations of each kind are numbered from here on, plus their job's number; those of submits from 0 on.
const CANCELS_FROM: u64 = 1_000_000_000;
const TWINS_FROM: u64 = 2_000_000_000;
const CLASHES_FROM: u64 = 3_000_000_000;
const RETRIES_FROM: u64 = 4_000_000_000;

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Clients {
    http: Client,
    balancer: Balancer,
    journal: Journal,
    tenants: Vec<Tenant>,
    place: Place,
    /// Begins the keys, so that two runs on one database don't share any.
    seed: u64,
    pub(crate) counts: Counts,
}

/// How the submits went so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) attempted: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) unknown: AtomicU64,
}

/// What the clients ask for, and for whom.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) http: Client,
    pub(crate) balancer: Balancer,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) place: Place,
    pub(crate) seed: u64,
}

/// One operation of one client.
#[derive(Clone, Copy)]
struct Operation {
    client: u32,
    op: u64,
    name: &'static str,
}

/// How an operation ended.
enum Verdict {
    Done(Answer),
    /// It certainly had no effect.
    Refused(StatusCode),
    Unknown,
}

/// An answer that was read to its end.
struct Answer {
    status: StatusCode,
    replayed: bool,
    body: Value,
}

impl Operation {
    fn line(self, phase: &str, fields: Value) -> Value {
        let mut line = fields;
        line["client"] = self.client.into();
        line["op"] = self.op.into();
        line["type"] = self.name.into();
        line["phase"] = phase.into();
        line
    }
}

impl Clients {
    pub(crate) fn new(parts: Parts, folder: &Path) -> Result<Self> {
        Ok(Self {
            http: parts.http,
            balancer: parts.balancer,
            journal: Journal::create(&folder.join("clients.jsonl"))?,
            tenants: parts.tenants,
            place: parts.place,
            seed: parts.seed,
            counts: Counts::default(),
        })
    }

    /// The `n`-th job of the run.
    pub(crate) fn job(&self, n: u64) -> Job {
        Job::intended(self.seed, n, self.tenants.len())
    }

    /// Submits a job, twins twice at the same time; gives its id when that was acknowledged.
    pub(crate) async fn submit(&self, client: u32, job: &Job) -> Result<Option<String>> {
        let times = times(job);
        let submit = |op| {
            let op = Operation {
                client,
                op,
                name: "submit",
            };
            self.submit_as(op, job, &times)
        };
        if !job.is_twin {
            return submit(job.n).await;
        }
        let (first, second) = tokio::join!(submit(job.n), submit(TWINS_FROM + job.n));
        let id = first?.or(second?);
        if let Some(id) = &id {
            self.clash(client, job, id).await?;
        }
        Ok(id)
    }

    async fn submit_as(&self, op: Operation, job: &Job, times: &Times) -> Result<Option<String>> {
        let tenant = &self.tenants[job.tenant];
        let body = job.body(&tenant.name, times, &self.place);
        let key = self.key(job);
        let intent = json!({
            "key": key, "tenant": tenant.name, "kind": job.kind, "n": job.n, "run_at": times.run_at,
            "start_by": times.start_by, "max_attempts": job.max_attempts, "behaviour": job.behaviour.name(),
        });
        self.counts.attempted.fetch_add(1, Ordering::Relaxed);
        self.journal.write(op.line("invoke", intent))?;
        let request = |target: &Target| self.submission(target, job, &body);
        match self.carry_out(op, PATIENCE, request).await? {
            Verdict::Done(answer) => {
                let id = answer.body["id"].as_str().map(str::to_owned);
                let fields =
                    json!({"job_id": id, "status": answer.status.as_u16(), "replayed": answer.replayed});
                self.counts.acknowledged.fetch_add(1, Ordering::Relaxed);
                self.journal.write(op.line("ok", fields))?;
                Ok(id)
            }
            verdict => {
                self.counts.unknown.fetch_add(1, Ordering::Relaxed);
                self.give_up(op, &verdict)?;
                Ok(None)
            }
        }
    }

    fn key(&self, job: &Job) -> String {
        format!("{}-{}", self.seed, job.n)
    }

    /// A submit with the job's key.
    fn submission(&self, target: &Target, job: &Job, body: &Value) -> RequestBuilder {
        self.http
            .post(format!("http://{}/api/jobs", target.addr))
            .header("x-api-key", &self.tenants[job.tenant].api_key)
            .header("idempotency-key", self.key(job))
            .json(body)
    }

    /// Submits something else with the key of a job that was acknowledged: it must be refused.
    async fn clash(&self, client: u32, job: &Job, job_id: &str) -> Result<()> {
        let op = Operation {
            client,
            op: CLASHES_FROM + job.n,
            name: "clash",
        };
        let mut body = job.body(&self.tenants[job.tenant].name, &Times::default(), &self.place);
        body["max_attempts"] = (job.max_attempts + 1).into();
        let request = |target: &Target| self.submission(target, job, &body);
        self.ask(op, job_id, PATIENCE, request).await
    }

    /// Asks for a job's end.
    pub(crate) async fn cancel(&self, client: u32, job: &Job, job_id: &str) -> Result<()> {
        let op = Operation {
            client,
            op: CANCELS_FROM + job.n,
            name: "cancel",
        };
        let request = |target: &Target| self.control(target, job, job_id, "cancel");
        self.ask(op, job_id, PATIENCE, request).await
    }

    /// Asks for another life of a job, once it has failed.
    pub(crate) async fn retry(&self, client: u32, job: &Job, job_id: &str) -> Result<()> {
        let op = Operation {
            client,
            op: RETRIES_FROM + job.n,
            name: "redrive",
        };
        let request = |target: &Target| self.control(target, job, job_id, "retry");
        self.ask(op, job_id, RETRY_PATIENCE, request).await
    }

    fn control(&self, target: &Target, job: &Job, job_id: &str, verb: &str) -> RequestBuilder {
        self.http
            .post(format!("http://{}/api/jobs/{job_id}/{verb}", target.addr))
            .header("x-api-key", &self.tenants[job.tenant].api_key)
    }

    /// Asks for something about a job, and writes down how that ended.
    async fn ask(
        &self,
        op: Operation,
        job_id: &str,
        patience: Duration,
        request: impl Fn(&Target) -> RequestBuilder,
    ) -> Result<()> {
        self.journal.write(op.line("invoke", json!({"job_id": job_id})))?;
        match self.carry_out(op, patience, request).await? {
            Verdict::Done(answer) => {
                let fields = json!({"status": answer.status.as_u16()});
                self.journal.write(op.line("ok", fields))
            }
            verdict => self.give_up(op, &verdict),
        }
    }

    fn give_up(&self, op: Operation, verdict: &Verdict) -> Result<()> {
        match verdict {
            Verdict::Refused(status) => self
                .journal
                .write(op.line("fail", json!({"status": status.as_u16()}))),
            Verdict::Done(_) | Verdict::Unknown => self.journal.write(op.line("info", json!({}))),
        }
    }

    /// Tries until there is an answer, or the time is up.
    async fn carry_out(
        &self,
        op: Operation,
        patience: Duration,
        request: impl Fn(&Target) -> RequestBuilder,
    ) -> Result<Verdict> {
        let deadline = Instant::now() + patience;
        // An exchange without an answer may have had its effect, and then a refusal says nothing about it.
        let (mut failed, mut is_uncertain) = (None, false);
        while Instant::now() < deadline {
            let Some(target) = self.balancer.pick(failed) else {
                sleep(PAUSE).await;
                continue;
            };
            let answer = self.exchange(op, &target, request(&target)).await?;
            match answer {
                Some(answer) if answer.status.is_success() => return Ok(Verdict::Done(answer)),
                Some(answer) if !is_worth_repeating(&answer) => {
                    return Ok(if is_uncertain {
                        Verdict::Unknown
                    } else {
                        Verdict::Refused(answer.status)
                    });
                }
                Some(answer) => is_uncertain |= answer.status.is_server_error(),
                None => is_uncertain = true,
            }
            failed = Some(target.addr);
            sleep(PAUSE).await;
        }
        Ok(Verdict::Unknown)
    }

    async fn exchange(
        &self,
        op: Operation,
        target: &Target,
        request: RequestBuilder,
    ) -> Result<Option<Answer>> {
        let began = Instant::now();
        let result = answer(request.timeout(EXCHANGE_LIMIT)).await;
        if result.as_ref().is_err_and(reqwest::Error::is_connect) {
            self.balancer.unreachable(target.addr);
        }
        let error = result.as_ref().err().map(|error| format!("{error:?}"));
        let status = result.as_ref().ok().map(|answer| answer.status.as_u16());
        let latency_ms = began.elapsed().as_secs_f64() * 1_000.0;
        let fields = json!({"status": status, "error": error, "api": target.name, "latency_ms": latency_ms});
        self.journal.write(op.line("try", fields))?;
        Ok(result.ok())
    }
}

/// The times that a job's submit names, if it begins now.
fn times(job: &Job) -> Times {
    let after = |wait: Duration| clock::text(clock::now() + TimeDelta::from_std(wait).unwrap_or_default());
    Times {
        run_at: job.due_in.map(after),
        start_by: job.start_within.map(after),
    }
}

async fn answer(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let status = response.status();
    let replayed = response.headers().contains_key("idempotency-replayed");
    let body = response.bytes().await?;
    Ok(Answer {
        status,
        replayed,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

/// Whether the same request may be answered otherwise a little later.
fn is_worth_repeating(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => true,
        // A job that is to be retried may not have failed yet.
        StatusCode::CONFLICT => {
            answer.body["code"] == "idempotency_in_progress" || answer.body["code"] == "not_retryable"
        }
        status => status.is_server_error(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_change_is_repeated() {
        let answer = |status, code| Answer {
            status,
            replayed: false,
            body: json!({"code": code}),
        };
        for (status, code, expected) in [
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", true),
            (StatusCode::TOO_MANY_REQUESTS, "rate_limited", true),
            (StatusCode::CONFLICT, "idempotency_in_progress", true),
            (StatusCode::CONFLICT, "not_retryable", true),
            (StatusCode::CONFLICT, "already_finished", false),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", false),
            (StatusCode::UNAUTHORIZED, "unauthenticated", false),
        ] {
            assert_eq!(
                is_worth_repeating(&answer(status, code)),
                expected,
                "{status} {code}"
            );
        }
    }
}
