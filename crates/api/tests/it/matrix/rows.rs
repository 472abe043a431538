//! What each operation needs, and what it answers to whom.

use domain::Scope;
use http::Method;
use serde_json::{Value, json};

use super::things::Things;

/// An operation as somebody asks it.
pub(super) struct Row {
    pub(super) scope: Scope,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// The status that the owner gets.
    pub(super) owner: u16,
    /// What another tenant gets with a key of the same scope.
    pub(super) other: Other,
}

/// What another tenant gets.
pub(super) enum Other {
    /// As if the thing did not exist.
    NotFound,
    /// A list that has nothing in this field.
    Empty(&'static str),
    /// Something of its own, and nothing with this text.
    Own(String),
    /// A refusal, because it does not operate the others.
    OperatorOnly,
}

impl Row {
    fn new(scope: Scope, method: Method, path: impl Into<String>, owner: u16, other: Other) -> Self {
        Self {
            scope,
            method,
            path: path.into(),
            body: None,
            owner,
            other,
        }
    }

    fn get(scope: Scope, path: impl Into<String>, other: Other) -> Self {
        Self::new(scope, Method::GET, path, 200, other)
    }

    fn post(scope: Scope, path: impl Into<String>, owner: u16, other: Other) -> Self {
        Self::new(scope, Method::POST, path, owner, other)
    }

