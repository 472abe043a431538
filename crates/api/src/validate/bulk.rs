//! Which jobs a client means, and what is to be done with them.

use domain::{JobState, Kind, QueueName, Tag};
use store::BulkFilter;

use super::findings::Findings;
use super::many::{Filter, Selection};
use crate::json::Object;
use crate::problem::Problem;
use crate::values;
use crate::wire::{BulkAction, BulkFilterBody, BulkJobs};

/// A valid command about many jobs.
#[derive(Debug)]
pub(crate) struct Bulk {
    pub(crate) action: BulkAction,
    pub(crate) selection: Selection<BulkFilter>,
}

impl TryFrom<BulkJobs> for Bulk {
    type Error = Problem;

    fn try_from(body: BulkJobs) -> Result<Self, Problem> {
        let mut found = Findings::default();
        found.bounds("", &body);
        let Object(filter) = body.filter;
        let filter = read_filter(filter, body.action, &mut found);
        Ok(Self {
            action: body.action,
            selection: Selection::new(filter, body.limit, body.dry_run, found)?,
        })
    }
}

fn read_filter(body: BulkFilterBody, action: BulkAction, found: &mut Findings) -> BulkFilter {
    let narrowed = narrows(&body);
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
    let things = "jobs";
    let mut filter = Filter { found, things };
    filter.says_what_is_meant(body.all, narrowed);
    BulkFilter {
        state,
        kind: filter.read("kind", body.kind, values::name::<Kind>),
        queue: filter.read("queue", body.queue, values::name::<QueueName>),
        tag: filter.read("tag", body.tag, values::name::<Tag>),
        created_after: filter.read("created_after", body.created_after, values::time),
        created_before: filter.read("created_before", body.created_before, values::time),
        finished_before: filter.read("finished_before", body.finished_before, values::time),
    }
}

/// Whether anything but `all` is said.
fn narrows(body: &BulkFilterBody) -> bool {
    let narrows = [
        &body.state,
        &body.kind,
        &body.queue,
        &body.tag,
        &body.created_after,
        &body.created_before,
        &body.finished_before,
    ];
    narrows.iter().any(|field| field.is_some())
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
        let all = bulk("cancel", &json!({ "all": true })).unwrap().selection;
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
