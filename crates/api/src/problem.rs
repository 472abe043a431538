//! What goes wrong, as clients read it: RFC 9457. This is the only way from an error to an answer.
//!
//! A handler returns a [`Problem`]. It travels as an extension of an empty response to [`render`], the
//! middleware that knows the request, which writes the body there. What else answers with an error status,
//! such as the router's own 405, becomes a problem there too. What a client must not read, the cause of a
//! failure, goes to the request's log line instead.

mod kind;
mod place;
mod render;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};

pub use kind::ProblemType;
pub(crate) use place::{FieldError, Place};
pub(crate) use render::{Cause, ProblemBody, render};

use crate::auth::CHALLENGE;

/// How soon a client should try again when we can't know better.
const SOON: Duration = Duration::from_secs(1);

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ProblemType,
    detail: String,
    errors: Vec<FieldError>,
    job_id: Option<domain::JobId>,
    resource: Option<String>,
    retry_after: Option<Duration>,
    /// For operators only.
    cause: Option<Arc<str>>,
}

impl Problem {
    /// A problem with a sentence about this occurrence of it.
    pub(crate) fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        let retry_after = kind.is_transient().then_some(SOON);
        Self(Box::new(Inner {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            job_id: None,
            resource: None,
            retry_after,
            cause: None,
        }))
    }

    /// A problem with what is wrong where; the detail counts.
    pub(crate) fn invalid(kind: ProblemType, errors: Vec<FieldError>) -> Self {
        let detail = match &errors[..] {
            [only] => only.to_string(),
            many => format!("{} values are not valid; `errors` lists them", many.len()),
        };
        let mut problem = Self::new(kind, detail);
        problem.0.errors = errors;
        problem
    }

    /// A defect of ours: the client learns nothing but that.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(
            ProblemType::Internal,
            "The request failed for a reason that is ours to mend.",
        )
        .caused_by(cause)
    }

    /// A job that does not exist, or not for this tenant.
    pub(crate) fn no_such_job(id: domain::JobId) -> Self {
        Self::new(ProblemType::JobNotFound, format!("There is no job {id}."))
    }

    /// Another job does the work that this one would do.
    pub(crate) fn unique_conflict(holder: domain::JobId, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(ProblemType::UniqueConflict, detail);
        problem.0.job_id = Some(holder);
        problem
    }

    /// Tells the route of what there is already.
    pub(crate) fn about(mut self, route: String) -> Self {
        self.0.resource = Some(route);
        self
    }

    /// Adds where in the request it is.
    pub(crate) fn at(mut self, error: FieldError) -> Self {
        self.0.errors.push(error);
        self
    }

    /// Keeps the cause for the log.
    pub(crate) fn caused_by(mut self, cause: &(dyn std::error::Error + 'static)) -> Self {
        self.0.cause = Some(runtime::error_chain(cause).to_string().into());
        self
    }

    /// Tells when to try again.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// What a panic was about is for the log only.
    pub(crate) fn of_panic(payload: Box<dyn std::any::Any + Send>) -> Response {
        let text = payload.downcast::<String>().map(|text| *text);
        let text = text.or_else(|payload| payload.downcast::<&'static str>().map(|text| (*text).to_owned()));
        let text = text.unwrap_or_else(|_| "something that is no text".to_owned());
        let mut problem = Self::new(
            ProblemType::Internal,
            "The request failed for a reason that is ours to mend.",
        );
        problem.0.cause = Some(format!("the handler panicked: {text}").into());
        problem.into_response()
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&store::Error> for Problem {
    fn from(error: &store::Error) -> Self {
        if error.is_transient() {
            Self::new(
                ProblemType::Unavailable,
                "The database does not answer at the moment.",
            )
            .caused_by(error)
        } else {
            Self::internal(error)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.kind.status();
        let headers = response.headers_mut();
        if let Some(wait) = self.0.retry_after {
            // Whole seconds, rounded up: a client that comes too early is refused again.
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(secs.max(1)));
        }
        if self.0.kind == ProblemType::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        response.extensions_mut().insert(self);
        response
    }
}
