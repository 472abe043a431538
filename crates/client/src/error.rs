//! What can go wrong, and what the api says about it.

use std::fmt;
use std::time::Duration;

use domain::JobId;
use http::StatusCode;
use serde::Deserialize;

/// Why there is no answer, or none that was wanted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The api refused the request, and says why.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// Something that is not the api answered in its place.
    #[error("{status} is no answer of the api: {text}")]
    Stranger {
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        text: String,
    },
    /// The api can't be reached, or the connection broke.
    #[error("the api does not answer")]
    Connection(#[source] reqwest::Error),
    /// The answer is not what this version of the client expects.
    #[error("the api's answer can't be read")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The client was set up wrongly, or asked for what can't be a request.
    #[error("{0}")]
    Configuration(String),
}

impl Error {
    /// What the api says, when it was the api that refused.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Stranger { .. } | Self::Connection(_) | Self::Answer(_) | Self::Configuration(_) => None,
        }
    }

    /// Whether the api says that there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.problem()
            .is_some_and(|problem| problem.status == StatusCode::NOT_FOUND.as_u16())
    }
}

/// A refusal (RFC 9457). Programs branch on `code`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// Names the problem, such as `rate_limited`. Does not change between versions.
    pub code: String,
    /// The problem in a few words.
    pub title: String,
    /// What is special about this one.
    #[serde(default)]
    pub detail: String,
    /// Names the request, for whoever runs the api.
    #[serde(default)]
    pub request_id: String,
    /// The places that are wrong.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// The route of what it is about, such as what an earlier request has made.
    pub resource: Option<String>,
    /// The job in the way, of a `unique_conflict`.
    pub job_id: Option<JobId>,
    /// How long the api asks to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// A place that is wrong.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct FieldError {
    /// A JSON Pointer (RFC 6901) into the body.
    pub pointer: Option<String>,
    /// A parameter of the path or the query.
    pub parameter: Option<String>,
    /// A header.
    pub header: Option<String>,
    /// Names what is wrong with it.
    pub code: String,
    /// The same, for people.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        // Where places are wrong, the detail counts or repeats them.
        if !self.detail.is_empty() && self.errors.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        for error in &self.errors {
            let places = [&error.pointer, &error.parameter, &error.header];
            let place = places.into_iter().flatten().next();
            write!(f, "\n  {} {}", place.map_or("", String::as_str), error.message)?;
        }
        if let Some(job_id) = &self.job_id {
            write!(f, "\n  see /api/jobs/{job_id}")?;
        }
        if let Some(resource) = &self.resource {
            write!(f, "\n  see {resource}")?;
        }
        write!(f, " ({}, request {})", self.status, self.request_id)
    }
}
