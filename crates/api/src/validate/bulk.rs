//! Which jobs a client means, and what is to be done with them.

use domain::{JobState, Kind, QueueName, Tag};
use store::BulkFilter;

use super::findings::Findings;
use crate::json::Object;
use crate::problem::Problem;
use crate::values;
use crate::wire::{BulkAction, BulkFilterBody, BulkJobs};

/// The most jobs in one request: what one transaction changes.
const MAX_JOBS: u64 = 1_000;

/// A valid command about many jobs.
#[derive(Debug)]
pub(crate) struct Bulk {
    pub(crate) action: BulkAction,
    pub(crate) filter: BulkFilter,
    pub(crate) limit: u64,
    pub(crate) dry_run: bool,
}

impl TryFrom<BulkJobs> for Bulk {
    type Error = Problem;

    fn try_from(body: BulkJobs) -> Result<Self, Problem> {
        let mut found = Findings::default();
        found.bounds("", &body);
        let Object(filter) = body.filter;
        let filter = read_filter(filter, body.action, &mut found);
        found.finish(Some(Self {
            action: body.action,
            filter,
            limit: body.limit.unwrap_or(MAX_JOBS),
            dry_run: body.dry_run,
        }))
    }
}

fn read_filter(body: BulkFilterBody, action: BulkAction, found: &mut Findings) -> BulkFilter {
    check_meant(&body, found);
    if body.finished_before.is_some() && action == BulkAction::Cancel {
        found.add(
            "filter/finished_before",
            "conflict",
            "must not be sent with cancel: what has ended can't be cancelled",
        );
    }
    let state = body
        .state
        .and_then(|text| found.read("filter/state", &text, values::state));
    let state = state.filter(|state| check_state(*state, action, found));
    let mut field = |name: &str, text: Option<String>, rule: fn(&str) -> Result<String, String>| {
        found.read(&format!("filter/{name}"), &text?, rule)
    };
    let kind = field("kind", body.kind, values::name::<Kind>);
    let queue = field("queue", body.queue, values::name::<QueueName>);
    let tag = field("tag", body.tag, values::name::<Tag>);
    let mut time =
        |name: &str, text: Option<String>| found.read(&format!("filter/{name}"), &text?, values::time);
    BulkFilter {
        state,
        kind,
        queue,
        tag,
        created_after: time("created_after", body.created_after),
        created_before: time("created_before", body.created_before),
        finished_before: time("finished_before", body.finished_before),
    }
}

/// All jobs must be asked for: nobody cancels or retries them by forgetting a field.
fn check_meant(body: &BulkFilterBody, found: &mut Findings) {
    let narrows = [
        &body.state,
        &body.kind,
        &body.queue,
        &body.tag,
        &body.created_after,
        &body.created_before,
        &body.finished_before,
    ];
    let narrowed = narrows.iter().any(|field| field.is_some());
    match (body.all == Some(true), narrowed) {
        (true, false) | (false, true) => {}
        (false, false) => found.add(
            "filter",
            "empty_filter",
            "must say which jobs are meant; send {\"all\": true} for all of them",
        ),
        (true, true) => found.add("filter/all", "conflict", "must be sent alone"),
    }
}

/// A state in which nothing could be done is a mistake: whoever sends it expects something to happen.
fn check_state(state: JobState, action: BulkAction, found: &mut Findings) -> bool {
    let (possible, verb) = match action {
        BulkAction::Cancel => (
            &[JobState::Scheduled, JobState::Queued, JobState::Running][..],
            "cancelled",
        ),
        BulkAction::Retry => (
            &[JobState::Failed, JobState::Cancelled, JobState::Expired][..],
            "retried",
        ),
    };
    if possible.contains(&state) {
        return true;
    }
    let names: Vec<&str> = possible.iter().map(|state| state.as_str()).collect();
    let message = format!(
        "must be one of {}: only such jobs can be {verb}",
        names.join(", ")
    );
    found.add("filter/state", "conflict", message);
    false
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn bulk(action: &str, filter: &Value) -> Result<Bulk, String> {
        let body: BulkJobs = serde_json::from_value(json!({ "action": action, "filter": filter })).unwrap();
        Bulk::try_from(body).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn all_must_be_asked_for() {
        for empty in [json!({}), json!({ "kind": null }), json!({ "all": null })] {
            let told = bulk("cancel", &empty).unwrap_err();
            assert!(
                told.contains("Pointer(\"/filter\"), code: \"empty_filter\""),
                "{told}"
            );
        }
        for odd in [
            json!({ "all": true, "kind": "k" }),
            json!({ "all": true, "tag": "t" }),
        ] {
            let told = bulk("retry", &odd).unwrap_err();
            assert!(told.contains("Pointer(\"/filter/all\")"), "{told}");
        }
        let all = bulk("cancel", &json!({ "all": true })).unwrap();
        assert_eq!((all.limit, all.dry_run), (1_000, false));
        assert!(all.filter.state.is_none() && all.filter.kind.is_none());
    }

    #[test]
    fn a_state_is_one_that_the_action_can_be_done_in() {
        for state in JobState::ALL {
            let name = state.as_str();
            let possible = |action| bulk(action, &json!({ "state": name })).is_ok();
            assert_eq!(possible("cancel"), !state.is_terminal(), "{state}");
            let retryable = state.next(domain::Event::Redriven).is_ok();
            assert_eq!(possible("retry"), retryable, "{state}");
        }
    }

    #[test]
    fn only_what_is_retried_has_ended() {
        let filter = &json!({ "finished_before": "2026-01-01T00:00:00Z" });
        assert!(bulk("retry", filter).is_ok());
        let told = bulk("cancel", filter).unwrap_err();
        assert!(told.contains("Pointer(\"/filter/finished_before\")"), "{told}");
    }
}
