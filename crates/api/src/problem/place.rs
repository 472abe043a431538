//! Where in a request something is wrong.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// The longest message. It may quote the client, who may have sent much.
const MAX_MESSAGE_CHARS: usize = 300;

/// One value that is not valid.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    #[serde(flatten)]
    place: Place,
    /// What is wrong, for programs: `unknown_field`, `out_of_range`, …
    code: &'static str,
    /// What is wrong, for people.
    message: String,
}

/// Which value it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// A value in the body, by its JSON Pointer (RFC 6901); empty for the whole body.
    Pointer(String),
    /// A part of the path, or a query parameter, by its name.
    Parameter(String),
    /// A header, by its name.
    Header(&'static str),
}

impl FieldError {
    pub(crate) fn new(place: Place, code: &'static str, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE_CHARS) {
            message.truncate(end);
            message.push('…');
        }
        Self { place, code, message }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Pointer(pointer) if pointer.is_empty() => write!(f, "the body: {}", self.message),
            Place::Pointer(name) | Place::Parameter(name) => write!(f, "{name}: {}", self.message),
            Place::Header(name) => write!(f, "{name}: {}", self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_place_is_a_member_of_its_own_name() {
        let error = FieldError::new(Place::Pointer("/kind".to_owned()), "missing_field", "is missing");
        let expected = json!({ "pointer": "/kind", "code": "missing_field", "message": "is missing" });
        assert_eq!(serde_json::to_value(&error).unwrap(), expected);
        assert_eq!(error.to_string(), "/kind: is missing");
    }

    #[test]
    fn a_message_that_quotes_much_is_cut() {
        let error = FieldError::new(Place::Header("Prefer"), "invalid", "é".repeat(10_000));
        assert_eq!(error.message.chars().count(), MAX_MESSAGE_CHARS + 1);
    }
}
