//! Query parameters, with errors that name each one.

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use http::request::Parts;
use url::form_urlencoded;

use crate::problem::{FieldError, Place, Problem, ProblemType};

/// The parameters of a request. Take each one, then [`Query::finish`].
#[derive(Debug)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self {
            pairs: form_urlencoded::parse(text.as_bytes()).into_owned().collect(),
            errors: Vec::new(),
        }
    }

    /// Takes a parameter; `None` when it is absent, or wrong, which [`Query::finish`] tells.
    pub(crate) fn take<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let mut values = self
            .pairs
            .extract_if(.., |(key, _)| key == name)
            .map(|(_, value)| value);
        let value = values.next()?;
        if values.next().is_some() {
            drop(values);
            self.refuse(name, "duplicate", "must not be sent twice");
            return None;
        }
        drop(values);
        parse(&value)
            .map_err(|error| self.refuse(name, "invalid_value", &error.to_string()))
            .ok()
    }

    /// Refuses a parameter that was taken.
    pub(crate) fn refuse(&mut self, name: &str, code: &'static str, message: &str) {
        self.errors
            .push(FieldError::new(Place::Parameter(name.to_owned()), code, message));
    }

    /// Succeeds when all was taken and nothing was wrong. An unknown parameter is a mistake: without the
    /// filter that the client had in mind it would read what it did not ask for.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.refuse(&name, "unknown_parameter", "is no parameter of this route");
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid(ProblemType::InvalidParameter, self.errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Result<u8, std::num::ParseIntError> {
        text.parse()
    }

    #[test]
    fn parameters_are_decoded_and_taken() {
        let mut query = Query::parse("a=1&b=x+y%2Fz");
        assert_eq!(query.take("a", number), Some(1));
        assert_eq!(
            query
                .take("b", |text| Ok::<_, Infallible>(text.to_owned()))
                .as_deref(),
            Some("x y/z")
        );
        assert_eq!(query.take("c", number), None);
        assert!(query.finish().is_ok());
    }

    #[test]
    fn everything_wrong_is_named() {
        let mut query = Query::parse("a=x&b=1&b=2&c=3&%00=4");
        assert!(query.take("a", number).is_none() && query.take("b", number).is_none());
        let told = format!("{:?}", query.finish().unwrap_err());
        for (name, code) in [
            ("a", "invalid_value"),
            ("b", "duplicate"),
            ("c", "unknown_parameter"),
            ("\\0", "unknown_parameter"),
        ] {
            assert!(
                told.contains(&format!("Parameter(\"{name}\"), code: \"{code}\"")),
                "{name}: {told}"
            );
        }
    }
}
