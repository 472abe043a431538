//! Who did what.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::header::LINK;
use store::AuditFilter;
use utoipa::IntoParams;

use super::page::Page;
use crate::app::AppState;
use crate::auth::Admin;
use crate::openapi::{CommonProblems, ListProblems};
use crate::problem::Problem;
use crate::query::Query;
use crate::values;
use crate::wire::{self, AuditList};

/// Longer than any action or target is.
const MAX_CHARS: usize = 256;

/// The parameters, as the documentation shows them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is taken from the query")]
pub(crate) struct ListAudit {
    /// Of this action, such as `key.create`.
    #[param(inline)]
    action: Option<wire::text::AuditText>,
    /// About this: an id or a name.
    #[param(inline)]
    target: Option<wire::text::AuditText>,
    /// By this key.
    #[param(inline)]
    key_id: Option<wire::text::KeyName>,
    /// Done at or after this.
    after: Option<DateTime<Utc>>,
    /// Done before this.
    before: Option<DateTime<Utc>>,
    /// The most entries of the answer; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before, which must have had the same filters.
    cursor: Option<String>,
}

/// Read the audit log
///
/// Newest first. It tells every change that was made by a key of the tenant, but for submits, which the jobs themselves
/// tell. Nobody can change it: each entry's `hash` is SHA-256 over the hash of the entry before it and its own fields,
/// which `tandem audit verify` checks. The fields are `tenant_id`, `number`, `at`, `key_id`, `request_id`, `action`,
/// `target` and `details`, in this order, each as its length in bytes, a colon and its text, or `-` where it is `null`.
#[utoipa::path(
    get, path = "/api/audit", tag = "audit",
    params(ListAudit),
    responses(
        (status = 200, description = "A page of entries.", body = AuditList,
            headers(("Link" = String, description = "The next page, with `rel=\"next\"`."))),
        ListProblems, CommonProblems,
    ),
)]
pub(crate) async fn list_audit(
    State(app): State<AppState>,
    Admin(caller): Admin,
    mut query: Query,
) -> Result<Response, Problem> {
    let filter = AuditFilter {
        action: query.take("action", text),
        target: query.take("target", text),
        key_id: query.take("key_id", values::key_id).map(|id| id.to_string()),
        after: query.take("after", values::time),
        before: query.take("before", values::time),
    };
    let pairs = [
        ("action", filter.action.clone()),
        ("target", filter.target.clone()),
        ("key_id", filter.key_id.clone()),
        ("after", filter.after.map(values::time_text)),
        ("before", filter.before.map(values::time_text)),
    ];
    let page = Page::read(&mut query, "/api/audit", &pairs);
    query.finish()?;
    let mut entries = app
        .store
        .list_audit(caller.tenant_id, &filter, page.before, page.read_limit())
        .await?;
    let next = page.cut(&mut entries, |entry| entry.number);
    let link = next.as_ref().map(|next| [(LINK, next.link.clone())]);
    let body = AuditList {
        entries: entries.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|next| next.cursor),
    };
    Ok((link, Json(body)).into_response())
}

fn text(text: &str) -> Result<String, &'static str> {
    let fits = text.chars().count() <= MAX_CHARS && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or("must have at most 256 characters, none of them a control character")
}
