//! Tenants stay apart.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::history::History;
use crate::violation::{Invariant, Violation};

/// I11: the tenant of a job is that of its attempts, events, tokens and key, and the one in the path of its effects.
pub(super) fn everything_has_the_jobs_tenant(history: &History) -> Vec<Violation> {
    let mut foreign: BTreeSet<(Uuid, &str, String)> = BTreeSet::new();
    {
        let mut compare = |job_id, what, tenant_id| {
            if history.job(job_id).is_some_and(|job| job.tenant_id != tenant_id) {
                foreign.insert((job_id, what, history.tenant(tenant_id)));
            }
        };
        for attempt in history.attempts.iter() {
            compare(attempt.job_id, "an attempt", attempt.tenant_id);
        }
        for event in history.events.iter() {
            compare(event.job_id, "an event", event.tenant_id);
        }
        for token in history.tokens.iter() {
            compare(token.job_id, token.place.table(), token.tenant_id);
        }
        for binding in &history.bindings {
            for job_id in &binding.job_ids {
                compare(*job_id, "its key", binding.tenant_id);
            }
        }
    }
    for delivery in history.deliveries.iter() {
        let tenant = history
            .job(delivery.job_id)
            .map(|job| history.tenants.get(&job.tenant_id));
        if tenant.is_some_and(|tenant| tenant != Some(&delivery.tenant)) {
            foreign.insert((delivery.job_id, "its effect", delivery.tenant.clone()));
        }
    }
    foreign
        .into_iter()
        .map(|(job_id, what, tenant)| {
            let own = history
                .job(job_id)
                .map_or_else(String::new, |job| history.tenant(job.tenant_id));
            let evidence = format!("it is of tenant {own}, but {what} is of {tenant}");
            Violation::of_job(Invariant::I11, job_id, evidence)
        })
        .collect()
}
