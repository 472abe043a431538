//! `Idempotency-Key`: what makes a repeated submit harmless.
//!
//! The key is 1 to 255 visible ASCII characters. It may also come as the quoted string that the IETF draft
//! (draft-ietf-httpapi-idempotency-key-header) asks for; `"k1"` and `k1` are the same key.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderValue;
use http::request::Parts;
use sha2::{Digest, Sha256};
use store::Idempotency;
use utoipa::IntoParams;

use crate::problem::{FieldError, Place, Problem, ProblemType};

const NAME: &str = "Idempotency-Key";
const MAX_LEN: usize = 255;

/// The header, as the documentation shows it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what is taken from the headers")]
pub(crate) struct IdempotencyKeyHeader {
    /// Makes repeating the request harmless: 1 to 255 visible ASCII characters, also as a quoted string.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 512,
        pattern = "^([!#-~][!-~]{0,254}|\"([!#-\\[\\]-~]|\\\\[\"\\\\]){1,255}\")$"
    )]
    key: Option<String>,
}

/// The key of a request, if it has one. Checked by [`IdempotencyKey::bind`], when the body is known too.
#[derive(Debug)]
pub(crate) struct IdempotencyKey {
    values: Vec<HeaderValue>,
    target: String,
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(NAME).iter().cloned().collect();
        Ok(Self {
            values,
            target: format!("{} {}", parts.method, parts.uri.path()),
        })
    }
}

impl IdempotencyKey {
    /// The key with the fingerprint of this request: method, path and body.
    pub(crate) fn bind(&self, body: &[u8]) -> Result<Option<Idempotency>, Problem> {
        let refuse = |message: &str| {
            Problem::invalid(
                ProblemType::InvalidHeader,
                vec![FieldError::new(Place::Header(NAME), "invalid_value", message)],
            )
        };
        let value = match &self.values[..] {
            [] => return Ok(None),
            [value] => value.as_bytes(),
            _ => return Err(refuse("must not be sent twice")),
        };
        let key = parse(value).ok_or_else(|| refuse("must have 1 to 255 visible ASCII characters"))?;
        let mut hash = Sha256::new();
        // A path has no NUL, so it ends where it ends.
        hash.update(self.target.as_bytes());
        hash.update([0]);
        hash.update(body);
        Ok(Some(Idempotency {
            key,
            request_hash: hash.finalize().into(),
        }))
    }
}

pub(crate) fn parse(value: &[u8]) -> Option<String> {
    let key = match value {
        [b'"', quoted @ ..] => unquote(quoted.strip_suffix(b"\"")?)?,
        plain => plain.to_vec(),
    };
    let fits = (1..=MAX_LEN).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    fits.then(|| String::from_utf8(key).ok()).flatten()
}

/// A string of RFC 8941: quotes and backslashes within are escaped by a backslash, and nothing else is.
fn unquote(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.push(*bytes.next().filter(|escaped| matches!(escaped, b'"' | b'\\'))?),
            b'"' => return None,
            other => plain.push(*other),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<String> {
        parse(text.as_bytes())
    }

    #[test]
    fn both_forms_name_the_same_key() {
        assert_eq!(key("order-17").as_deref(), Some("order-17"));
        assert_eq!(key("\"order-17\"").as_deref(), Some("order-17"));
        assert_eq!(key(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
        assert_eq!(key(&"k".repeat(255)).map(|key| key.len()), Some(255));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in [
            "",
            "\"\"",
            "two words",
            "\"two words\"",
            "schlüssel",
            r#""a\b""#,
            r#""a"b""#,
            r#""a\"#,
        ] {
            assert_eq!(key(wrong), None, "{wrong}");
        }
        assert_eq!(key(&"k".repeat(256)), None);
    }

    #[test]
    fn another_target_or_body_is_another_request() {
        let hash = |target: &str, body: &str| {
            let key = IdempotencyKey {
                values: vec![HeaderValue::from_static("k")],
                target: target.to_owned(),
            };
            key.bind(body.as_bytes()).unwrap().unwrap().request_hash
        };
        assert_eq!(hash("POST /a", "{}"), hash("POST /a", "{}"));
        assert_ne!(hash("POST /a", "{}"), hash("POST /a", "{ }"));
        assert_ne!(hash("POST /a", "{}"), hash("POST /b", "{}"));
        assert_ne!(hash("POST /a", "b"), hash("POST /ab", ""));
    }
}
