//! What was accepted: no acknowledged job is lost, no key makes two, and none comes from nowhere.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::history::History;
use crate::record::{End, Submit, Wish};
use crate::violation::{Invariant, Violation};

/// I1: an acknowledged job has its row, and the row the tenant that submitted it.
pub(super) fn acknowledged_jobs_are_stored(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (submit, job_id) in history.acknowledged() {
        let evidence = match history.job(job_id) {
            None => format!(
                "operation {} was acknowledged, but there is no such job",
                submit.op
            ),
            Some(job) if history.tenants.get(&job.tenant_id) != Some(&submit.tenant) => format!(
                "operation {} of tenant {} was acknowledged, but the job is of tenant {}",
                submit.op,
                submit.tenant,
                history.tenant(job.tenant_id)
            ),
            Some(_) => continue,
        };
        violations.push(Violation::of_job(Invariant::I1, job_id, evidence));
    }
    violations
}

/// Every job together with the number of each intent that it is the job of: by its payload, by an acknowledgement, or
/// by a bound key. Sorted by intent, without repetition.
pub(crate) fn jobs_and_intents(history: &History) -> Vec<(u64, Uuid)> {
    let intents = intents_by_key(history);
    let of_payloads = history
        .jobs
        .iter()
        .filter_map(|job| Some((history.submit_of(job)?.n, job.id)));
    let of_answers = history.acknowledged().map(|(submit, id)| (submit.n, id));
    let of_keys = history.bindings.iter().flat_map(|binding| {
        let tenant = history.tenants.get(&binding.tenant_id).map_or("", String::as_str);
        let n = intents.get(&(tenant, binding.key.as_str())).copied();
        binding.job_ids.iter().filter_map(move |id| Some((n?, *id)))
    });
    let mut pairs: Vec<(u64, Uuid)> = of_payloads.chain(of_answers).chain(of_keys).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The number of the job that each tenant intends with each key.
fn intents_by_key(history: &History) -> HashMap<(&str, &str), u64> {
    history
        .submits
        .iter()
        .map(|submit| ((submit.tenant.as_str(), submit.key.as_str()), submit.n))
        .collect()
}

/// I7: one intent, which has one key, made one job, and that job was made by one intent; the key is remembered, and
/// not taken for anything else.
pub(super) fn one_key_makes_one_job(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let submits: HashMap<u64, &Submit> = history.submits.iter().map(|it| (it.n, it)).collect();
    let intent = |n| match submits.get(&n) {
        Some(submit) => format!("key {} of tenant {} (number {n})", submit.key, submit.tenant),
        None => format!("number {n}"),
    };
    let mut pairs = jobs_and_intents(history);
    for group in pairs.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        let jobs: Vec<String> = group.iter().map(|(_, job_id)| job_id.to_string()).collect();
        let evidence = format!("it was made into {} jobs: {}", jobs.len(), jobs.join(", "));
        violations.push(Violation::new(Invariant::I7, intent(group[0].0), evidence));
    }
    pairs.sort_unstable_by_key(|(n, job_id)| (*job_id, *n));
    for group in pairs.chunk_by(|a, b| a.1 == b.1).filter(|group| group.len() > 1) {
        let intents: Vec<String> = group.iter().map(|(n, _)| n.to_string()).collect();
        let evidence = format!("it stands for several intended jobs: {}", intents.join(", "));
        violations.push(Violation::of_job(Invariant::I7, group[0].1, evidence));
    }
    violations.extend(keys_and_bindings_agree(history));
    let clashes = history.requests.iter().filter(|it| it.wish == Wish::Clash);
    for clash in clashes.filter(|it| matches!(it.end, End::Ok(_))) {
        let evidence = format!(
            "operation {} was accepted with its key and another body",
            clash.op
        );
        violations.push(Violation::of_job(Invariant::I7, clash.job_id, evidence));
    }
    violations
}

/// The key of an acknowledged submit is bound, and what is bound is a submitted key and a stored job. An acknowledged job
/// that is not there is the matter of I1.
fn keys_and_bindings_agree(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let intents = intents_by_key(history);
    let acknowledged: HashSet<Uuid> = history.acknowledged().map(|(_, job_id)| job_id).collect();
    let mut bound = HashSet::with_capacity(history.bindings.len());
    for binding in &history.bindings {
        let tenant = history.tenants.get(&binding.tenant_id).map_or("", String::as_str);
        let key = (tenant, binding.key.as_str());
        let mut found = |evidence| {
            let subject = format!("key {} of tenant {tenant}", binding.key);
            violations.push(Violation::new(Invariant::I7, subject, evidence));
        };
        bound.insert(key);
        if !intents.contains_key(&key) {
            found("it is bound, but no client used it".to_owned());
        }
        for job_id in &binding.job_ids {
            if history.job(*job_id).is_none() && !acknowledged.contains(job_id) {
                found(format!("it is bound to job {job_id}, which is not there"));
            }
        }
    }
    for (submit, job_id) in history.acknowledged() {
        let is_bound = bound.contains(&(submit.tenant.as_str(), submit.key.as_str()));
        if !is_bound && history.job(job_id).is_some() {
            violations.push(Violation::new(
                Invariant::I7,
                format_args!("key {} of tenant {}", submit.key, submit.tenant),
                format!("job {job_id} was acknowledged for it, but it is not remembered"),
            ));
        }
    }
    violations
}

/// I8: every job is one row, which stands for a submit that was acknowledged or whose outcome is unknown. With I1 and I7
/// there are no fewer jobs than acknowledged intents, and no more than acknowledged and unknown ones together.
pub(super) fn every_job_was_submitted(history: &History) -> Vec<Violation> {
    let possible: HashSet<u64> = history
        .submits
        .iter()
        .filter(|submit| !matches!(submit.end, End::Refused(_)))
        .map(|submit| submit.n)
        .collect();
    let mut violations = Vec::new();
    for (job_id, rows) in history.jobs.groups() {
        if rows.len() > 1 {
            let evidence = format!("it has {} rows", rows.len());
            violations.push(Violation::of_job(Invariant::I8, job_id, evidence));
        }
        let evidence = match history.submit_of(&rows[0]) {
            None => "no client submitted it".to_owned(),
            Some(submit) if !possible.contains(&submit.n) => {
                format!("it exists although operation {} was refused", submit.op)
            }
            Some(_) => continue,
        };
        violations.push(Violation::of_job(Invariant::I8, job_id, evidence));
    }
    violations
}
