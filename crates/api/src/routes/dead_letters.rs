//! Failed jobs that wait for a decision.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::{Kind, QueueName, Tag};
use http::header::LINK;
use store::DeadLetterFilter;
use utoipa::IntoParams;

use super::control::ring;
use super::page::{self, Page};
use crate::app::AppState;
use crate::auth::{Reader, Writer};
use crate::body::JsonBody;
use crate::openapi::{BodyProblems, CommonProblems, ListProblems};
use crate::problem::Problem;
use crate::query::Query;
use crate::validate::{Discard, Retry, Tally};
use crate::values;
use crate::wire::{
    self, DeadLetterGroupList, DeadLetterList, DiscardDeadLetters, DiscardedBody, RetriedBody,
    RetryDeadLetters, text,
};

/// The filters, as the documentation shows them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is taken from the query")]
pub(crate) struct DeadLetterFilters {
    /// Of this kind.
    kind: Option<text::KindName>,
    /// In this lane.
    queue: Option<text::QueueName>,
    /// With this label.
    tag: Option<text::Tag>,
    /// With a failure of this class.
    error_code: Option<wire::FailureCode>,
    /// With this cause.
    fingerprint: Option<text::Fingerprint>,
    /// Failed at or after this.
    failed_after: Option<DateTime<Utc>>,
    /// Failed before this.
    failed_before: Option<DateTime<Utc>>,
    /// The most entries of the answer; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// List dead letters
///
/// A job that failed for good is a dead letter until somebody retries or discards it. The job that was submitted
/// last comes first. `next_cursor`, or the `Link` header, leads to the next page.
#[utoipa::path(
    get, path = "/api/dead-letters", tag = "dead letters",
    params(
        DeadLetterFilters,
        ("cursor" = Option<String>, Query,
            description = "`next_cursor` of the page before, which must have had the same filters."),
    ),
    responses(
        (status = 200, description = "A page of dead letters.", body = DeadLetterList,
            headers(("Link" = String, description = "The next page, with `rel=\"next\"`."))),
        ListProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_dead_letters(
    State(app): State<AppState>,
    Reader(caller): Reader,
    mut query: Query,
) -> Result<Response, Problem> {
    let filter = filter(&mut query);
    let page = Page::read(&mut query, "/api/dead-letters", &pairs(&filter));
    query.finish()?;
    let mut letters = app
        .store
        .list_dead_letters(caller.tenant_id, &filter, page.before, page.read_limit())
        .await?;
    let next = page.cut(&mut letters, |letter| letter.job_id);
    let link = next.as_ref().map(|next| [(LINK, next.link.clone())]);
    let body = DeadLetterList {
        dead_letters: letters.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|next| next.cursor),
    };
    Ok((link, Json(body)).into_response())
}

/// Group dead letters by cause
///
/// Failures of one kind with the same fingerprint are one group: their messages differ in numbers, ids and the
/// like only. The largest group comes first.
#[utoipa::path(
    get, path = "/api/dead-letters/groups", tag = "dead letters",
    params(DeadLetterFilters),
    responses(
        (status = 200, description = "The largest groups.", body = DeadLetterGroupList),
        ListProblems, CommonProblems,
    ),
)]
pub(crate) async fn group_dead_letters(
    State(app): State<AppState>,
    Reader(caller): Reader,
    mut query: Query,
) -> Result<Json<DeadLetterGroupList>, Problem> {
    let filter = filter(&mut query);
    let limit = page::limit(&mut query);
    query.finish()?;
    let groups = app
        .store
        .group_dead_letters(caller.tenant_id, &filter, limit)
        .await?;
    Ok(Json(DeadLetterGroupList {
        groups: groups.into_iter().map(Into::into).collect(),
    }))
}