    fn with(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
}

/// The row of an operation; `None` when it has none.
pub(super) fn row(operation: &str, things: &Things) -> Option<Row> {
    jobs(operation, things)
        .or_else(|| dead_letters(operation, things))
        .or_else(|| endpoints(operation, things))
        .or_else(|| schedules(operation, things))
        .or_else(|| queues(operation, things))
        .or_else(|| people(operation, things))
}

fn jobs(operation: &str, things: &Things) -> Option<Row> {
    use Scope::{JobsRead, JobsWrite};
    let Things {
        job,
        cancelled_job,
        unique,
        ..
    } = things;
    let own = || Other::Own(unique.clone());
    Some(match operation {
        "submit_job" => Row::post(JobsWrite, "/api/jobs", 202, own()).with(json!({ "kind": "k" })),
        "submit_batch" => {
            Row::post(JobsWrite, "/api/jobs/batch", 202, own()).with(json!({ "jobs": [{ "kind": "k" }] }))
        }
        "change_jobs" => Row::post(JobsWrite, "/api/jobs/bulk", 200, own())
            .with(json!({ "action": "retry", "filter": { "kind": "k" } })),
        "list_jobs" => Row::get(JobsRead, format!("/api/jobs?tag={unique}"), Other::Empty("jobs")),
        "get_job" => Row::get(JobsRead, format!("/api/jobs/{job}"), Other::NotFound),
        "list_kinds" => Row::get(JobsRead, "/api/kinds", own()),
        "list_attempts" => Row::get(JobsRead, format!("/api/jobs/{job}/attempts"), Other::NotFound),
        "list_events" => Row::get(JobsRead, format!("/api/jobs/{job}/events"), Other::NotFound),
        "cancel_job" => Row::post(JobsWrite, format!("/api/jobs/{job}/cancel"), 200, Other::NotFound),
        "retry_job" => {
            let path = format!("/api/jobs/{cancelled_job}/retry");
            Row::post(JobsWrite, path, 202, Other::NotFound)
        }
        _ => return None,
    })
}

fn dead_letters(operation: &str, things: &Things) -> Option<Row> {
    use Scope::{JobsRead, JobsWrite};
    let all = || json!({ "filter": { "queue": "default" } });
    let own = || Other::Own(things.unique.clone());
    Some(match operation {
        "list_dead_letters" => Row::get(JobsRead, "/api/dead-letters", Other::Empty("dead_letters")),
        "group_dead_letters" => Row::get(JobsRead, "/api/dead-letters/groups", Other::Empty("groups")),
        "retry_dead_letters" => Row::post(JobsWrite, "/api/dead-letters/retry", 200, own()).with(all()),
        "discard_dead_letters" => Row::post(JobsWrite, "/api/dead-letters/discard", 200, own()).with(all()),
        _ => return None,
    })
}

fn endpoints(operation: &str, things: &Things) -> Option<Row> {
    use Scope::{JobsRead, Ops};
    let endpoint = format!("/api/endpoints/{}", things.endpoint);
    let own = || Other::Own(things.job.clone());
    Some(match operation {
        "list_endpoints" => Row::get(JobsRead, "/api/endpoints", own()),
        "get_endpoint" => Row::get(JobsRead, endpoint, Other::NotFound),
        // Another tenant makes one of its own by this name.
        "put_endpoint" => {
            Row::new(Ops, Method::PUT, endpoint, 200, own()).with(json!({ "url": "https://example.com/" }))
        }
        "delete_endpoint" => Row::new(Ops, Method::DELETE, endpoint, 204, Other::NotFound),
        "list_endpoint_secrets" => Row::get(JobsRead, format!("{endpoint}/secrets"), Other::NotFound),
        "rotate_endpoint_secret" => {
            let path = format!("{endpoint}/rotate-secret");
            Row::post(Ops, path, 200, Other::NotFound).with(json!({}))
        }
        _ => return None,
    })
}

fn schedules(operation: &str, things: &Things) -> Option<Row> {
    use Scope::{JobsRead, JobsWrite};
    let Things { schedule, unique, .. } = things;
    let at = |verb: &str| format!("/api/schedules/{schedule}{verb}");
    let own = || Other::Own(unique.clone());
    Some(match operation {
        "list_schedules" => Row::get(JobsRead, "/api/schedules", own()),
        "get_schedule" => Row::get(JobsRead, at(""), Other::NotFound),
        // Under a name that the owner then still finds free.
        "put_schedule" => Row::new(
            JobsWrite,
            Method::PUT,
            at("-new"),
            201,
            Other::Own(things.job.clone()),
        )
        .with(json!({ "cron": "@daily", "job": { "kind": "k" } })),
        "delete_schedule" => Row::new(JobsWrite, Method::DELETE, at(""), 204, Other::NotFound),
        "pause_schedule" => Row::post(JobsWrite, at("/pause"), 200, Other::NotFound),
        "resume_schedule" => Row::post(JobsWrite, at("/resume"), 200, Other::NotFound),
        "fire_schedule" => Row::post(JobsWrite, at("/fire"), 202, Other::NotFound),
        "preview_schedule" => Row::get(JobsRead, at("/preview"), Other::NotFound),
        "preview_expression" => {
            Row::post(JobsRead, "/api/schedules/preview", 200, own()).with(json!({ "cron": "@daily" }))
        }
        _ => return None,
    })
}

fn queues(operation: &str, things: &Things) -> Option<Row> {
    use Scope::{JobsRead, Ops};
    let own = || Other::Own(things.unique.clone());
    let verb = |verb| Row::post(Ops, format!("/api/queues/default/{verb}"), 200, own()).with(json!({}));
    Some(match operation {
        "list_queues" => Row::get(JobsRead, "/api/queues", own()),
        "get_queue" => Row::get(JobsRead, "/api/queues/default", own()),
        "pause_queue" => verb("pause"),
        "resume_queue" => verb("resume"),
        _ => return None,
    })
}

fn people(operation: &str, things: &Things) -> Option<Row> {
    use Scope::Admin;
    let Things {
        tenant_id,
        user,
        key,
        unique,
        ..
    } = things;
    let own = || Other::Own(unique.clone());
    let tenant = format!("/api/tenants/{tenant_id}");
    Some(match operation {
        "list_users" => Row::get(Admin, "/api/users", Other::Empty("users")),
        // With an address that the owner then still finds free.
        "create_user" => Row::post(Admin, "/api/users", 201, Other::Own(things.job.clone()))
            .with(json!({ "name": "Ann", "email": format!("ann-{unique}@example.com") })),
        "get_user" => Row::get(Admin, format!("/api/users/{user}"), Other::NotFound),
        "list_keys" => Row::get(Admin, "/api/keys", own()),
        "create_key" => {
            Row::post(Admin, "/api/keys", 201, own()).with(json!({ "name": "n", "scopes": ["ops"] }))
        }
        "get_key" => Row::get(Admin, format!("/api/keys/{key}"), Other::NotFound),
        "rotate_key" => {
            Row::post(Admin, format!("/api/keys/{key}/rotate"), 201, Other::NotFound).with(json!({}))
        }
        "revoke_key" => Row::post(Admin, format!("/api/keys/{key}/revoke"), 200, Other::NotFound),
        "list_tenants" => Row::get(Admin, "/api/tenants", Other::Own(tenant_id.to_string())),
        "create_tenant" => {
            Row::post(Admin, "/api/tenants", 201, Other::OperatorOnly).with(json!({ "name": unique }))
        }
        "get_tenant" => Row::get(Admin, tenant, Other::NotFound),
        "update_tenant" => Row::new(Admin, Method::PATCH, tenant, 200, Other::OperatorOnly).with(json!({})),
        "list_audit" => Row::get(Admin, "/api/audit", own()),
        _ => return None,
    })
}
