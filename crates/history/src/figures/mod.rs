//! What a run came to, in numbers.

mod exits;
mod recovery;
mod service;
mod spread;

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use uuid::Uuid;

pub use spread::Spread;

use crate::history::History;
use crate::invariants::{failed_by_crashes, jobs_and_intents, unexpected_effects};
use crate::life::{Event, State};
use crate::record::{Delivery, End};

/// The figures of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Submits that clients began.
    pub attempted: usize,
    /// Submits that were answered with success.
    pub acknowledged: usize,
    /// Submits that certainly had no effect.
    pub refused: usize,
    /// Submits whose outcome the client never learned.
    pub unknown: usize,
    /// Jobs in the database.
    pub jobs: usize,
    /// Jobs that succeeded.
    pub succeeded: usize,
    /// Jobs that failed for good.
    pub failed: usize,
    /// Of those, jobs that could have succeeded, but whose workers died too often.
    pub failed_by_crashes: usize,
    /// Jobs that were cancelled.
    pub cancelled: usize,
    /// Jobs that were not started by their `start_by`.
    pub expired: usize,
    /// Jobs that had not ended when the run did.
    pub unfinished: usize,
    /// Acknowledged jobs without a row, or that had not ended.
    pub lost: usize,
    /// Jobs that succeeded more than once, by their attempts or by their events.
    pub duplicated: usize,
    /// Intended jobs that were made into more than one.
    pub duplicate_jobs: usize,
    /// Ids at the receiver that are no job's or have another job's target, and jobs that no client submitted.
    pub unexpected: usize,
    /// Jobs whose effect the receiver took at least once.
    pub delivered: usize,
    /// Of those, jobs whose effect it took more than once.
    pub redelivered: usize,
    /// Attempts that ended because their worker was gone.
    pub attempts_lost: usize,
    /// Attempts that a worker handed back when it shut down.
    pub attempts_released: usize,
    /// Lost attempts of a worker to which nothing had been done.
    pub unexplained_losses: usize,
    /// Processes that ended though nobody had wanted that.
    pub odd_exits: Vec<String>,
    /// Jobs whose first attempt started more than five seconds after it was due.
    pub late_starts: usize,
    /// Attempts whose worker learned that it had lost their lease.
    pub stale_completions: u64,
    /// Of those, attempts that had an outcome, which the database rejected.
    pub rejected_completions: u64,
    /// Panics that the processes logged.
    pub panics: u64,
    /// Errors that the processes logged.
    pub errors_logged: u64,
    /// From the fault that took an attempt's worker to the start of the job's next attempt.
    pub recovery_secs: Option<Spread>,
    /// Recoveries that took longer than lease and sweep together.
    pub late_recoveries: usize,
    /// From a client's first try to the acknowledgement.
    pub submit_ms: Option<Spread>,
    /// One exchange that was answered with success.
    pub exchange_ms: Option<Spread>,
    /// Answers with a server error, by api.
    pub server_errors: BTreeMap<String, u64>,
    /// The longest time during the load in which no submit was acknowledged.
    pub longest_silence_secs: Option<f64>,
    /// From the moment that Postgres accepted connections again to the next acknowledged submit; the longest.
    pub submit_after_outage_secs: Option<f64>,
    /// From the moment that Postgres accepted connections again to the next start of an attempt; the longest.
    pub start_after_outage_secs: Option<f64>,
    /// How often each fault was caused.
    pub faults: BTreeMap<String, usize>,
}

