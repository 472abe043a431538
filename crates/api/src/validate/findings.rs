//! What is wrong with a body.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use validator::{Validate, ValidationError};

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
        self.read(field, text, str::parse)
    }

    /// Reads a text by a rule.
    pub(super) fn read<T, E: fmt::Display>(
        &mut self,
        field: &str,
        text: &str,
        rule: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let read = rule(text).map_err(|error| self.add(field, "invalid_value", error.to_string()));
        read.ok()
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

    /// Checks the bounds that stand beside the fields of a part; `within` is where the part stands.
    pub(super) fn bounds(&mut self, within: &str, part: &impl Validate) {
        let Err(broken) = part.validate() else { return };
        // In the order of names, because a map has none.
        let broken: BTreeMap<_, _> = broken.field_errors().into_iter().collect();
        for (field, errors) in broken {
            for error in errors {
                self.add(
                    &format!("{within}{field}"),
                    "out_of_range",
                    bounds_in_words(error),
                );
            }
        }
    }

    /// The result, unless something was found.
    pub(super) fn finish<T>(self, result: Option<T>) -> Result<T, Problem> {
        match result {
            Some(result) if self.errors.is_empty() => Ok(result),
            _ => Err(Problem::invalid(ProblemType::InvalidBody, self.errors)),
        }
    }
}

fn bounds_in_words(error: &ValidationError) -> String {
    let bound = |name| error.params.get(name).map(ToString::to_string);
    let range = match (bound("min"), bound("max")) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (None, Some(max)) => format!("at most {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, None) => "other than it is".to_owned(),
    };
    match error.code.as_ref() {
        "length" => format!("must have {range} entries"),
        _ => format!("must be {range}"),
    }
}
