//! What a new key may be.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Scope, Scopes, UserId};

use super::findings::Findings;
use super::names::name;
use crate::problem::Problem;
use crate::wire::{CreateKey, RotateKey};

/// Ten years: what lives longer is a mistake in the unit, or should be said by living for ever.
const MAX_LIFE: TimeDelta = TimeDelta::days(3_653);
const DEFAULT_OVERLAP: Duration = Duration::from_hours(24);

/// A valid key to be made.
#[derive(Debug)]
pub(crate) struct KeyRequest {
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    pub(crate) user_id: Option<UserId>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// A valid rotation.
#[derive(Debug)]
pub(crate) struct RotationRequest {
    pub(crate) overlap: Duration,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// Who asks for a key, and what for.
pub(crate) fn new_key(body: &CreateKey, now: DateTime<Utc>) -> Result<KeyRequest, Problem> {
    let mut found = Findings::default();
    let name = found.read("name", &body.name, name);
    let scopes = scopes(&body.scopes, &mut found);
    if body.user_id.is_some_and(|id| id < 1) {
        found.add("user_id", "invalid_value", "must be a positive integer");
    }
    let expires_at = expires_at(body.expires_at.as_deref(), now, &mut found);
    found.finish(name.map(|name| KeyRequest {
        name,
        scopes,
        user_id: body.user_id.map(UserId),
        expires_at,
    }))
}

/// How a key goes over into the next.
pub(crate) fn rotation(body: &RotateKey, now: DateTime<Utc>) -> Result<RotationRequest, Problem> {
    let mut found = Findings::default();
    found.bounds("", body);
    let expires_at = expires_at(body.expires_at.as_deref(), now, &mut found);
    found.finish(Some(RotationRequest {
        overlap: body.overlap_secs.map_or(DEFAULT_OVERLAP, Duration::from_secs),
        expires_at,
    }))
}

fn scopes(texts: &[String], found: &mut Findings) -> Scopes {
    if texts.is_empty() {
        found.add("scopes", "out_of_range", "must have at least 1 entry");
    }
    let mut seen = BTreeSet::new();
    for (index, text) in texts.iter().take(Scope::ALL.len() + 1).enumerate() {
        let field = format!("scopes/{index}");
        if let Some(scope) = found.parse::<Scope>(&field, text)
            && !seen.insert(scope)
        {
            found.add(&field, "duplicate", "is there twice");
        }
    }
    seen.into_iter().collect()
}

fn expires_at(text: Option<&str>, now: DateTime<Utc>, found: &mut Findings) -> Option<DateTime<Utc>> {
    let expires_at = found.time("expires_at", text?)?;
    if expires_at <= now {
        found.add("expires_at", "too_early", "must be in the future");
    } else if expires_at > now + MAX_LIFE {
        found.add("expires_at", "too_late", "must be at most 10 years ahead");
    }
    Some(expires_at)
}
