//! What AWS' errors mean to a deployment.

use std::error::Error as StdError;

use aws_errors::CallFailed;
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};

/// A call that did not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct Error {
    /// Names the call, and what to do where that is known.
    sentence: String,
    /// What AWS calls it, where it answered.
    code: Option<String>,
    may_pass: bool,
}

impl Error {
    /// For `map_err`: names the call.
    pub(super) fn of<E>(call: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        move |error| {
            let failed = CallFailed::new(call, &error);
            Self {
                sentence: failed.to_string(),
                code: failed.code().map(str::to_owned),
                may_pass: may_pass(&error, failed.code()),
            }
        }
    }

    /// An answer that lacks what the call is made for.
    pub(super) fn answer(call: &'static str, message: impl std::fmt::Display) -> Self {
        Self {
            sentence: format!("{call}: {message}"),
            code: None,
            may_pass: false,
        }
    }

    /// Whether the same call may do later what it did not do now.
    pub(crate) fn may_pass(&self) -> bool {
        self.may_pass
    }

    /// Whether AWS refused for this reason.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

fn may_pass<E>(error: &SdkError<E, HttpResponse>, code: Option<&str>) -> bool {
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status();
            status.is_server_error() || status.as_u16() == 429 || code.is_some_and(is_throttled)
        }
        // The request was never built (no region, say): the same one won't be either.
        SdkError::ConstructionFailure(_) => false,
        // No answer, or none that could be read.
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | _ => true,
    }
}

fn is_throttled(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "ConcurrentUpdateException"
            | "TooManyUpdates"
    )
}

#[cfg(test)]
impl Error {
    pub(crate) fn outage(call: &'static str) -> Self {
        Self {
            may_pass: true,
            ..Self::answer(call, "no answer")
        }
    }

    pub(crate) fn refusal(call: &'static str, code: &str) -> Self {
        Self {
            code: Some(code.to_owned()),
            ..Self::answer(call, "no")
        }
    }
}
