//! The table of problems. Clients branch on `type` or `code`, so a row, once released, keeps its meaning.

use http::StatusCode;

macro_rules! problem_types {
    ($($(#[$doc:meta])* $name:ident = $status:ident $code:literal $title:literal,)*) => {
        /// What can go wrong with a request.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum ProblemType {
            $($(#[$doc])* $name,)*
        }

        impl ProblemType {
            /// Every type of problem.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The status of an answer with this problem.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The name that programs branch on.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The problem in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

problem_types! {
    /// The request as a whole can't be understood.
    BadRequest = BAD_REQUEST "bad_request" "The request can't be understood",
    /// The body is not JSON, or nested too deeply.
    MalformedJson = BAD_REQUEST "malformed_json" "The body is not JSON",
    /// A part of the path or a query parameter is not valid.
    InvalidParameter = BAD_REQUEST "invalid_parameter" "A parameter is not valid",
    /// A header is not valid.
    InvalidHeader = BAD_REQUEST "invalid_header" "A header is not valid",
    /// The key is missing, unknown, wrong, revoked or expired; which, nobody is told.
    Unauthenticated = UNAUTHORIZED "unauthenticated" "A valid API key is needed",
    /// The key has not the scope that the route needs.
    MissingScope = FORBIDDEN "missing_scope" "The API key lacks a scope",
    /// Only tenants that operate the others may do this.
    OperatorOnly = FORBIDDEN "operator_only" "Only an operator may do this",
    /// There is no such route.
    NotFound = NOT_FOUND "not_found" "There is nothing here",
    /// The tenant has no such job.
    JobNotFound = NOT_FOUND "job_not_found" "There is no such job",
    /// The tenant has no such endpoint.
    EndpointNotFound = NOT_FOUND "endpoint_not_found" "There is no such endpoint",
    /// The tenant has no such user.
    UserNotFound = NOT_FOUND "user_not_found" "There is no such user",
    /// The tenant has no such schedule.
    ScheduleNotFound = NOT_FOUND "schedule_not_found" "There is no such schedule",
    /// The tenant has no such API key.
    KeyNotFound = NOT_FOUND "key_not_found" "There is no such API key",
    /// No lane has this name.
    QueueNotFound = NOT_FOUND "queue_not_found" "There is no such queue",
    /// There is no such tenant, or it is not the caller's to see.
    TenantNotFound = NOT_FOUND "tenant_not_found" "There is no such tenant",
    /// The route exists, but not for this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "The method is not allowed here",
    /// The client took too long to send the body.
    BodyTimeout = REQUEST_TIMEOUT "body_timeout" "The body did not arrive in time",
    /// The first request with this `Idempotency-Key` has not ended yet.
    IdempotencyInProgress = CONFLICT "idempotency_in_progress" "A request with this key is in progress",
    /// Only a job that has not ended can be cancelled.
    AlreadyFinished = CONFLICT "already_finished" "The job has ended already",
    /// Only a job that failed, was cancelled or has expired can be retried.
    NotRetryable = CONFLICT "not_retryable" "The job can't be retried",
    /// A user of the tenant has this e-mail address already.
    EmailTaken = CONFLICT "email_taken" "The e-mail address is taken",
    /// Another job holds the unique key.
    UniqueConflict = CONFLICT "unique_conflict" "Another job does the same work",
    /// An earlier request with this `Idempotency-Key` was shown a secret that can't be shown again.
    SecretShownOnce = CONFLICT "secret_shown_once" "The secret was shown already",
    /// The tenant has as many users as it may have.
    TooManyUsers = CONFLICT "too_many_users" "There are too many users",
    /// The tenant has as many API keys that work as it may have.
    TooManyKeys = CONFLICT "too_many_keys" "There are too many API keys",
    /// The tenant has as many endpoints as it may have.
    TooManyEndpoints = CONFLICT "too_many_endpoints" "There are too many endpoints",
    /// The tenant has as many schedules as it may have.
    TooManySchedules = CONFLICT "too_many_schedules" "There are too many schedules",
    /// The schedule's previous job has not ended, and its jobs must not overlap.
    PreviousJobLives = CONFLICT "previous_job_lives" "The previous job has not ended",
    /// What is stored of the schedule can't be read by this version, such as a zone that it does not know.
    ScheduleUnreadable = CONFLICT "schedule_unreadable" "The schedule can't be read",
    /// The API key was revoked, has expired, or has been replaced already.
    KeyNotRotatable = CONFLICT "key_not_rotatable" "The API key can't be rotated",
    /// Another tenant has this name.
    TenantNameTaken = CONFLICT "tenant_name_taken" "The tenant's name is taken",
    /// As many secrets of the endpoint as may sign at once do so already.
    TooManySecrets = CONFLICT "too_many_secrets" "Too many secrets sign already",
    /// What is there is not what `If-Match` or `If-None-Match` asks for.
    PreconditionFailed = PRECONDITION_FAILED "precondition_failed" "It has changed, or is there already",
    /// The body is larger than the route takes.
    BodyTooLarge = PAYLOAD_TOO_LARGE "body_too_large" "The body is too large",
    /// The body is not declared as JSON.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The body must be JSON",
    /// The body is JSON, but not what the route takes.
    InvalidBody = UNPROCESSABLE_ENTITY "invalid_body" "The body is not valid",
    /// The `Idempotency-Key` was used for another body.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY "idempotency_key_reused" "The key belongs to another request",
    /// The key asks more often than it may.
    RateLimited = TOO_MANY_REQUESTS "rate_limited" "Too many requests",
    /// The tenant may not have more jobs waiting.
    QuotaExceeded = TOO_MANY_REQUESTS "quota_exceeded" "Too many jobs are waiting",
    /// A defect of ours.
    Internal = INTERNAL_SERVER_ERROR "internal" "Something failed",
    /// The database does not answer.
    Unavailable = SERVICE_UNAVAILABLE "unavailable" "Temporarily not available",
    /// More requests are under way than we take on.
    Overloaded = SERVICE_UNAVAILABLE "overloaded" "Too much to do",
    /// The request took too long.
    TimedOut = SERVICE_UNAVAILABLE "timed_out" "The request took too long",
}

impl ProblemType {
    /// Where the type is described: the `type` of RFC 9457, relative to the api's own address.
    #[must_use]
    pub fn uri(self) -> String {
        format!("/problems/{}", self.code())
    }

    /// The type of this code.
    #[must_use]
    pub fn by_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// What an error status means when nothing more is known.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            _ if status.is_client_error() => Self::BadRequest,
            _ => Self::Internal,
        }
    }

    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_transient(self) -> bool {
        match self {
            Self::IdempotencyInProgress
            | Self::RateLimited
            | Self::QuotaExceeded
            | Self::Unavailable
            | Self::Overloaded
            | Self::TimedOut => true,
            Self::BadRequest
            | Self::MalformedJson
            | Self::InvalidParameter
            | Self::InvalidHeader
            | Self::Unauthenticated
            | Self::MissingScope
            | Self::OperatorOnly
            | Self::NotFound
            | Self::JobNotFound
            | Self::EndpointNotFound
            | Self::UserNotFound
            | Self::ScheduleNotFound
            | Self::KeyNotFound
            | Self::QueueNotFound
            | Self::TenantNotFound
            | Self::MethodNotAllowed
            | Self::BodyTimeout
            | Self::AlreadyFinished
            | Self::NotRetryable
            | Self::EmailTaken
            | Self::UniqueConflict
            | Self::SecretShownOnce
            | Self::TooManyUsers
            | Self::TooManyKeys
            | Self::TooManyEndpoints
            | Self::TooManySchedules
            | Self::PreviousJobLives
            | Self::ScheduleUnreadable
            | Self::PreconditionFailed
            | Self::KeyNotRotatable
            | Self::TenantNameTaken
            | Self::TooManySecrets
            | Self::BodyTooLarge
            | Self::UnsupportedMediaType
            | Self::InvalidBody
            | Self::IdempotencyKeyReused
            | Self::Internal => false,
        }
    }
}
