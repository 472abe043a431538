//! `If-Match` and `If-None-Match` of a change: which version the client has seen.

use axum::extract::FromRequestParts;
use domain::{Precondition, Versions};
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::problem::{FieldError, Place, Problem, ProblemType};

/// What a request says about the version that it is about to change.
#[derive(Debug)]
pub(crate) struct Conditions(pub(crate) Precondition);

/// How an entity tag is compared (RFC 9110, 8.8.3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Comparison {
    Strong,
    Weak,
}

impl<S: Sync> FromRequestParts<S> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.headers).map(Self)
    }
}

fn read(headers: &HeaderMap) -> Result<Precondition, Problem> {
    Ok(Precondition {
        matches: versions(headers, IF_MATCH, "If-Match", Comparison::Strong)?,
        matches_none: versions(headers, IF_NONE_MATCH, "If-None-Match", Comparison::Weak)?,
    })
}

/// A header that can't be read is refused: without it, the change would be made whatever the version is.
fn versions(
    headers: &HeaderMap,
    header: HeaderName,
    name: &'static str,
    comparison: Comparison,
) -> Result<Option<Versions>, Problem> {
    let values: Vec<&HeaderValue> = headers.get_all(header).iter().collect();
    if values.is_empty() {
        return Ok(None);
    }
    if values.iter().all(|value| value.as_bytes().trim_ascii() == b"*") {
        return Ok(Some(Versions::Any));
    }
    let mut versions = Vec::new();
    for tag in values
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
    {
        let tag = tag.trim_ascii();
        let (weak, quoted) = tag
            .strip_prefix(b"W/")
            .map_or((false, tag), |quoted| (true, quoted));
        let inner = quoted.strip_prefix(b"\"").and_then(|tag| tag.strip_suffix(b"\""));
        let inner = inner.filter(|inner| !inner.contains(&b'"')).ok_or_else(|| {
            let message = "must be *, or entity tags in double quotes as the ETag header shows them";
            Problem::invalid(
                ProblemType::InvalidHeader,
                vec![FieldError::new(Place::Header(name), "invalid_value", message)],
            )
        })?;
        // A tag that is none of ours is no version.
        let version = std::str::from_utf8(inner)
            .ok()
            .and_then(|text| text.parse::<u32>().ok());
        if !weak || comparison == Comparison::Weak {
            versions.extend(version);
        }
    }
    Ok(Some(Versions::Of(versions)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &HeaderName, values: &[&'static str]) -> Result<Precondition, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        read(&headers)
    }

    #[test]
    fn tags_are_read_as_versions() {
        let of = |versions: &[u32]| Some(Versions::Of(versions.to_vec()));
        for (values, expected) in [
            (&["*"][..], Some(Versions::Any)),
            (&["\"3\""], of(&[3])),
            (&["\"3\", \"4\""], of(&[3, 4])),
            (&["\"3\"", "\"4\""], of(&[3, 4])),
            (&["\"abc\""], of(&[])),
            (&["W/\"3\""], of(&[])),
        ] {
            assert_eq!(asked(&IF_MATCH, values).unwrap().matches, expected, "{values:?}");
        }
        assert_eq!(
            asked(&IF_NONE_MATCH, &["W/\"3\""]).unwrap().matches_none,
            of(&[3])
        );
        assert_eq!(asked(&IF_MATCH, &[]).unwrap(), Precondition::default());
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for wrong in [
            "",
            "3",
            "\"3",
            "\"3\",",
            "*, \"3\"",
            "\"3\"\"4\"",
            "w/\"3\"",
            "'3'",
        ] {
            assert!(asked(&IF_MATCH, &[wrong]).is_err(), "{wrong}");
        }
    }
}
