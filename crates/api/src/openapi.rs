//! The description of the api: what the handlers' own descriptions don't say.

mod links;

use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::auth::API_KEY_HEADER;
use crate::problem::ProblemBody;

/// The frame that the routes are put into.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tandem",
        description = "Jobs that run once in effect, whatever dies on the way. Errors are problem details \
            (RFC 9457); `X-Request-Id` names a request in both directions, `traceparent` (W3C) goes on to the \
            job's run, and `RateLimit` tells how many requests the key has left.",
    ),
    servers((url = "/", description = "The process that serves this document.")),
    tags(
        (name = "jobs", description = "Submitting, reading, cancelling and retrying jobs."),
        (name = "dead letters", description = "Failed jobs that wait for a decision: finding them, grouping them \
            by cause, and retrying or discarding many at a time."),
        (name = "endpoints", description = "HTTP targets by name, and the secrets that sign what is sent to them."),
        (name = "schedules", description = "What makes jobs by cron."),
        (name = "queues", description = "The lanes: what waits in them, how fast it goes, and pausing them."),
        (name = "users", description = "The people of the tenant."),
        (name = "keys", description = "API keys of the tenant: made, rotated and revoked."),
        (name = "tenants", description = "Tenants and their limits. Only a tenant that operates the others changes them."),
        (name = "audit", description = "Who did what, in a log that nobody can change."),
        (name = "operations", description = "For load balancers, orchestrators and Prometheus."),
        (name = "documentation", description = "What the api says about itself."),
    ),
    security(("api_key" = [])),
    modifiers(&ApiKeyScheme),
)]
pub(crate) struct Frame;

struct ApiKeyScheme;

impl Modify for ApiKeyScheme {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = ApiKeyValue::with_description(
            API_KEY_HEADER,
            "A key of your tenant. Users, keys, tenants and the audit log need the scope `admin`, changes of endpoints \
                and pausing and resuming queues `ops`; of the rest, reading needs `jobs:read` and everything else \
                `jobs:write`.",
        );
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(scheme)));
    }
}

/// Says what holds for every route, whoever wrote its description: a parameter can be absent, but not null. What an
/// optional field of a body may be, utoipa takes for parameters as well. And what leads where.
pub(crate) fn finish(openapi: &mut utoipa::openapi::OpenApi) {
    for item in openapi.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            for parameter in operation.parameters.iter_mut().flatten() {
                let RefOr::T(parameter) = parameter else { continue };
                if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema {
                    without_null(&mut schema.schema_type);
                }
            }
        }
    }
    links::add(openapi);
}

fn without_null(schema_type: &mut SchemaType) {
    if let SchemaType::Array(types) = schema_type {
        types.retain(|it| *it != Type::Null);
        if let [only] = &types[..] {
            *schema_type = SchemaType::Type(only.clone());
        }
    }
}

/// What every route with authentication may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum CommonProblems {
    /// The API key is missing or not valid.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The API key lacks the scope.
    #[response(status = 403, content_type = "application/problem+json")]
    MissingScope(ProblemBody),
    /// The API key asks too often, or the tenant has too many jobs waiting; `Retry-After` tells when to go on.
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(ProblemBody),
    /// A defect of ours.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody),
    /// Too much to do, or the database does not answer; `Retry-After` tells when to go on.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// What submits may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum SubmitProblems {
    /// The body is not JSON, or a header is not valid.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    BodyTimeout(ProblemBody),
    /// A request with this `Idempotency-Key` is in progress, or another job holds the `unique` key.
    #[response(status = 409, content_type = "application/problem+json")]
    InProgress(ProblemBody),
    /// The body is too large: 262,144 bytes for a job, 8,388,608 for a batch.
    #[response(status = 413, content_type = "application/problem+json")]
    BodyTooLarge(ProblemBody),
    /// The body is not declared as JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(ProblemBody),
    /// The body or the payload is not valid, or the `Idempotency-Key` belongs to another body.
    #[response(status = 422, content_type = "application/problem+json")]
    InvalidBody(ProblemBody),
}

/// What routes that take a body may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum BodyProblems {
    /// The body is not JSON, or a header is not valid.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    BodyTimeout(ProblemBody),
    /// The body is larger than 262,144 bytes.
    #[response(status = 413, content_type = "application/problem+json")]
    BodyTooLarge(ProblemBody),
    /// The body is not declared as JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(ProblemBody),
    /// The body is not valid; or, where the route takes one, the `Idempotency-Key` belongs to another request.
    #[response(status = 422, content_type = "application/problem+json")]
    InvalidBody(ProblemBody),
}

/// What routes of one job may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum JobProblems {
    /// The id is no UUID.
    #[response(status = 400, content_type = "application/problem+json")]
    InvalidId(ProblemBody),
    /// There is no such job.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
}

/// What a job's events may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum EventProblems {
    /// The id is no UUID, or `Last-Event-ID` is not the number of an event of the job.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(ProblemBody),
    /// There is no such job.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
}

/// What routes that change one job may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum ControlProblems {
    /// The id is no UUID.
    #[response(status = 400, content_type = "application/problem+json")]
    InvalidId(ProblemBody),
    /// There is no such job.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
    /// The job is in a state that does not allow it, or another job holds its `unique` key.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemBody),
}

/// What routes of something that has a name may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum NameProblems {
    /// The name, or a header, is not valid.
    #[response(status = 400, content_type = "application/problem+json")]
    InvalidName(ProblemBody),
    /// There is nothing of this name.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
}

/// What routes that change a version may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum VersionProblems {
    /// It is not in the state that `If-Match` or `If-None-Match` asks for.
    #[response(status = 412, content_type = "application/problem+json")]
    PreconditionFailed(ProblemBody),
}

/// What lists may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum ListProblems {
    /// A parameter is not valid, or the cursor belongs to other filters.
    #[response(status = 400, content_type = "application/problem+json")]
    InvalidParameter(ProblemBody),
}

/// What the description of a problem may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers")]
pub(crate) enum UnknownProblem {
    /// There is no such type of problem.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
}
