//! `traceparent` (W3C Trace Context): which trace a request, and the run of the job it submits, belong to.

use std::fmt;

use http::HeaderMap;
use runtime::trace::TraceSpan;
use uuid::Uuid;

/// A position in a trace, as version 00 writes it: what a job keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Traceparent(String);

impl Traceparent {
    /// The client's trace; a new one when it has none, or none that is valid.
    #[cfg(test)]
    pub(crate) fn of(headers: &HeaderMap, new_id: fn() -> Uuid) -> Self {
        Self::sent(headers).unwrap_or_else(|| Self::fresh(new_id))
    }

    /// The client's trace, if it is valid.
    pub(crate) fn sent(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("traceparent").iter();
        let only = values.next().filter(|_| values.next().is_none());
        only.and_then(|value| parse(value.as_bytes()))
    }

    /// A new trace. It is not marked as sampled: whoever records spans decides.
    pub(crate) fn fresh(new_id: fn() -> Uuid) -> Self {
        // The low half of a version 7 id is random, and never zero.
        let (trace, span) = (new_id().as_u128(), new_id().as_u64_pair().1);
        Self(format!("00-{trace:032x}-{span:016x}-00"))
    }

    /// Where a span is that is recorded here; none if it is not.
    pub(crate) fn of_span(span: &TraceSpan) -> Option<Self> {
        span.traceparent().map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace that logs and spans of one request share.
    pub(crate) fn trace_id(&self) -> &str {
        &self.0[3..35]
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads `version-trace-span-flags`. A later version may have more after the flags, which is left out.
pub(crate) fn parse(value: &[u8]) -> Option<Traceparent> {
    let (known, more) = value.split_at_checked(55)?;
    let mut fields = known.split(|byte| *byte == b'-');
    let mut hex = |len: usize| {
        let is_hex = |field: &[u8]| field.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fields.next().filter(|field| field.len() == len && is_hex(field))
    };
    let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    let is_zero = |field: &[u8]| field.iter().all(|byte| *byte == b'0');
    let ends_well = more.is_empty() || (version != b"00" && more[0] == b'-');
    if version == b"ff" || is_zero(trace) || is_zero(span) || !ends_well {
        return None;
    }
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    Some(Traceparent(format!(
        "00-{}-{}-{}",
        text(trace),
        text(span),
        text(flags)
    )))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn of(text: &str) -> Traceparent {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::try_from(text).unwrap());
        Traceparent::of(&headers, || Uuid::from_u128(7 << 64 | 9))
    }

    #[test]
    fn a_valid_trace_goes_on() {
        assert_eq!(of(GOOD).to_string(), GOOD);
        assert_eq!(of(GOOD).trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(of(&format!("cc{}-more", &GOOD[2..])).to_string(), GOOD);
    }

    #[test]
    fn an_invalid_one_is_replaced() {
        let fresh = "00-00000000000000070000000000000009-0000000000000009-00";
        let zero_trace = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        let zero_span = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", "0".repeat(16));
        let upper = GOOD.to_ascii_uppercase();
        let longer = format!("{GOOD}-more");
        let unknown = format!("ff{}", &GOOD[2..]);
        for wrong in [
            "",
            "nonsense",
            &zero_trace,
            &zero_span,
            &upper,
            &longer,
            &unknown,
            &GOOD[..54],
            "é",
        ] {
            assert_eq!(of(wrong).to_string(), fresh, "{wrong}");
        }
        assert_eq!(
            Traceparent::of(&HeaderMap::new(), || Uuid::from_u128(7 << 64 | 9)).to_string(),
            fresh
        );
    }
}