/// Retry dead letters
///
/// The jobs that the filter means are queued again, each with all its attempts, up to 1,000 at a time: repeat the
/// request while `remaining` is not 0. With `rate_per_second` they become due one after the other, so that what
/// failed under load is not overrun at once. A dry run changes nothing and tells how many are meant.
#[utoipa::path(
    post, path = "/api/dead-letters/retry", tag = "dead letters",
    request_body = RetryDeadLetters,
    responses(
        (status = 200, description = "What was done.", body = RetriedBody),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn retry_dead_letters(
    State(app): State<AppState>,
    Writer(caller): Writer,
    body: JsonBody<RetryDeadLetters>,
) -> Result<Json<RetriedBody>, Problem> {
    let Retry { selection, spacing } = body.value.try_into()?;
    let (matched, as_of) = app
        .store
        .count_dead_letters(caller.tenant_id, &selection.filter)
        .await?;
    let retried = if selection.changes_any(matched) {
        let (filter, limit) = (&selection.filter, selection.limit.cast_signed());
        let redriven = app
            .store
            .redrive_dead_letters(&caller.actor(), filter, limit, spacing.unwrap_or_default())
            .await?;
        redriven.queues.iter().for_each(|queue| ring(&app, queue));
        redriven.jobs
    } else {
        0
    };
    let spread = if selection.dry_run {
        matched.min(selection.limit)
    } else {
        retried
    };
    let tally = Tally::of(matched, retried);
    Ok(Json(RetriedBody {
        matched: tally.matched,
        retried: tally.changed,
        remaining: tally.remaining,
        dry_run: selection.dry_run,
        as_of,
        spread_over_secs: spacing.map(|spacing| spacing.as_secs_f64() * spread as f64),
    }))
}

/// Discard dead letters
///
/// Decides that the jobs that the filter means need no retry, up to 1,000 at a time: repeat the request while
/// `remaining` is not 0. They stay failed, can still be retried one by one, and are deleted after their retention.
/// A dry run changes nothing and tells how many are meant.
#[utoipa::path(
    post, path = "/api/dead-letters/discard", tag = "dead letters",
    request_body = DiscardDeadLetters,
    responses(
        (status = 200, description = "What was done.", body = DiscardedBody),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn discard_dead_letters(
    State(app): State<AppState>,
    Writer(caller): Writer,
    body: JsonBody<DiscardDeadLetters>,
) -> Result<Json<DiscardedBody>, Problem> {
    let Discard(selection) = body.value.try_into()?;
    let (matched, as_of) = app
        .store
        .count_dead_letters(caller.tenant_id, &selection.filter)
        .await?;
    let discarded = if selection.changes_any(matched) {
        app.store
            .discard_dead_letters(&caller.actor(), &selection.filter, selection.limit.cast_signed())
            .await?
    } else {
        0
    };
    let tally = Tally::of(matched, discarded);
    Ok(Json(DiscardedBody {
        matched: tally.matched,
        discarded: tally.changed,
        remaining: tally.remaining,
        dry_run: selection.dry_run,
        as_of,
    }))
}

fn filter(query: &mut Query) -> DeadLetterFilter {
    DeadLetterFilter {
        job_ids: None,
        kind: query.take("kind", values::name::<Kind>),
        queue: query.take("queue", values::name::<QueueName>),
        tag: query.take("tag", values::name::<Tag>),
        error_code: query.take("error_code", values::error_code),
        fingerprint: query.take("fingerprint", values::fingerprint),
        failed_after: query.take("failed_after", values::time),
        failed_before: query.take("failed_before", values::time),
    }
}

fn pairs(filter: &DeadLetterFilter) -> [(&'static str, Option<String>); 7] {
    [
        ("kind", filter.kind.clone()),
        ("queue", filter.queue.clone()),
        ("tag", filter.tag.clone()),
        ("error_code", filter.error_code.clone()),
        ("fingerprint", filter.fingerprint.clone()),
        ("failed_after", filter.failed_after.map(values::time_text)),
        ("failed_before", filter.failed_before.map(values::time_text)),
    ]
}
