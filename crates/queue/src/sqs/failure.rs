//! What SQS' errors mean to the caller.

use std::error::Error as StdError;
use std::sync::Arc;

use aws_errors::CallFailed;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::BatchResultErrorEntry;

use crate::Error;

/// A request that failed as a whole. It can be copied, because each entry of a batch tells it.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    may_pass: bool,
    source: Arc<dyn StdError + Send + Sync>,
}

impl Failure {
    /// For `map_err`: names the call.
    pub(super) fn of<E>(call: &'static str) -> impl FnOnce(SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        move |error| Self::new(call, &error)
    }

    fn new<E>(call: &'static str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let may_pass = match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status();
                status.is_server_error()
                    || status.as_u16() == 429
                    || answer.err().code().is_some_and(may_pass)
            }
            // The request was never built: the same one won't be either.
            SdkError::ConstructionFailure(_) => false,
            // No answer, or none that could be read.
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | _ => true,
        };
        Self {
            may_pass,
            source: Arc::new(CallFailed::new(call, error)),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let source = Box::new(failure.source);
        if failure.may_pass {
            Self::Unavailable(source)
        } else {
            Self::Rejected(source)
        }
    }
}

/// Whether a refusal with this code goes away by itself: too many requests, too many messages in flight,
/// credentials that are being renewed.
fn may_pass(code: &str) -> bool {
    let code = code.rsplit('.').next().unwrap_or(code);
    matches!(
        code,
        "RequestThrottled"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "KmsThrottled"
            | "OverLimit"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
    )
}

/// One entry that SQS refused.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
struct EntryRefused {
    code: String,
    message: String,
}

/// An entry of which the answer says nothing.
#[derive(Debug, thiserror::Error)]
#[error("the answer does not mention the entry")]
struct Unanswered;

pub(super) fn unanswered() -> Error {
    Error::Unavailable(Box::new(Unanswered))
}

pub(super) fn of_entry(entry: &BatchResultErrorEntry) -> Error {
    let message = entry.message().unwrap_or_default();
    if is_stale(entry.code(), message) {
        return Error::StaleReceipt;
    }
    let source = Box::new(EntryRefused {
        code: entry.code().to_owned(),
        message: message.to_owned(),
    });
    if entry.sender_fault() && !may_pass(entry.code()) {
        Error::Rejected(source)
    } else {
        Error::Unavailable(source)
    }
}

/// SQS tells a stale receipt handle in three ways: as not in flight, as invalid, and as an invalid parameter
/// of which only the text says that it is the handle: `Value … for parameter ReceiptHandle is invalid.
/// Reason: …`.
fn is_stale(code: &str, message: &str) -> bool {
    match code.rsplit('.').next().unwrap_or(code) {
        "ReceiptHandleIsInvalid" | "MessageNotInflight" => true,
        "InvalidParameterValue" => message.contains("parameter ReceiptHandle"),
        _ => false,
    }
}

#[cfg(test)]
impl Failure {
    pub(super) fn lost() -> Self {
        Self {
            may_pass: true,
            source: Arc::new(Unanswered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(code: &str, sender_fault: bool, message: &str) -> BatchResultErrorEntry {
        let entry = BatchResultErrorEntry::builder()
            .id("0")
            .code(code)
            .sender_fault(sender_fault);
        entry.message(message).build().unwrap()
    }

    #[test]
    fn a_stale_receipt_is_recognised_in_all_its_forms() {
        let expired =
            "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.";
        for (code, message) in [
            ("ReceiptHandleIsInvalid", "The input receipt handle is invalid."),
            ("AWS.SimpleQueueService.MessageNotInflight", ""),
            ("InvalidParameterValue", expired),
        ] {
            assert!(
                matches!(of_entry(&entry(code, true, message)), Error::StaleReceipt),
                "{code}"
            );
        }
    }

    #[test]
    fn who_is_at_fault_decides_unless_it_goes_away_by_itself() {
        let too_long = "Value 43201 for parameter VisibilityTimeout is invalid.";
        assert!(matches!(
            of_entry(&entry("InvalidParameterValue", true, too_long)),
            Error::Rejected(_)
        ));
        assert!(matches!(
            of_entry(&entry("InternalError", false, "")),
            Error::Unavailable(_)
        ));
        assert!(matches!(
            of_entry(&entry("RequestThrottled", true, "")),
            Error::Unavailable(_)
        ));
    }
}
