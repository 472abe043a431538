//! What `http.request` takes.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use domain::endpoint::header_is_reserved;
use domain::{EndpointName, FailureCode};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::Method;
use schemars::{JsonSchema, Schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use crate::handler::{JobError, payload_schema};

/// The methods that make sense for a push.
const METHODS: [Method; 7] = [
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
];

/// The request to be sent.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct HttpRequestPayload {
    pub(super) method: Method,
    pub(super) destination: Destination,
    pub(super) headers: Headers,
    body: Option<Box<RawValue>>,
    timeout_ms: Option<NonZeroU64>,
}

/// Where a request goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Destination {
    /// To any URL.
    Url(Url),
    /// To an endpoint of the tenant.
    Endpoint(EndpointName),
}

/// The fields as they are written: `url` or `endpoint`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    title = "The request to be sent",
    extend("anyOf" = [{ "required": ["url"] }, { "required": ["endpoint"] }])
)]
struct Fields {
    /// POST, PUT, PATCH, DELETE, GET, HEAD or OPTIONS, in any case; POST by default.
    #[serde(default = "post", deserialize_with = "method")]
    #[schemars(with = "String")]
    method: Method,
    /// Where to: `http://` or `https://`.
    #[serde(default, deserialize_with = "http_url")]
    #[schemars(with = "Option<String>", regex(pattern = r"^\s*[Hh][Tt][Tt][Pp][Ss]?:"))]
    url: Option<Url>,
    /// One of the tenant's endpoints, in place of `url`.
    #[schemars(with = "Option<String>")]
    endpoint: Option<EndpointName>,
    /// Headers by name, but for those that belong to the connection, to the body's framing, or to us.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    headers: Headers,
    /// Any JSON, sent byte for byte; a text whose `content-type` is not JSON is sent as that text.
    #[schemars(with = "Option<Value>")]
    body: Option<Box<RawValue>>,
    /// How long the exchange may take, if less than the job's timeout.
    timeout_ms: Option<NonZeroU64>,
}

impl TryFrom<Fields> for HttpRequestPayload {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let destination = match (fields.url, fields.endpoint) {
            (Some(url), None) => Destination::Url(url),
            (None, Some(name)) => Destination::Endpoint(name),
            (Some(_), Some(_)) => return Err("must have url or endpoint, not both"),
            (None, None) => return Err("must have url or endpoint"),
        };
        Ok(Self {
            method: fields.method,
            destination,
            headers: fields.headers,
            body: fields.body,
            timeout_ms: fields.timeout_ms,
        })
    }
}

/// What the fields look like.
pub(super) fn schema() -> Option<Schema> {
    payload_schema::<Fields>()
}

/// Headers that a client may set.
#[derive(Debug, Default)]
pub(super) struct Headers(pub(super) HeaderMap);

impl HttpRequestPayload {
    /// How long the whole exchange may take, when that is less than the job's timeout.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(|ms| Duration::from_millis(ms.get()))
    }

    /// The body as it is sent: JSON byte for byte as it was submitted, or, when the headers announce something else
    /// and it is a JSON string, that string's text.
    pub(super) fn body_text(&self, headers: &HeaderMap) -> Result<Option<String>, JobError> {
        let Some(body) = &self.body else { return Ok(None) };
        let is_text = body.get().starts_with('"')
            && headers
                .get(CONTENT_TYPE)
                .is_some_and(|content_type| !is_json(content_type));
        if !is_text {
            return Ok(Some(body.get().to_owned()));
        }
        serde_json::from_str(body.get()).map(Some).map_err(|error| {
            JobError::abort_as(
                FailureCode::PayloadInvalid,
                format!("the payload's body is no text: {error}"),
            )
        })
    }
}

/// Whether a content type is JSON: `application/json`, or one that ends in `+json`.
pub(super) fn is_json(content_type: &HeaderValue) -> bool {
    let essence = content_type
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

fn post() -> Method {
    Method::POST
}

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
    let text = String::deserialize(deserializer)?;
    METHODS
        .into_iter()
        .find(|method| method.as_str().eq_ignore_ascii_case(&text))
        .ok_or_else(|| {
            let methods: Vec<String> = METHODS.iter().map(ToString::to_string).collect();
            D::Error::custom(format!("must be one of {}", methods.join(", ")))
        })
}

