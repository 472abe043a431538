//! `If-Match` and `If-None-Match` of requests that change something: a change is made to the version that the client has
//! seen, or not at all.

use http::HeaderMap;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use store::Expected;

/// What the client expects to be there. What is no version of ours is one that is not there, so nothing is changed.
pub(crate) fn read(headers: &HeaderMap) -> Expected {
    let wanted = tags(headers, IF_MATCH);
    if !wanted.is_empty() {
        if wanted.iter().any(|tag| tag == "*") {
            return Expected::Present;
        }
        // Strong comparison, as RFC 9110 (13.1.1) asks for: a weak tag never matches.
        let version = |tag: &String| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
        return Expected::Versions(wanted.iter().filter_map(version).collect());
    }
    match tags(headers, IF_NONE_MATCH).is_empty() {
        true => Expected::Anything,
        // Of what is there, its maker has no version to name.
        false => Expected::Absent,
    }
}

fn tags(headers: &HeaderMap, name: http::HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter();
    let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    texts
        .flat_map(|text| {
            text.split(',')
                .map(|tag| tag.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(name: http::HeaderName, text: &'static str) -> Expected {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(text));
        read(&headers)
    }

    #[test]
    fn versions_are_read_and_anything_else_matches_nothing() {
        assert_eq!(read(&HeaderMap::new()), Expected::Anything);
        assert_eq!(asked(IF_MATCH, "\"3\""), Expected::Versions(vec![3]));
        assert_eq!(asked(IF_MATCH, "\"1\", \"3\""), Expected::Versions(vec![1, 3]));
        assert_eq!(asked(IF_MATCH, "*"), Expected::Present);
        for nonsense in ["", "3", "W/\"3\"", "\"-1\"", "\"x\"", "\"99999999999\""] {
            assert_eq!(
                asked(IF_MATCH, nonsense),
                Expected::Versions(vec![]),
                "{nonsense}"
            );
        }
        assert_eq!(asked(IF_NONE_MATCH, "*"), Expected::Absent);
    }
}
