//! `Prefer: wait=20` (RFC 7240): the client would rather wait for the job's end than ask again.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

/// The longest wait; a longer one is shortened to it.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// How long the client would wait. What is no valid preference is ignored, as the RFC asks for.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers
        .get_all("Prefer")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    let secs = preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let value = value.split(';').next()?.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("wait").then_some(value)
    })?;
    let wait = Duration::from_secs(secs.parse::<u32>().ok()?.into()).min(MAX_WAIT);
    (!wait.is_zero()).then_some(wait)
}

/// The answer's `Preference-Applied`.
pub(crate) fn applied(wait: Duration) -> HeaderValue {
    HeaderValue::try_from(format!("wait={}", wait.as_secs())).expect("digits are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &'static str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static(text));
        wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_wait_is_found_among_other_preferences_and_capped() {
        assert_eq!(asked("wait=20"), Some(20));
        assert_eq!(asked("respond-async, Wait = \"5\"; strict"), Some(5));
        assert_eq!(asked("wait=3600"), Some(60));
        assert_eq!(wait(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_no_wait_is_ignored() {
        for other in [
            "wait",
            "wait=",
            "wait=soon",
            "wait=-1",
            "wait=0",
            "waiting=5",
            "return=minimal",
            "",
        ] {
            assert_eq!(asked(other), None, "{other}");
        }
    }
}
