//! `Last-Event-ID`: where a stream that broke off goes on.

use http::HeaderMap;

use crate::problem::{FieldError, Place, Problem, ProblemType};

const NAME: &str = "Last-Event-ID";

/// The number of the last event that the client has; 0 without the header.
///
/// # Errors
/// When the header is no number, or is there twice.
pub(crate) fn read(headers: &HeaderMap) -> Result<u32, Problem> {
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else {
        return Ok(0);
    };
    if values.next().is_some() {
        return Err(refused("must not be sent twice"));
    }
    let digits = value.as_bytes();
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok());
    number
        .filter(|_| digits.iter().all(u8::is_ascii_digit))
        .ok_or_else(|| refused("must be the number of an event"))
}

/// A number that no event of the job has yet: it is another job's, or made up.
pub(crate) fn unknown() -> Problem {
    refused_as("unknown_event", "must be the number of an event of this job")
}

fn refused(message: &str) -> Problem {
    refused_as("invalid_value", message)
}

fn refused_as(code: &'static str, message: &str) -> Problem {
    let error = FieldError::new(Place::Header(NAME), code, message);
    Problem::invalid(ProblemType::InvalidHeader, vec![error])
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_number_is_taken() {
        let read = |text: &'static [u8]| {
            let mut headers = HeaderMap::new();
            headers.insert("last-event-id", HeaderValue::from_bytes(text).unwrap());
            super::read(&headers).ok()
        };
        assert_eq!(read(b"17"), Some(17));
        assert_eq!(read(b"0"), Some(0));
        for wrong in [
            &b""[..],
            b"-1",
            b"+1",
            b"1.0",
            b" 1 2",
            b"x",
            b"\xff",
            b"4294967296",
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert_eq!(super::read(&HeaderMap::new()).ok(), Some(0));
        let mut twice = HeaderMap::new();
        twice.append("last-event-id", HeaderValue::from_static("1"));
        twice.append("last-event-id", HeaderValue::from_static("2"));
        assert!(super::read(&twice).is_err());
    }
}
