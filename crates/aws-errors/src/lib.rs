//! Why a call of AWS failed, in one sentence for whoever runs the program: which call of which service, what AWS said, and what
//! to do where that is known.
//!
//! The SDK's own errors are chains of its layers, with whole requests and answers in their debug form; none of it belongs into a
//! log line or onto a terminal.

#![warn(missing_docs)]

mod advice;
mod said;

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use said::Said;

/// A call that did not do what it should, such as `ssm:GetParameters: no AWS credentials are found; …`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{call}: {}", advice::sentence(said))]
pub struct CallFailed {
    call: &'static str,
    said: Said,
}

impl CallFailed {
    /// Tells of a call, as `service:Operation`, what the SDK says.
    #[must_use]
    pub fn new<E>(call: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        Self {
            call,
            said: Said::of(error),
        }
    }

    /// What AWS calls the reason, where it answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &self.said {
            Said::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}
