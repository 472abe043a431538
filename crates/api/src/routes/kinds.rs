//! The kinds that jobs can have.

use axum::Json;
use axum::extract::State;

use crate::app::AppState;
use crate::auth::Reader;
use crate::openapi::CommonProblems;
use crate::wire::{KindBody, KindList};

/// List kinds
///
/// Those that workers have declared, with what their payloads look like. A job of another kind is accepted too, and
/// waits for a worker that has it. The list is a few seconds old at most.
#[utoipa::path(
    get, path = "/api/kinds", tag = "jobs",
    responses(
        (status = 200, description = "The kinds, by name.", body = KindList),
        CommonProblems,
    ),
)]
pub(crate) async fn list_kinds(State(app): State<AppState>, Reader(_): Reader) -> Json<KindList> {
    let book = app.kinds.book().await;
    let kinds = book.all().into_iter().map(KindBody::from).collect();
    Json(KindList { kinds })
}