impl Figures {
    /// Counts.
    pub(crate) fn of(history: &History) -> Self {
        let mut figures = Self {
            attempted: history.submits.len(),
            jobs: history.jobs.len(),
            failed_by_crashes: failed_by_crashes(history),
            lost: lost(history),
            duplicated: duplicated(history),
            duplicate_jobs: duplicate_jobs(history),
            unexpected: unexpected_effects(history) + uninvited(history),
            odd_exits: exits::unexplained(history),
            late_starts: service::late_starts(history),
            server_errors: history.exchanges.server_errors.clone(),
            exchange_ms: Spread::of(history.exchanges.accepted_ms.clone()),
            submit_ms: Spread::of(service::submit_ms(history)),
            longest_silence_secs: service::longest_silence_secs(history),
            submit_after_outage_secs: service::submit_after_outage_secs(history),
            start_after_outage_secs: service::start_after_outage_secs(history),
            ..Self::default()
        };
        figures.count_submits(history);
        figures.count_states(history);
        figures.count_effects(history);
        figures.count_losses(history);
        figures.count_processes(history);
        figures
    }

    fn count_submits(&mut self, history: &History) {
        for submit in &history.submits {
            match submit.end {
                End::Ok(_) => self.acknowledged += 1,
                End::Refused(_) => self.refused += 1,
                End::Unknown(_) | End::Open => self.unknown += 1,
            }
        }
    }

    fn count_states(&mut self, history: &History) {
        for job in history.jobs.iter() {
            match job.state {
                State::Scheduled | State::Queued | State::Running => self.unfinished += 1,
                State::Succeeded => self.succeeded += 1,
                State::Failed => self.failed += 1,
                State::Cancelled => self.cancelled += 1,
                State::Expired => self.expired += 1,
            }
        }
    }

    fn count_effects(&mut self, history: &History) {
        for (_, deliveries) in history.deliveries.groups() {
            let effects = deliveries.iter().filter(|it| Delivery::took_effect(it)).count();
            self.delivered += usize::from(effects > 0);
            self.redelivered += usize::from(effects > 1);
        }
    }

    fn count_losses(&mut self, history: &History) {
        let attempts = history.attempts.iter();
        self.attempts_lost = attempts.clone().filter(|attempt| attempt.was_lost()).count();
        self.attempts_released = attempts.filter(|it| it.event == Event::Released).count();
        let recoveries = recovery::recoveries(history);
        let bound = history.run.lease_secs + history.run.sweep_secs;
        self.unexplained_losses = recoveries.unexplained;
        self.late_recoveries = recoveries.secs.iter().filter(|secs| **secs > bound).count();
        self.recovery_secs = Spread::of(recoveries.secs);
    }

    fn count_processes(&mut self, history: &History) {
        for process in &history.processes {
            self.stale_completions += process.stale_completions;
            self.rejected_completions += process.rejected_completions;
            self.panics += process.panics;
            self.errors_logged += process.errors_logged;
        }
        for fault in &history.faults {
            *self.faults.entry(fault.fault.clone()).or_default() += 1;
        }
    }

    /// The share of delivered jobs whose effect the receiver took more than once.
    #[must_use]
    pub fn redelivered_share(&self) -> f64 {
        match self.delivered {
            0 => 0.0,
            delivered => self.redelivered as f64 / delivered as f64,
        }
    }
}

fn lost(history: &History) -> usize {
    let jobs: HashSet<Uuid> = history.acknowledged().map(|(_, job_id)| job_id).collect();
    let has_ended = |job_id: &&Uuid| history.job(**job_id).is_some_and(|job| job.state.is_terminal());
    jobs.len() - jobs.iter().filter(has_ended).count()
}

fn duplicated(history: &History) -> usize {
    let is_duplicated = |job_id| {
        let attempts = history.attempts.of(job_id).iter().map(|attempt| attempt.event);
        let events = history.events.of(job_id).iter().map(|event| event.event);
        attempts.filter(|event| *event == Event::Succeeded).count() > 1
            || events.filter(|event| *event == Event::Succeeded).count() > 1
    };
    history.jobs.iter().filter(|job| is_duplicated(job.id)).count()
}

fn duplicate_jobs(history: &History) -> usize {
    let pairs = jobs_and_intents(history);
    pairs
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|jobs| jobs.len() > 1)
        .count()
}

fn uninvited(history: &History) -> usize {
    history.jobs.iter().filter(|job| job.submit.is_none()).count()
}
