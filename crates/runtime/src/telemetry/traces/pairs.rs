//! `name=value,name=value`, as OpenTelemetry writes lists in variables: values with percent signs for what is special.

use std::collections::HashMap;

use hyper::header::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::Secret;

/// All pairs, if that is what the text has.
pub(super) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |item: &str| {
        let (name, value) = item.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_owned(), value.into_owned()))
    };
    text.split(',')
        .filter(|item| !item.trim().is_empty())
        .map(pair)
        .collect()
}

/// The same, if all of them can be headers.
pub(super) fn headers(text: &str) -> Option<HashMap<String, Secret<String>>> {
    let header = |(name, value): (String, String)| {
        let fits = HeaderName::try_from(&name).is_ok() && HeaderValue::try_from(&value).is_ok();
        fits.then(|| (name, Secret::new(value)))
    };
    pairs(text)?.into_iter().map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_blanks_left_out() {
        let expected = [("a", "b=c"), ("d", "e,f")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(" a = b=c , d=e%2Cf, "), Some(expected.into()));
        assert_eq!(pairs("a"), None);
        assert_eq!(pairs("=a"), None);
        assert_eq!(pairs("a=%ff"), None);
    }

    #[test]
    fn headers_have_names_and_values_of_headers() {
        let read = headers("authorization=Basic%20dXNlcg==").unwrap();
        assert_eq!(read["authorization"].expose(), "Basic dXNlcg==");
        assert!(headers("a b=c").is_none());
        assert!(headers("a=b%0Ac").is_none());
    }
}
