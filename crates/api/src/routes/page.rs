//! A page of jobs: the filters, and where it begins and ends.

use std::str::FromStr;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use domain::{JobState, Kind, QueueName, Tag};
use http::HeaderValue;
use store::{Job, JobFilter};
use url::form_urlencoded::Serializer;
use utoipa::IntoParams;

use crate::cursor;
use crate::problem::Problem;
use crate::query::Query;
use crate::wire::State;

const DEFAULT_LIMIT: i64 = 20;
const MAX_LIMIT: i64 = 100;

/// The parameters of `list_jobs`, as the documentation shows them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what Page reads")]
pub(crate) struct ListJobs {
    /// In this state.
    state: Option<State>,
    /// Of this kind.
    kind: Option<String>,
    /// In this lane.
    queue: Option<String>,
    /// With this label.
    tag: Option<String>,
    /// Accepted at or after this.
    created_after: Option<DateTime<Utc>>,
    /// Accepted before this.
    created_before: Option<DateTime<Utc>>,
    /// The most jobs on the page; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before, which must have had the same filters.
    cursor: Option<String>,
}

/// Which jobs to list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) filter: JobFilter,
    pub(super) limit: i64,
    /// The filters as a query string, always in the same order.
    filters: String,
}

/// How to get the next page.
pub(super) struct Next {
    pub(super) cursor: String,
    pub(super) link: HeaderValue,
}

impl Page {
    pub(super) fn read(mut query: Query) -> Result<Self, Problem> {
        let mut filter = JobFilter {
            state: query.take("state", state),
            kind: query.take("kind", name::<Kind>),
            queue: query.take("queue", name::<QueueName>),
            tag: query.take("tag", name::<Tag>),
            created_after: query.take("created_after", time),
            created_before: query.take("created_before", time),
            before: None,
        };
        let limit = query.take("limit", limit).unwrap_or(DEFAULT_LIMIT);
        let filters = filters(&filter);
        filter.before = query.take("cursor", |text| {
            cursor::read(text, &filters).ok_or("is damaged, or was given for other filters")
        });
        query.finish()?;
        Ok(Self {
            filter,
            limit,
            filters,
        })
    }

    /// Cuts off what belongs to the next page, and tells how to get that.
    pub(super) fn cut(&self, jobs: &mut Vec<Job>) -> Option<Next> {
        let len = usize::try_from(self.limit).unwrap_or_default();
        if jobs.len() <= len {
            return None;
        }
        jobs.truncate(len);
        let cursor = cursor::write(jobs.last()?.id, &self.filters);
        let mut query = Serializer::new(self.filters.clone());
        query
            .append_pair("limit", &self.limit.to_string())
            .append_pair("cursor", &cursor);
        let link = format!("</api/jobs?{}>; rel=\"next\"", query.finish());
        Some(Next {
            cursor,
            link: HeaderValue::try_from(link).expect("a query string is visible ASCII"),
        })
    }
}

fn filters(filter: &JobFilter) -> String {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let pairs = [
        ("state", filter.state.map(|state| state.to_string())),
        ("kind", filter.kind.clone()),
        ("queue", filter.queue.clone()),
        ("tag", filter.tag.clone()),
        ("created_after", filter.created_after.map(time)),
        ("created_before", filter.created_before.map(time)),
    ];
    let mut query = Serializer::new(String::new());
    query.extend_pairs(
        pairs
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?))),
    );
    query.finish()
}

fn state(text: &str) -> Result<JobState, String> {
    text.parse().map_err(|_| {
        format!(
            "must be one of {}",
            JobState::ALL.map(JobState::as_str).join(", ")
        )
    })
}

/// Checked as at the submit: what could not be submitted can't be found either.
fn name<T: FromStr<Err: ToString> + Into<String>>(text: &str) -> Result<String, String> {
    text.parse::<T>()
        .map(Into::into)
        .map_err(|error| error.to_string())
}

fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    // The years that a version 7 id can tell.
    time.ok()
        .filter(|time| (1970..=9999).contains(&time.year()))
        .ok_or("must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z, of 1970 or later")
}

fn limit(text: &str) -> Result<i64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=MAX_LIMIT).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {MAX_LIMIT}"))
}
