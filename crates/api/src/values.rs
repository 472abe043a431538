//! Values that clients write as text, in queries and in bodies: what is accepted, and what they read otherwise.

use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{FailureCode, JobId, JobState, KeyId, KeyIdError, TenantId, UserId};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error;

/// The end of the last year that RFC 3339 can write.
const LATEST: DateTime<Utc> =
    DateTime::from_timestamp(253_402_300_799, 0).expect("it is the last second of the year 9999");

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
    // Nothing happens outside of the years that a version 7 id can tell, so their ends mean the same.
    time.map(|time| time.clamp(DateTime::UNIX_EPOCH, LATEST))
        .map_err(|_| "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z")
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
    use utoipa::PartialSchema;

    use super::*;
    use crate::wire;

    #[test]
    fn the_documented_error_codes_are_those_that_are_accepted() {
        let schema = serde_json::to_value(wire::FailureCode::schema()).unwrap();
        let documented: Vec<&str> = schema["enum"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
            .collect();
        for code in &documented {
            assert_eq!(error_code(code).as_deref(), Ok(*code));
        }
        let told = error_code("").unwrap_err();
        let (_, known) = told.split_once("expected").unwrap();
        assert_eq!(known.matches('`').count(), 2 * documented.len(), "{told}");
    }

    #[test]
    fn times_outside_of_what_ids_can_tell_mean_the_ends_of_it() {
        for (written, read) in [
            ("2026-01-31T12:00:00.5+01:00", "2026-01-31T11:00:00.500Z"),
            ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("1970-01-01T00:00:00+05:00", "1970-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(time(written).map(time_text).as_deref(), Ok(read), "{written}");
        }
        for wrong in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "10000-01-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

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
