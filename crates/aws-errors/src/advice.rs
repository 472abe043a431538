//! What an operator reads, and is advised.

use crate::said::{Said, refusal};

const REACH: &str = "look at the network, and at AWS_ENDPOINT_URL if it is set";

/// All of it in one sentence, without the call.
pub(crate) fn sentence(said: &Said) -> String {
    let (told, advice) = match said {
        Said::Refused { code, message } => (refusal(code, message.as_deref()), for_code(code)),
        Said::Status(status @ 500..) => (
            format!("it failed without a reason (HTTP {status})"),
            Some("try again in a minute"),
        ),
        Said::Status(status) => (
            format!("the answer names no error of AWS (HTTP {status})"),
            Some("look at what answers in its place: a proxy, or AWS_ENDPOINT_URL"),
        ),
        Said::Unreadable { status, why } => (
            format!("the answer can't be read (HTTP {status}): {why}"),
            Some("try again, and look at what may answer in AWS' place: a proxy, or AWS_ENDPOINT_URL"),
        ),
        Said::NoCredentials(None) => (
            "no AWS credentials are found".to_owned(),
            Some("log in and set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ),
        Said::NoCredentials(Some(why)) => (
            format!("AWS credentials can't be had: {why}"),
            Some("log in again, and look at AWS_PROFILE"),
        ),
        Said::NoRegion => (
            "no AWS region is set".to_owned(),
            Some("set AWS_REGION, or choose a profile that has a region with AWS_PROFILE"),
        ),
        Said::NotSent(why) => (format!("the call can't be made: {why}"), None),
        Said::Unreached(why) => (format!("AWS is not reached: {why}"), Some(REACH)),
        Said::TimedOut => ("AWS did not answer in time".to_owned(), Some(REACH)),
    };
    match advice {
        Some(advice) => format!("{}; {advice}", told.trim_end_matches('.')),
        None => told,
    }
}

/// What helps against a refusal, if it is one of those that every service has.
fn for_code(code: &str) -> Option<&'static str> {
    // Old protocols write the service in front.
    match code.rsplit('.').next().unwrap_or(code) {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            Some("allow it to the role or the user that this runs as")
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => Some(
            "AWS does not take these credentials: look at AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            Some("the credentials have run out: log in again")
        }
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded" => Some("AWS is asked too often: try again in a minute"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, message: Option<&str>) -> String {
        sentence(&Said::Refused {
            code: code.to_owned(),
            message: message.map(str::to_owned),
        })
    }

    #[test]
    fn what_aws_said_stands_before_what_to_do() {
        assert_eq!(
            refused("AccessDeniedException", Some("You may not.")),
            "You may not. (AccessDeniedException); allow it to the role or the user that this runs as"
        );
        assert_eq!(
            refused("Throttling", None),
            "Throttling; AWS is asked too often: try again in a minute"
        );
        assert_eq!(
            refused("ClusterNotFoundException", Some("Cluster not found.")),
            "Cluster not found. (ClusterNotFoundException)"
        );
    }

    #[test]
    fn a_code_with_its_service_in_front_is_the_same() {
        assert_eq!(
            for_code("com.amazonaws.sqs.AccessDenied"),
            for_code("AccessDenied")
        );
        assert!(for_code("AWS.SimpleQueueService.NonExistentQueue").is_none());
    }
}
