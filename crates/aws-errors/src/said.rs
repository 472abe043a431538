//! What is to be told of an error of the SDK.

use std::error::Error;
use std::iter;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Why there is no answer, or what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    /// AWS refused, with its code and words.
    Refused { code: String, message: Option<String> },
    /// An answer without a code, whose status says all: AWS is broken, or it is not AWS.
    Status(u16),
    /// An answer that is none of AWS'; why it can't be read.
    Unreadable { status: u16, why: String },
    /// Nothing to sign the call with; why, where something was tried.
    NoCredentials(Option<String>),
    /// It is not known which region is called.
    NoRegion,
    /// The call makes no sense to the SDK.
    NotSent(String),
    /// No connection, or it broke.
    Unreached(String),
    /// No answer in time.
    TimedOut,
}

impl Said {
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let SdkError::ServiceError(answer) = error {
            let code = answer.err().code();
            return code.map_or(Self::Status(answer.raw().status().as_u16()), |code| {
                Self::Refused {
                    code: code.to_owned(),
                    message: answer.err().message().map(in_one_line),
                }
            });
        }
        if let Some(error) = causes(error).find_map(|it| it.downcast_ref::<CredentialsError>()) {
            return Self::NoCredentials(match error {
                CredentialsError::CredentialsNotLoaded(_) => None,
                _ => Some(root(error)),
            });
        }
        if causes(error).any(|it| lacks_region(&it.to_string())) {
            return Self::NoRegion;
        }
        match error {
            SdkError::TimeoutError(_) => Self::TimedOut,
            SdkError::ResponseError(answer) => match answer.raw().status().as_u16() {
                // That it has no words that can be read is no news.
                status @ 500.. => Self::Status(status),
                status => Self::Unreadable {
                    status,
                    why: root(error),
                },
            },
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_io() => Self::Unreached(root(error)),
            _ => Self::NotSent(root(error)),
        }
    }
}

/// The error and what is behind it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| (*error).source())
}

/// What is behind everything: the layers above it say only that they failed.
fn root(error: &(dyn Error + 'static)) -> String {
    // Credentials are fetched by calls of AWS, too, whose errors have no words of their own for it.
    let refused = causes(error).find_map(|it| it.downcast_ref::<ErrorMetadata>());
    if let Some((code, message)) = refused.and_then(|it| Some((it.code()?, it.message()))) {
        return refusal(code, message);
    }
    let last = causes(error).last().map(ToString::to_string);
    in_one_line(&last.unwrap_or_default())
}

/// AWS' words, and its code for them.
pub(crate) fn refusal(code: &str, message: Option<&str>) -> String {
    match message {
        Some(message) => format!("{message} ({code})"),
        None => code.to_owned(),
    }
}

/// The SDK has no type for it: the rules for addresses say the first, the signer says the second.
fn lacks_region(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["missing region", "missing signing region"]
        .iter()
        .any(|it| text.contains(it))
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    /// What is told of an answer that can't be read.
    fn unreadable(status: u16) -> Said {
        let answer = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        Said::of(&SdkError::<ErrorOfACall, _>::response_error("not\n JSON", answer))
    }

    #[derive(Debug, thiserror::Error)]
    #[error("no")]
    struct ErrorOfACall;

    impl ProvideErrorMetadata for ErrorOfACall {
        fn meta(&self) -> &ErrorMetadata {
            unreachable!("it is never made")
        }
    }

    #[test]
    fn an_answer_that_can_not_be_read_is_told_by_its_status() {
        let why = "not JSON".to_owned();
        assert_eq!(unreadable(200), Said::Unreadable { status: 200, why });
        assert_eq!(unreadable(502), Said::Status(502));
    }
}
