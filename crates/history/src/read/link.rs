//! Which submit intended which job.

use std::collections::HashMap;

use crate::history::History;

/// Finds each job's submit: by the number in its payload, or else by the key that is bound to it.
pub(super) fn jobs_to_submits(history: &mut History) {
    let (mut by_n, mut by_key) = (HashMap::new(), HashMap::new());
    for (place, submit) in (0_u32..).zip(&history.submits) {
        by_n.entry(submit.n).or_insert(place);
        by_key
            .entry((submit.tenant.as_str(), submit.key.as_str()))
            .or_insert(place);
    }
    for job in history.jobs.iter_mut() {
        job.submit = job.n.and_then(|n| by_n.get(&n).copied());
    }
    for binding in &history.bindings {
        let tenant = history.tenants.get(&binding.tenant_id).map(String::as_str);
        let submit = tenant.and_then(|tenant| by_key.get(&(tenant, binding.key.as_str())));
        for job_id in &binding.job_ids {
            if let Some(job) = history.jobs.first_mut(*job_id).filter(|job| job.n.is_none()) {
                job.submit = submit.copied();
            }
        }
    }
}
