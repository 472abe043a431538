//! The api as it describes itself.

use axum::extract::Path;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::AppState;
use crate::openapi::UnknownProblem;
use crate::problem::{Problem, ProblemType};

/// A type of problem.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemDescription {
    #[serde(rename = "type")]
    uri: String,
    title: &'static str,
    /// The status of answers with this problem.
    status: u16,
    /// Whether the same request may succeed a little later.
    transient: bool,
}

/// Describe a type of problem
///
/// Where the `type` of each problem leads.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "documentation", security(()),
    params(("code" = String, Path, example = "not_found", description = "The `code` of a problem.")),
    responses((status = 200, description = "The type of problem.", body = ProblemDescription), UnknownProblem),
)]
pub(crate) async fn get_problem(Path(code): Path<String>) -> Result<Json<ProblemDescription>, Problem> {
    let kind = ProblemType::by_code(&code);
    let kind =
        kind.ok_or_else(|| Problem::new(ProblemType::NotFound, "There is no such type of problem."))?;
    Ok(Json(ProblemDescription {
        uri: kind.uri(),
        title: kind.title(),
        status: kind.status().as_u16(),
        transient: kind.is_transient(),
    }))
}

/// `/openapi.json`, and a page at `/docs` to read it and to try it out. All of the page is served from here;
/// the online validator that it would ask by itself is switched off.
pub(crate) fn pages(openapi: OpenApi) -> Router<AppState> {
    let config = Config::default()
        .validator_url("none")
        .deep_linking(true)
        .persist_authorization(false);
    SwaggerUi::new("/docs")
        .url("/openapi.json", openapi)
        .config(config)
        .into()
}
