//! The border between columns and domain types.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::schedule::Fire;
use domain::{Backoff, RetryPolicy};

use crate::error::Error;

/// Reads a text column that only ever holds what this program wrote.
pub(crate) fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Error>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(Error::corrupt)
}

/// A count or number that a constraint keeps from being negative.
pub(crate) fn count(number: i32) -> Result<u32, Error> {
    u32::try_from(number).map_err(Error::corrupt)
}

/// Milliseconds as a duration; a negative number reads as zero.
pub(crate) fn duration_ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

/// A duration as milliseconds, as columns hold it.
pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The retry policy of a job row.
pub(crate) fn policy(
    max_attempts: i32,
    initial_ms: i64,
    factor: f64,
    max_ms: i64,
) -> Result<RetryPolicy, Error> {
    let backoff = Backoff {
        initial: duration_ms(initial_ms),
        factor,
        max: duration_ms(max_ms),
    };
    Ok(RetryPolicy {
        max_attempts: count(max_attempts)?,
        backoff,
    })
}

/// What a job row says about the schedule that made it. Both columns are set together.
pub(crate) fn fire(schedule: Option<String>, fire_at: Option<DateTime<Utc>>) -> Option<Fire> {
    let (schedule, fire_at) = schedule.zip(fire_at)?;
    Some(Fire { schedule, fire_at })
}
