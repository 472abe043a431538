//! Values that clients write as text, in queries and in bodies: what is accepted, and what they read otherwise.

use std::str::FromStr;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use domain::{FailureCode, JobId, JobState, KeyId, KeyIdError, TenantId, UserId};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error;

/// The longest fingerprint. Those of today have 16 digits.
const MAX_FINGERPRINT_LEN: usize = 64;

/// Checked as at the submit: what could not be submitted can't be found either.
pub(crate) fn name<T: FromStr<Err: ToString> + Into<String>>(text: &str) -> Result<String, String> {
    text.parse::<T>()
        .map(Into::into)
        .map_err(|error| error.to_string())
}

pub(crate) fn job_id(text: &str) -> Result<JobId, &'static str> {
    text.parse()
        .map_err(|_| "must be the id of a job, which is a UUID")
}

pub(crate) fn user_id(text: &str) -> Result<UserId, &'static str> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number
        .map(UserId)
        .ok_or("must be the id of a user, which is a positive integer")
}

pub(crate) fn key_id(text: &str) -> Result<KeyId, KeyIdError> {
    text.parse()
}

pub(crate) fn tenant_id(text: &str) -> Result<TenantId, &'static str> {
    text.parse()
        .map_err(|_| "must be the id of a tenant, which is a UUID")
}

pub(crate) fn state(text: &str) -> Result<JobState, String> {
    text.parse().map_err(|_| {
        format!(
            "must be one of {}",
            JobState::ALL.map(JobState::as_str).join(", ")
        )
    })
}

pub(crate) fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    // The years that a version 7 id can tell.
    time.ok()
        .filter(|time| (1970..=9999).contains(&time.year()))
        .ok_or("must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z, of 1970 or later")
}

/// A time as [`time`] reads it.
pub(crate) fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The message lists the codes that there are.
pub(crate) fn error_code(text: &str) -> Result<String, String> {
    let code = FailureCode::deserialize(text.into_deserializer());
    code.map(|code| code.as_str().to_owned())
        .map_err(|error: Error| error.to_string())
}

/// Only its alphabet is checked: older rules made others than today's.
pub(crate) fn fingerprint(text: &str) -> Result<String, &'static str> {
    let is_one = (1..=MAX_FINGERPRINT_LEN).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_one {
        return Err("must be the fingerprint of a dead letter, such as 473c60e349f95403");
    }
    Ok(text.to_owned())
}

/// The most entries of an answer.
pub(crate) fn limit(text: &str, max: i64) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_error_code_is_told_the_known_ones() {
        assert_eq!(error_code("timed_out").as_deref(), Ok("timed_out"));
        for wrong in ["", "Timed_out", "nul\0"] {
            let told = error_code(wrong).unwrap_err();
            assert!(
                told.contains("`worker_lost`") && told.contains("`timed_out`"),
                "{told}"
            );
        }
    }

    #[test]
    fn fingerprints_of_any_age_are_accepted_and_nothing_that_postgres_refuses() {
        for accepted in ["473c60e349f95403", "unknown"] {
            assert_eq!(fingerprint(accepted).as_deref(), Ok(accepted));
        }
        for wrong in ["", "473C", "a b", "a\0", "é", &"a".repeat(65)] {
            assert!(fingerprint(wrong).is_err(), "{wrong}");
        }
    }
}
