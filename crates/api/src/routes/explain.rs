//! Why a job is not running.

use axum::Json;
use axum::extract::State;
use domain::explain::explain;
use serde::Deserialize;
use url::Url;

use super::JobPath;
use crate::app::AppState;
use crate::auth::Reader;
use crate::openapi::{CommonProblems, JobProblems};
use crate::problem::Problem;
use crate::wire::ExplanationBody;

/// The kind whose jobs have a target.
const HTTP_REQUEST: &str = "http.request";

/// Explain why a job is not running
///
/// Of all that might keep it, the one thing that does at this moment, and when it is expected to start, where that can be
/// told. When that is removed, the job starts, or the next reason shows.
#[utoipa::path(
    get, path = "/api/jobs/{id}/explain", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job.")),
    responses(
        (status = 200, description = "The reason.", body = ExplanationBody),
        JobProblems, CommonProblems,
    ),
)]
pub(crate) async fn explain_job(
    State(app): State<AppState>,
    Reader(caller): Reader,
    JobPath(id): JobPath,
) -> Result<Json<ExplanationBody>, Problem> {
    let situation = app
        .store
        .situation(caller.tenant_id, id, app.announcing, target_of)
        .await?
        .ok_or_else(|| Problem::no_such_job(id))?;
    let explanation = explain(&situation.standing, situation.as_of);
    Ok(Json(ExplanationBody::new(id, explanation, situation.as_of)))
}

/// What a job's requests go to, as its breaker is called.
fn target_of(kind: &str, payload: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Target {
        url: Option<Url>,
        endpoint: Option<String>,
    }
    if kind != HTTP_REQUEST {
        return None;
    }
    match serde_json::from_str(payload).ok()? {
        Target {
            endpoint: Some(name), ..
        } => Some(format!("endpoint:{name}")),
        Target { url: Some(url), .. } => Some(url.origin().ascii_serialization()),
        Target {
            url: None,
            endpoint: None,
        } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_endpoint_or_an_origin() {
        for (kind, payload, target) in [
            (
                HTTP_REQUEST,
                r#"{"endpoint":"billing"}"#,
                Some("endpoint:billing"),
            ),
            (
                HTTP_REQUEST,
                r#"{"url":"https://Example.com:443/a?b","method":"PUT"}"#,
                Some("https://example.com"),
            ),
            (HTTP_REQUEST, r#"{"url":"nowhere"}"#, None),
            (HTTP_REQUEST, "{}", None),
            (HTTP_REQUEST, "null", None),
            ("test.echo", r#"{"endpoint":"billing"}"#, None),
        ] {
            assert_eq!(target_of(kind, payload).as_deref(), target, "{payload}");
        }
    }
}