fn http_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let url = Url::parse(&text).map_err(|error| D::Error::custom(format!("must be a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(D::Error::custom("must begin with http:// or https://"));
    }
    Ok(Some(url))
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of header names and texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Headers, A::Error> {
        let mut headers = HeaderMap::new();
        while let Some((name, value)) = entries.next_entry::<String, String>()? {
            let (name, value) = header(&name, &value).map_err(A::Error::custom)?;
            headers.append(name, value);
        }
        Ok(Headers(headers))
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed: HeaderName = name.parse().map_err(|_| format!("{name:?} is no header name"))?;
    let lower = parsed.as_str();
    if header_is_reserved(lower) {
        return Err(format!("the header {lower} can't be set"));
    }
    let value =
        HeaderValue::from_str(value).map_err(|_| format!("the value of {lower} is no header value"))?;
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &serde_json::Value) -> Result<HttpRequestPayload, String> {
        let text = json.to_string();
        let mut reader = serde_json::Deserializer::from_str(&text);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_is_all_it_takes() {
        let payload = read(&serde_json::json!({"url": "https://example.com/hook?x=1"})).unwrap();
        let url = Url::parse("https://example.com/hook?x=1").unwrap();
        assert_eq!(
            (payload.method.as_str(), &payload.destination),
            ("POST", &Destination::Url(url))
        );
        assert!(payload.headers.0.is_empty() && payload.timeout().is_none());
        assert_eq!(payload.body_text(&payload.headers.0).unwrap(), None);
    }

    #[test]
    fn an_endpoint_stands_in_for_a_url_and_not_beside_it() {
        let payload = read(&serde_json::json!({"endpoint": "billing", "url": null})).unwrap();
        let name = "billing".parse().unwrap();
        assert_eq!(payload.destination, Destination::Endpoint(name));
        for (wrong, told) in [
            (serde_json::json!({}), "must have url or endpoint"),
            (
                serde_json::json!({"url": "http://example.com", "endpoint": "billing"}),
                "not both",
            ),
            (serde_json::json!({"endpoint": "Billing"}), "endpoint: must start"),
        ] {
            let error = read(&wrong).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn what_can_not_be_sent_is_refused_by_name() {
        let with = |field: &str, value: serde_json::Value| {
            let mut json = serde_json::json!({"url": "http://example.com"});
            json[field] = value;
            read(&json).unwrap_err()
        };
        assert!(with("url", "ftp://example.com".into()).starts_with("url: must begin with http"));
        assert!(with("url", "nonsense".into()).starts_with("url: must be a URL"));
        assert!(with("method", "CONNECT".into()).starts_with("method: must be one of POST"));
        assert!(with("timeout_ms", 0.into()).starts_with("timeout_ms: invalid value"));
        assert!(with("bdy", 0.into()).contains("unknown field `bdy`"));
        for name in [
            "Host",
            "content-length",
            "Webhook-Id",
            "transfer-encoding",
            "tandem-attempt",
        ] {
            let told = with("headers", serde_json::json!({name: "x"}));
            assert!(
                told.contains(&format!("the header {} can't be set", name.to_lowercase())),
                "{told}"
            );
        }
        assert!(with("headers", serde_json::json!({"a b": "x"})).contains("\"a b\" is no header name"));
        assert!(with("headers", serde_json::json!({"x": "a\nb"})).contains("the value of x"));
    }

    #[test]
    fn json_goes_as_it_came_and_text_as_text() {
        let text = |payload: HttpRequestPayload| payload.body_text(&payload.headers.0).unwrap().unwrap();
        let body = |json| text(read(&json).unwrap());
        let url = "http://example.com";
        let big = r#"{"url":"http://example.com","body":{"b":1,"a":1.00000000000000000001}}"#;
        let payload: HttpRequestPayload = serde_json::from_str(big).unwrap();
        assert_eq!(text(payload), r#"{"b":1,"a":1.00000000000000000001}"#);
        assert_eq!(body(serde_json::json!({"url": url, "body": "hi"})), r#""hi""#);
        let xml = serde_json::json!({"url": url, "body": "<a/>", "headers": {"Content-Type": "text/xml"}});
        assert_eq!(body(xml), "<a/>");
        let ld = serde_json::json!({"url": url, "body": "a", "headers": {"content-type": "application/ld+json; x=1"}});
        assert_eq!(body(ld), r#""a""#);
    }
}
