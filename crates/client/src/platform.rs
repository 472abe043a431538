//! The api process itself: whether it is well, and what its problems mean.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;

use crate::call::Call;
use crate::client::Client;
use crate::error::Error;
use crate::open::Open;

/// What was looked at, and whether it is fine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Health {
    /// Whether it is.
    pub status: Open<HealthStatus>,
    /// `ok`, or what is wrong, by what was looked at.
    #[serde(default)]
    pub checks: BTreeMap<String, String>,
    /// The version that answers; an older api does not tell.
    pub version: Option<String>,
    /// The commit that it was built from; an older api does not tell.
    pub commit: Option<String>,
}

/// Whether a process is well.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It is.
    Ok,
    /// It takes requests, but something is wrong.
    Degraded,
}

/// A type of problem.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct ProblemType {
    /// Names it in answers.
    #[serde(rename = "type")]
    pub name: String,
    /// The status of answers with it.
    pub status: u16,
    /// The problem in a few words.
    pub title: String,
    /// Whether the same request may succeed a little later.
    pub transient: bool,
}

impl Client {
    /// Whether the process is alive.
    pub fn health(&self) -> Call<'_, Health> {
        self.get("/health")
    }

    /// Whether the process can take requests. One that can't is an error, after the tries that the client's policy has.
    pub fn ready(&self) -> Call<'_, Health> {
        self.get("/ready")
    }

    /// The metrics of the process, in the text format of Prometheus.
    ///
    /// # Errors
    /// When the process did not answer.
    pub async fn metrics(&self) -> Result<String, Error> {
        self.request(Method::GET, "/metrics").text().await
    }

    /// What a problem means, by the [`code`](crate::Problem::code) of a refusal.
    pub fn problem_type(&self, code: &str) -> Call<'_, ProblemType> {
        Call::new(self.named(Method::GET, "/problems", code, ""))
    }
}
