//! The body of an SQS message.

use domain::{JobId, TenantId};
use serde::{Deserialize, Serialize};

use crate::Message;

/// The form that is written and read. A field more does not change it: readers skip what they don't know.
/// Another meaning of these fields does.
const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
struct Body {
    v: u32,
    job_id: JobId,
    tenant_id: TenantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dead_letter: Option<u32>,
}

/// Why a body is not one of ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("its body does not have the expected form: {0}")]
    Form(serde_json::Error),
    #[error("its version is {0}, not {VERSION}")]
    Version(u32),
}

pub(super) fn write(message: &Message) -> String {
    let body = Body {
        v: VERSION,
        job_id: message.job_id,
        tenant_id: message.tenant_id,
        traceparent: message.traceparent.clone(),
        dead_letter: message.dead_letter,
    };
    serde_json::to_string(&body).expect("strings and numbers are always JSON")
}

pub(super) fn read(text: &str) -> Result<Message, ReadError> {
    let body: Body = serde_json::from_str(text).map_err(ReadError::Form)?;
    if body.v != VERSION {
        return Err(ReadError::Version(body.v));
    }
    Ok(Message {
        job_id: body.job_id,
        tenant_id: body.tenant_id,
        traceparent: body.traceparent,
        dead_letter: body.dead_letter,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn message(traceparent: Option<&str>) -> Message {
        Message {
            job_id: JobId(Uuid::from_u128(1)),
            tenant_id: TenantId(Uuid::from_u128(2)),
            traceparent: traceparent.map(str::to_owned),
            dead_letter: None,
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        for traceparent in [
            None,
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ] {
            let message = message(traceparent);
            let text = write(&message);
            assert!(text.len() < 1_000, "{text}");
            assert_eq!(read(&text).unwrap(), message);
        }
    }

    #[test]
    fn a_dead_letter_names_its_attempt_and_a_doorbell_has_no_such_field() {
        let doorbell = message(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!write(&doorbell).contains("dead_letter"));
        let dead_letter = Message {
            dead_letter: Some(u32::MAX),
            ..doorbell
        };
        let text = write(&dead_letter);
        assert!(
            text.contains(r#""dead_letter":4294967295"#) && text.len() < 1_000,
            "{text}"
        );
        assert_eq!(read(&text).unwrap(), dead_letter);
    }

    #[test]
    fn fields_of_a_newer_writer_are_skipped() {
        let text = write(&message(None)).replace('{', r#"{"priority":{"level":3},"#);
        assert_eq!(read(&text).unwrap(), message(None));
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        let newer = write(&message(None)).replace(r#""v":1"#, r#""v":2"#);
        assert_eq!(read(&newer).unwrap_err().to_string(), "its version is 2, not 1");
        for text in ["", "hello", "[]", "{}", r#"{"v":1,"job_id":"1","tenant_id":"2"}"#] {
            assert!(matches!(read(text), Err(ReadError::Form(_))), "{text}");
        }
    }
}
