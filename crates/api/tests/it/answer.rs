//! What came back.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    /// The body, if the answer is this status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self.json()
    }

    /// The body, if the answer is this problem, complete and consistent.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let body = self.json();
        assert_eq!(
            (&body["code"], &body["status"]),
            (&code.into(), &status.into()),
            "{self:?}"
        );
        assert_eq!(body["type"], format!("/problems/{code}"), "{self:?}");
        assert_eq!(body["request_id"], self.header("x-request-id"), "{self:?}");
        assert!(!body["title"].as_str().unwrap().is_empty() && !body["detail"].as_str().unwrap().is_empty());
        assert!(body["instance"].as_str().unwrap().starts_with('/'), "{self:?}");
        assert_eq!(
            self.headers.contains_key("retry-after"),
            matches!(status, 429 | 503) || code == "idempotency_in_progress"
        );
        body
    }
}
