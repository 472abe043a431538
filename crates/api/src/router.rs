//! Every route.

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::auth::authenticate;
use crate::middleware::limit_in_flight;
use crate::openapi::{self, Frame};
use crate::routes::{
    audit, bulk, control, dead_letters, docs, endpoint_secrets, endpoints, history, jobs, keys, kinds, ops,
    queues, schedules, submit, tenants, users,
};

/// The routes, each behind what it needs.
pub(crate) fn routes(state: &AppState) -> Router {
    let tenants = OpenApiRouter::new()
        .routes(routes!(submit::submit_job, jobs::list_jobs))
        .routes(routes!(submit::submit_batch))
        .routes(routes!(bulk::change_jobs))
        .routes(routes!(jobs::get_job))
        .routes(routes!(kinds::list_kinds))
        .routes(routes!(history::list_attempts))
        .routes(routes!(history::list_events))
        .routes(routes!(control::cancel_job))
        .routes(routes!(control::retry_job))
        .routes(routes!(dead_letters::list_dead_letters))
        .routes(routes!(dead_letters::group_dead_letters))
        .routes(routes!(dead_letters::retry_dead_letters))
        .routes(routes!(dead_letters::discard_dead_letters))
        .routes(routes!(schedules::list_schedules))
        .routes(routes!(schedules::preview_expression))
        .routes(routes!(
            schedules::get_schedule,
            schedules::put_schedule,
            schedules::delete_schedule
        ))
        .routes(routes!(schedules::pause_schedule))
        .routes(routes!(schedules::resume_schedule))
        .routes(routes!(schedules::fire_schedule))
        .routes(routes!(schedules::preview_schedule))
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(users::get_user))
        .routes(routes!(keys::list_keys, keys::create_key))
        .routes(routes!(keys::get_key))
        .routes(routes!(keys::rotate_key))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(tenants::list_tenants, tenants::create_tenant))
        .routes(routes!(tenants::get_tenant, tenants::update_tenant))
        .routes(routes!(audit::list_audit))
        .routes(routes!(endpoints::list_endpoints))
        .routes(routes!(
            endpoints::get_endpoint,
            endpoints::put_endpoint,
            endpoints::delete_endpoint
        ))
        .routes(routes!(endpoint_secrets::list_endpoint_secrets))
        .routes(routes!(endpoint_secrets::rotate_endpoint_secret))
        .routes(routes!(queues::list_queues))
        .routes(routes!(queues::get_queue))
        .routes(routes!(queues::pause_queue))
        .routes(routes!(queues::resume_queue))
        .route_layer(from_fn_with_state(state.clone(), authenticate));

    let limited = OpenApiRouter::new()
        .merge(tenants)
        .routes(routes!(docs::get_problem))
        .route_layer(from_fn_with_state(state.clone(), limit_in_flight));

    // Answered also when there is too much to do: a busy process must not be taken for a dead one.
    let (router, mut openapi) = OpenApiRouter::with_openapi(Frame::openapi())
        .merge(limited)
        .routes(routes!(ops::health))
        .routes(routes!(ops::ready))
        .routes(routes!(ops::metrics))
        .split_for_parts();
    openapi::finish(&mut openapi);
    router.merge(docs::pages(openapi)).with_state(state.clone())
}
