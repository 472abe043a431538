//! When a schedule will fire, or would.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::schedule::Timing;
use utoipa::IntoParams;

use super::no_such_schedule;
use crate::app::AppState;
use crate::auth::Reader;
use crate::body::JsonBody;
use crate::openapi::{BodyProblems, CommonProblems, NameProblems};
use crate::problem::{Problem, ProblemBody, ProblemType};
use crate::query::Query;
use crate::routes::SchedulePath;
use crate::validate::{DEFAULT_PREVIEW, Preview};
use crate::values;
use crate::wire::{FireTimeBody, PreviewBody, PreviewSchedule};

const MAX_PREVIEW: i64 = 100;

/// The parameters of `preview_schedule`, as the documentation shows them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is taken from the query")]
pub(crate) struct PreviewParameters {
    /// How many fire times to show; 10 by default.
    #[param(minimum = 1, maximum = 100)]
    count: Option<i64>,
    /// Show those after this; now by default.
    after: Option<DateTime<Utc>>,
}

/// Preview a schedule
///
/// Its fire times, as if it were not paused.
#[utoipa::path(
    get, path = "/api/schedules/{name}/preview", tag = "schedules",
    params(("name" = String, Path, min_length = 1, max_length = 100, pattern = "^[a-z][a-z0-9._-]*$", description = "The schedule."), PreviewParameters),
    responses(
        (status = 200, description = "The next fire times.", body = PreviewBody),
        (status = 409, description = "The stored schedule can't be read.", body = ProblemBody,
            content_type = "application/problem+json"),
        NameProblems, CommonProblems,
    ),
)]
pub(crate) async fn preview_schedule(
    State(app): State<AppState>,
    Reader(caller): Reader,
    SchedulePath(name): SchedulePath,
    mut query: Query,
) -> Result<Json<PreviewBody>, Problem> {
    let count = query.take("count", |text| values::limit(text, MAX_PREVIEW));
    let after = query.take("after", values::time);
    query.finish()?;
    let schedule = app.store.schedule(caller.tenant_id, &name).await?;
    let schedule = schedule.ok_or_else(|| no_such_schedule(&name))?;
    let unreadable = |error: &dyn std::fmt::Display| {
        let detail = format!("What is stored can't be read by this version: {error}.");
        Problem::new(ProblemType::ScheduleUnreadable, detail)
    };
    let preview = Preview {
        timing: Timing {
            cron: schedule.cron.parse().map_err(|error| unreadable(&error))?,
            zone: schedule.time_zone.parse().map_err(|error| unreadable(&error))?,
        },
        count: count
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(DEFAULT_PREVIEW),
        after,
    };
    Ok(Json(shown(&app, &preview)))
}

/// Preview an expression
///
/// When a schedule would fire that had it.
#[utoipa::path(
    post, path = "/api/schedules/preview", tag = "schedules",
    request_body = PreviewSchedule,
    responses(
        (status = 200, description = "The next fire times.", body = PreviewBody),
        BodyProblems, CommonProblems,
    ),
)]
pub(crate) async fn preview_expression(
    State(app): State<AppState>,
    Reader(_): Reader,
    body: JsonBody<PreviewSchedule>,
) -> Result<Json<PreviewBody>, Problem> {
    Ok(Json(shown(&app, &Preview::try_from(body.value)?)))
}

fn shown(app: &AppState, preview: &Preview) -> PreviewBody {
    let timing = &preview.timing;
    let fires = timing.fires_after(preview.after.unwrap_or_else(app.now));
    let fires = fires.take(preview.count).map(|at| FireTimeBody {
        at,
        local: timing.local_text(at),
    });
    PreviewBody {
        cron: timing.cron.to_string(),
        time_zone: timing.zone.to_string(),
        fires: fires.collect(),
    }
}
