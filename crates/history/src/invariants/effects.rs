//! What reached the receiver.

use std::collections::HashSet;

use uuid::Uuid;

use crate::history::History;
use crate::life::State;
use crate::record::Delivery;
use crate::violation::{Invariant, Violation};

/// The kind whose jobs have their effect at the receiver.
pub(super) const HTTP_KIND: &str = "http.request";

/// I9: each id that the receiver saw is a job's and names one target, that job's; and each HTTP job that succeeded was
/// taken by the receiver at least once.
pub(super) fn effects_are_those_of_the_jobs(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for id in &history.strange_ids {
        let evidence = "the receiver saw it as webhook-id, and it is no id of a job";
        violations.push(Violation::new(Invariant::I9, format_args!("{id:?}"), evidence));
    }
    for (job_id, deliveries) in history.deliveries.groups() {
        if let Some(evidence) = surprise(history, job_id, deliveries) {
            violations.push(Violation::of_job(Invariant::I9, job_id, evidence));
        }
    }
    let succeeded = history
        .jobs
        .iter()
        .filter(|job| job.kind == HTTP_KIND && job.state == State::Succeeded);
    for job in succeeded {
        if !history.deliveries.of(job.id).iter().any(Delivery::took_effect) {
            let evidence = "it succeeded, but the receiver never took it";
            violations.push(Violation::of_job(Invariant::I9, job.id, evidence));
        }
    }
    violations
}

/// What is unexpected about the requests with one id.
fn surprise(history: &History, job_id: Uuid, deliveries: &[Delivery]) -> Option<String> {
    let Some(job) = history.job(job_id) else {
        let times = deliveries.len();
        return Some(format!(
            "the receiver saw its id {times} times, but there is no such job"
        ));
    };
    let targets: HashSet<(&str, u64)> = deliveries.iter().map(|it| (it.tenant.as_str(), it.n)).collect();
    if targets.len() > 1 {
        return Some(format!("the receiver saw it for several targets: {targets:?}"));
    }
    let n = history.submit_of(job)?.n;
    let other = deliveries.iter().find(|it| it.n != n)?;
    Some(format!(
        "it is the job with the number {n}, but reached the receiver with {}",
        other.n
    ))
}

/// How many ids the receiver saw that are no job's, or with another target than the job's.
pub(crate) fn unexpected_effects(history: &History) -> usize {
    let is_foreign = |job_id, deliveries: &[Delivery]| {
        let tenant = |it: &Delivery| {
            let job = history.job(job_id)?;
            Some(history.tenants.get(&job.tenant_id)? == &it.tenant)
        };
        deliveries.iter().any(|it| tenant(it) == Some(false))
    };
    let unexpected = history.deliveries.groups().filter(|(job_id, deliveries)| {
        surprise(history, *job_id, deliveries).is_some() || is_foreign(*job_id, deliveries)
    });
    unexpected.count() + history.strange_ids.len()
}
