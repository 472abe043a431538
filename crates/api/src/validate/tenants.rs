//! What a tenant may be called, and how it may be limited.

use store::{TenantChange, TenantLimits};

use super::findings::Findings;
use super::names::name;
use crate::problem::Problem;
use crate::wire::{CreateTenant, UpdateTenant};

const MAX_RATE: u32 = 1_000_000;
const MAX_RUNNING: u32 = 1_000_000;
const MAX_QUEUED: u32 = 1_000_000_000;

/// A valid name with its limits.
pub(crate) fn new_tenant(body: &CreateTenant) -> Result<(String, TenantLimits), Problem> {
    let mut found = Findings::default();
    found.bounds("", body);
    let name = found.read("name", &body.name, name);
    let limits = TenantLimits {
        rate_limit_per_second: body.rate_limit_per_second,
        rate_limit_burst: body.rate_limit_burst,
        max_running_jobs: body.max_running_jobs,
        max_queued_jobs: body.max_queued_jobs,
    };
    found.finish(name.map(|name| (name, limits)))
}

/// A valid change.
pub(crate) fn tenant_change(body: &UpdateTenant) -> Result<TenantChange, Problem> {
    let mut found = Findings::default();
    let name = body
        .name
        .as_deref()
        .and_then(|text| found.read("name", text, name));
    for (field, limit, max) in [
        ("rate_limit_per_second", body.rate_limit_per_second, MAX_RATE),
        ("rate_limit_burst", body.rate_limit_burst, MAX_RATE),
        ("max_running_jobs", body.max_running_jobs, MAX_RUNNING),
        ("max_queued_jobs", body.max_queued_jobs, MAX_QUEUED),
    ] {
        if limit.flatten().is_some_and(|limit| !(1..=max).contains(&limit)) {
            found.add(field, "out_of_range", format!("must be from 1 to {max}"));
        }
    }
    found.finish(Some(TenantChange {
        name,
        rate_limit_per_second: body.rate_limit_per_second,
        rate_limit_burst: body.rate_limit_burst,
        max_running_jobs: body.max_running_jobs,
        max_queued_jobs: body.max_queued_jobs,
    }))
}
