//! What an API key may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One right of an API key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Scope {
    /// Read jobs, their attempts and their events.
    #[serde(rename = "jobs:read")]
    JobsRead,
    /// Submit, cancel and retry jobs.
    #[serde(rename = "jobs:write")]
    JobsWrite,
    /// Operate the tenant's queues, schedules and endpoints.
    #[serde(rename = "ops")]
    Ops,
    /// Manage the tenant's users and keys.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::JobsRead, Self::JobsWrite, Self::Ops, Self::Admin];

    /// The scope as it is written in requests and rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobsRead => "jobs:read",
            Self::JobsWrite => "jobs:write",
            Self::Ops => "ops",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no scope.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no scope; the scopes are jobs:read, jobs:write, ops, admin")]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

/// The set of rights of a key.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Whether the set holds this scope. No scope implies another.
    #[must_use]
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The scopes as they are written in requests and rows.
    #[must_use]
    pub fn to_strings(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Reads the scopes of a row or a request.
    ///
    /// # Errors
    /// The first text that names no scope.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, UnknownScope> {
        texts
            .iter()
            .map(|text| text.as_ref().parse())
            .collect::<Result<Vec<_>, _>>()
            .map(Self)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut all: Vec<Scope> = scopes.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}
