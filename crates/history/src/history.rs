//! What was done, answered, received, caused and stored in one run.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::by_job::ByJob;
use crate::life::Event;
use crate::record::{
    Attempt, Binding, Claim, Delivery, End, Fault, Job, JobEvent, Process, Request, Submit, Token,
};

/// Which run it was, and what it promises: `run.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Run {
    /// Names the faults and their doses.
    pub scenario: String,
    /// `postgres` or `sqs`.
    pub backend: String,
    /// Decided everything that was left to chance.
    pub seed: u64,
    /// What was built.
    pub commit: String,
    /// How it was built: `debug`, or `release` as it ships.
    #[serde(default)]
    pub profile: String,
    /// When the first process was started.
    pub started_at: DateTime<Utc>,
    /// When the last fault was over.
    pub faults_ended_at: DateTime<Utc>,
    /// When nothing was left to do; `None` when that was not reached.
    pub drained_at: Option<DateTime<Utc>>,
    /// How long a silent worker keeps its attempts.
    pub lease_secs: f64,
    /// How long an expired lease may stay unnoticed.
    #[serde(default = "five")]
    pub sweep_secs: f64,
    /// How long draining may take.
    pub drain_limit_secs: f64,
    /// Whether the api may answer with a server error.
    #[serde(default = "yes")]
    pub allow_5xx: bool,
    /// Whether a job may fail because all its attempts died with their workers.
    #[serde(default = "yes")]
    pub crash_failures_allowed: bool,
}

fn five() -> f64 {
    5.0
}

fn yes() -> bool {
    true
}

/// All that is known of one run.
#[derive(Debug)]
pub struct History {
    pub(crate) run: Run,
    pub(crate) submits: Vec<Submit>,
    pub(crate) requests: Vec<Request>,
    pub(crate) exchanges: Exchanges,
    pub(crate) deliveries: ByJob<Delivery>,
    /// What stood as `webhook-id` where it was no job's id at all.
    pub(crate) strange_ids: Vec<String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) processes: Vec<Process>,
    pub(crate) jobs: ByJob<Job>,
    pub(crate) attempts: ByJob<Attempt>,
    pub(crate) events: ByJob<JobEvent>,
    pub(crate) tokens: ByJob<Token>,
    pub(crate) claims: ByJob<Claim>,
    pub(crate) bindings: Vec<Binding>,
    /// The host of each worker.
    pub(crate) hosts: HashMap<Uuid, String>,
    /// The name of each tenant.
    pub(crate) tenants: HashMap<Uuid, String>,
    pub(crate) flaws: Vec<Flaw>,
    /// Files whose last line was cut off: their writer was killed.
    pub(crate) truncated: Vec<&'static str>,
}

/// The HTTP exchanges of all submits and requests, added up.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    /// Answers with a server error, by api.
    pub(crate) server_errors: BTreeMap<String, u64>,
    /// How long those submits took that were answered with success, in milliseconds.
    pub(crate) accepted_ms: Vec<f64>,
}

/// A line that can't be read, or that contradicts an earlier one.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub(crate) file: &'static str,
    pub(crate) line: u64,
    pub(crate) problem: String,
}

/// One start of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) attempt: u32,
    pub(crate) started_at: DateTime<Utc>,
    /// `None` while it runs.
    pub(crate) ended: Option<(DateTime<Utc>, Event)>,
}

impl History {
    /// The job's row; the first one, should there be several.
    pub(crate) fn job(&self, id: Uuid) -> Option<&Job> {
        self.jobs.of(id).first()
    }

    /// The submit that intended the job.
    pub(crate) fn submit_of(&self, job: &Job) -> Option<&Submit> {
        self.submits.get(job.submit? as usize)
    }

    /// The submits that were acknowledged, with the job that the answer named.
    pub(crate) fn acknowledged(&self) -> impl Iterator<Item = (&Submit, Uuid)> {
        self.submits.iter().filter_map(|submit| match submit.end {
            End::Ok(answer) => Some((submit, answer.job_id?)),
            End::Open | End::Refused(_) | End::Unknown(_) => None,
        })
    }

    /// All starts of a job, by number: the ended attempts and the one that runs.
    pub(crate) fn starts(&self, job_id: Uuid) -> Vec<Start> {
        let ended = self.attempts.of(job_id).iter().map(|attempt| Start {
            attempt: attempt.attempt,
            started_at: attempt.started_at,
            ended: Some((attempt.finished_at, attempt.event)),
        });
        let running = self.claims.of(job_id).iter().map(|claim| Start {
            attempt: claim.attempt,
            started_at: claim.started_at,
            ended: None,
        });
        let mut starts: Vec<Start> = ended.chain(running).collect();
        starts.sort_by_key(|start| start.attempt);
        starts
    }

    /// For each redrive of a job, the number of the last attempt before it.
    pub(crate) fn redrives(&self, job_id: Uuid) -> Vec<u32> {
        let mut started = 0;
        let mut redrives = Vec::new();
        for event in self.events.of(job_id) {
            match event.event {
                Event::Started => started = event.attempt.unwrap_or(started),
                Event::Redriven => redrives.push(started),
                _ => {}
            }
        }
        redrives
    }

    /// The tenant's name, or its id should it have no row.
    pub(crate) fn tenant(&self, id: Uuid) -> String {
        self.tenants.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}
