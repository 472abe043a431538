//! `Accept`, as far as something depends on it: whether the client would rather have a stream of events than a list.

use http::HeaderMap;
use http::header::ACCEPT;

const EVENT_STREAM: &str = "text/event-stream";

/// Whether the client names the type of event streams, as every `EventSource` does. A client that accepts anything
/// gets what it always got.
pub(crate) fn event_stream(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(is_event_stream)
}

fn is_event_stream(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let named = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case(EVENT_STREAM));
    // RFC 9110 (12.4.2): a weight of 0 means "not acceptable".
    let refused = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.eq_ignore_ascii_case("q"))
        .any(|(_, weight)| weight.trim().parse() == Ok(0.0_f32));
    named && !refused
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_stream_is_for_those_who_name_it() {
        let asked = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(text));
            event_stream(&headers)
        };
        for stream in [
            "text/event-stream",
            "Text/Event-Stream; charset=utf-8",
            "application/json;q=0.5, text/event-stream;q=0.9",
        ] {
            assert!(asked(stream), "{stream}");
        }
        for list in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "text/event-stream;q=0",
            "text/event-stream; Q=0.000",
        ] {
            assert!(!asked(list), "{list}");
        }
        assert!(!event_stream(&HeaderMap::new()));
    }
}
