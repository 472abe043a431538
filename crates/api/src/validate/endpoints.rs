//! What an endpoint may be.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use domain::EndpointName;
use domain::endpoint::{MAX_HEADER_VALUE_BYTES, MAX_HEADERS, MAX_URL_BYTES, header_is_reserved};
use http::{HeaderName, HeaderValue};
use store::EndpointSettings;
use url::Url;

use super::findings::Findings;
use crate::problem::Problem;
use crate::wire::{PutEndpoint, RotateSecret};

const DEFAULT_OVERLAP: Duration = Duration::from_hours(24);
const MAX_HEADER_NAME_BYTES: usize = 100;

/// Valid settings.
pub(crate) fn endpoint(name: EndpointName, body: &PutEndpoint) -> Result<EndpointSettings, Problem> {
    let mut found = Findings::default();
    found.bounds("", body);
    let url = found.read("url", &body.url, target_url);
    let headers = body.headers.as_ref().map(|given| headers(given, &mut found));
    found.finish(url.map(|url| EndpointSettings {
        name,
        url,
        headers,
        timeout: body.timeout_ms.map(Duration::from_millis),
        disabled: body.disabled.unwrap_or_default(),
    }))
}

/// How long the old secrets go on signing.
pub(crate) fn overlap(body: &RotateSecret) -> Result<Duration, Problem> {
    let mut found = Findings::default();
    found.bounds("", body);
    found.finish(Some(
        body.overlap_secs.map_or(DEFAULT_OVERLAP, Duration::from_secs),
    ))
}

/// Whether its host is a public address is checked where it is called, because a name may say something else then.
fn target_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("must be a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must have no user and no password; send credentials in a header".to_owned());
    }
    if url.fragment().is_some() {
        return Err("must have no fragment, because that is not sent".to_owned());
    }
    let url = String::from(url);
    if url.len() > MAX_URL_BYTES {
        return Err(format!("must have at most {MAX_URL_BYTES} bytes"));
    }
    Ok(url)
}

fn headers(given: &BTreeMap<String, String>, found: &mut Findings) -> Vec<(String, String)> {
    if given.len() > MAX_HEADERS {
        let message = format!("must have at most {MAX_HEADERS} entries");
        found.add("headers", "too_large", message);
    }
    let mut seen = HashSet::new();
    let mut headers = Vec::with_capacity(given.len().min(MAX_HEADERS));
    for (name, value) in given.iter().take(MAX_HEADERS) {
        let field = format!("headers/{}", name.replace('~', "~0").replace('/', "~1"));
        let Some(header) = found.read(&field, name, |name| header(name, value)) else {
            continue;
        };
        if header_is_reserved(&header.0) {
            found.add(&field, "reserved", "can't be set");
        }
        if !seen.insert(header.0.clone()) {
            found.add(&field, "duplicate", "is there in another spelling too");
        }
        headers.push(header);
    }
    headers
}

fn header(name: &str, value: &str) -> Result<(String, String), String> {
    let parsed = name.parse::<HeaderName>().ok();
    let parsed = parsed
        .filter(|_| name.len() <= MAX_HEADER_NAME_BYTES)
        .ok_or_else(|| format!("must be named as headers are, with at most {MAX_HEADER_NAME_BYTES} bytes"))?;
    let is_valid = HeaderValue::from_str(value).is_ok() && value.len() <= MAX_HEADER_VALUE_BYTES;
    if !is_valid || value.trim() != value {
        return Err(format!(
            "must be a header's value, with at most {MAX_HEADER_VALUE_BYTES} bytes and no spaces around it"
        ));
    }
    Ok((parsed.as_str().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_one_form_and_no_credentials() {
        let kept = |text: &str| target_url(text).unwrap();
        assert_eq!(kept("HTTPS://Example.COM"), "https://example.com/");
        assert_eq!(
            kept("http://bücher.example/a b?x=1"),
            "http://xn--bcher-kva.example/a%20b?x=1"
        );
        for wrong in [
            "",
            "example.com",
            "ftp://example.com/",
            "https://",
            "https://user@example.com/",
            "https://:secret@example.com/",
            "https://example.com/#part",
            "javascript:alert(1)",
            &format!("https://example.com/{}", "x".repeat(2_048)),
        ] {
            assert!(target_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_are_what_can_be_sent_and_nothing_of_ours() {
        let name = |name: &str| header(name, "x").map(|(name, _)| name);
        assert_eq!(name("Authorization").as_deref(), Ok("authorization"));
        for wrong in ["", "a b", "é", &"x".repeat(101)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
        for wrong in ["a\nb", "nul\0", " padded", &"x".repeat(4_097)] {
            assert!(header("x", wrong).is_err(), "{wrong}");
        }
        assert!(header("x", "").is_ok() && header("x", "Bearer a b").is_ok());
    }
}
