//! Which dead letters a client means, and what is to be done with them.

use std::time::Duration;

use domain::{JobId, Kind, QueueName, Tag};
use store::DeadLetterFilter;

use super::findings::Findings;
use super::many::{Filter, Selection};
use crate::json::Object;
use crate::problem::Problem;
use crate::values;
use crate::wire::{DiscardDeadLetters, FilterBody, RetryDeadLetters};

/// A valid retry.
#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) selection: Selection<DeadLetterFilter>,
    /// How long after each other the jobs become due.
    pub(crate) spacing: Option<Duration>,
}

/// A valid discard.
#[derive(Debug)]
pub(crate) struct Discard(pub(crate) Selection<DeadLetterFilter>);

impl TryFrom<RetryDeadLetters> for Retry {
    type Error = Problem;

    fn try_from(body: RetryDeadLetters) -> Result<Self, Problem> {
        let mut found = Findings::default();
        found.bounds("", &body);
        let Object(filter) = body.filter;
        Ok(Self {
            selection: Selection::new(read_filter(filter, &mut found), body.limit, body.dry_run, found)?,
            spacing: body
                .rate_per_second
                .map(|rate| Duration::from_secs_f64(1.0 / rate)),
        })
    }
}

impl TryFrom<DiscardDeadLetters> for Discard {
    type Error = Problem;

    fn try_from(body: DiscardDeadLetters) -> Result<Self, Problem> {
        let mut found = Findings::default();
        found.bounds("", &body);
        let Object(filter) = body.filter;
        let filter = read_filter(filter, &mut found);
        Ok(Self(Selection::new(filter, body.limit, body.dry_run, found)?))
    }
}

fn read_filter(body: FilterBody, found: &mut Findings) -> DeadLetterFilter {
    found.bounds("filter/", &body);
    let narrowed = narrows(&body);
    let job_ids = body.job_ids.map(|ids| job_ids(&ids, found));
    let things = "dead letters";
    let mut fields = Filter { found, things };
    fields.says_what_is_meant(body.all, narrowed);
    DeadLetterFilter {
        job_ids,
        kind: fields.read("kind", body.kind, values::name::<Kind>),
        queue: fields.read("queue", body.queue, values::name::<QueueName>),
        tag: fields.read("tag", body.tag, values::name::<Tag>),
        error_code: fields.read("error_code", body.error_code, values::error_code),
        fingerprint: fields.read("fingerprint", body.fingerprint, values::fingerprint),
        failed_after: fields.read("failed_after", body.failed_after, values::time),
        failed_before: fields.read("failed_before", body.failed_before, values::time),
    }
}

/// Whether anything but `all` is said.
fn narrows(body: &FilterBody) -> bool {
    let narrows = [
        &body.kind,
        &body.queue,
        &body.tag,
        &body.error_code,
        &body.fingerprint,
        &body.failed_after,
        &body.failed_before,
    ];
    body.job_ids.is_some() || narrows.iter().any(|field| field.is_some())
}

fn job_ids(texts: &[String], found: &mut Findings) -> Vec<JobId> {
    let read = |(index, text): (usize, &String)| {
        found.read(&format!("filter/job_ids/{index}"), text, values::job_id)
    };
    texts.iter().enumerate().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn retry(body: Value) -> Result<Retry, String> {
        let body: RetryDeadLetters = serde_json::from_value(body).unwrap();
        Retry::try_from(body).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn all_must_be_asked_for() {
        for empty in [json!({}), json!({ "kind": null }), json!({ "all": null })] {
            let told = retry(json!({ "filter": empty })).unwrap_err();
            assert!(
                told.contains("Pointer(\"/filter\"), code: \"empty_filter\""),
                "{told}"
            );
        }
        for odd in [
            json!({ "all": true, "tag": "t" }),
            json!({ "all": true, "job_ids": [] }),
        ] {
            let told = retry(json!({ "filter": odd })).unwrap_err();
            assert!(told.contains("Pointer(\"/filter/all\")"), "{told}");
        }
        assert!(retry(json!({ "filter": { "all": false, "kind": "k" } })).is_ok());
        let all = retry(json!({ "filter": { "all": true } })).unwrap().selection;
        assert_eq!((all.limit, all.dry_run), (1_000, false));
        assert!(all.filter.job_ids.is_none() && all.filter.kind.is_none());
    }

    #[test]
    fn the_slowest_rate_is_a_spacing_too() {
        let spacing = |rate: f64| {
            retry(json!({ "filter": { "all": true }, "rate_per_second": rate })).map(|retry| retry.spacing)
        };
        assert_eq!(spacing(0.001), Ok(Some(Duration::from_secs(1_000))));
        assert_eq!(spacing(1_000.0), Ok(Some(Duration::from_millis(1))));
        for wrong in [0.0, -1.0, 1e-300, 1_000.1, f64::MAX] {
            let told = spacing(wrong).unwrap_err();
            assert!(told.contains("Pointer(\"/rate_per_second\")"), "{wrong}: {told}");
        }
    }
}
