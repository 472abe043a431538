//! What is wrong with a body.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::problem::{FieldError, Place, Problem, ProblemType};

/// A batch may be wrong in thousands of places; these are enough to begin with.
const MAX_FINDINGS: usize = 100;

/// Collects what is wrong. Fields are named relative to the part of the body that is looked at.
#[derive(Debug, Default)]
pub(super) struct Findings {
    part: String,
    errors: Vec<FieldError>,
}

impl Findings {
    /// Looks at another part of the body, which this pointer leads to.
    pub(super) fn enter(&mut self, part: String) {
        self.part = part;
    }

    pub(super) fn add(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        if self.errors.len() < MAX_FINDINGS {
            let pointer = format!("{}/{field}", self.part);
            self.errors
                .push(FieldError::new(Place::Pointer(pointer), code, message));
        }
    }

    /// Reads a name.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        let parsed = text
            .parse()
            .map_err(|error: T::Err| self.add(field, "invalid_value", error.to_string()));
        parsed.ok()
    }

    pub(super) fn time(&mut self, field: &str, text: &str) -> Option<DateTime<Utc>> {
        let Ok(time) = DateTime::parse_from_rfc3339(text) else {
            self.add(
                field,
                "invalid_value",
                "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z",
            );
            return None;
        };
        Some(time.to_utc())
    }

    pub(super) fn in_range(
        &mut self,
        field: &str,
        value: Option<u64>,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Option<u64> {
        let value = value.unwrap_or(default);
        if !range.contains(&value) {
            let message = format!("must be from {} to {}", range.start(), range.end());
            self.add(field, "out_of_range", message);
            return None;
        }
        Some(value)
    }

    /// The result, unless something was found.
    pub(super) fn finish<T>(self, result: Option<T>) -> Result<T, Problem> {
        match result {
            Some(result) if self.errors.is_empty() => Ok(result),
            _ => Err(Problem::invalid(ProblemType::InvalidBody, self.errors)),
        }
    }
}
