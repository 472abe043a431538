//! Names that users choose: checked once, at the border, and trusted from there on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid name. The message is written for the person who sent it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// The text has no characters, or more than the limit.
    #[error("must have 1 to {max} characters")]
    Length {
        /// The most characters that are accepted.
        max: usize,
    },
    /// The text has a character outside the accepted set.
    #[error("{allowed}")]
    Characters {
        /// The accepted set, as a sentence.
        allowed: &'static str,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, max $max:expr, allowed $allowed:expr, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The longest accepted text, in characters.
            pub const MAX_LEN: usize = $max;

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if text.is_empty() || text.chars().count() > Self::MAX_LEN {
                    return Err(NameError::Length { max: Self::MAX_LEN });
                }
                let accepts: fn(&str) -> bool = $accepts;
                if !accepts(text) {
                    return Err(NameError::Characters { allowed: $allowed });
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Names the handler of a job, e.g. `http.request`.
    Kind, max 100,
    allowed "must start with a lower-case letter and hold only a-z, 0-9, '.', '_' and '-'",
    |text| starts_lower(text) && text.bytes().all(|b| is_lower(b) || b == b'.')
}
name! {
    /// Names a lane, e.g. `default`. The characters are those that an SQS queue name accepts too.
    QueueName, max 40,
    allowed "must start with a lower-case letter and hold only a-z, 0-9, '_' and '-'",
    |text| starts_lower(text) && text.bytes().all(is_lower)
}
name! {
    /// Names an HTTP target of a tenant, e.g. `billing`.
    EndpointName, max 40,
    allowed "must start with a lower-case letter and hold only a-z, 0-9, '_' and '-'",
    |text| starts_lower(text) && text.bytes().all(is_lower)
}
name! {
    /// Names a schedule of a tenant, e.g. `nightly-report`. `preview` is the name of a route.
    ScheduleName, max 100,
    allowed "must start with a lower-case letter, hold only a-z, 0-9, '.', '_' and '-', and not be 'preview'",
    |text| starts_lower(text) && text.bytes().all(|b| is_lower(b) || b == b'.') && text != "preview"
}
name! {
    /// A label for finding jobs again.
    Tag, max 100,
    allowed "must hold only visible characters and inner spaces",
    |text| text.trim() == text && !text.chars().any(char::is_control)
}

impl QueueName {
    /// The lane that always exists.
    #[must_use]
    pub fn default_lane() -> Self {
        Self("default".to_owned())
    }
}

fn starts_lower(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_accept_what_they_document_and_nothing_else() {
        assert!("http.request".parse::<Kind>().is_ok());
        assert!("Http".parse::<Kind>().is_err());
        assert!("1st".parse::<Kind>().is_err());
        assert!("a b".parse::<Kind>().is_err());
        assert!("high.priority".parse::<QueueName>().is_err());
        assert!("high-priority_2".parse::<QueueName>().is_ok());
        assert!("nightly.report-2".parse::<ScheduleName>().is_ok());
        assert!("preview".parse::<ScheduleName>().is_err());
        assert!("a/b".parse::<ScheduleName>().is_err());
        assert!("Größe 4".parse::<Tag>().is_ok());
        assert!(" padded".parse::<Tag>().is_err());
        assert!("nul\0".parse::<Tag>().is_err());
        assert_eq!("".parse::<Tag>(), Err(NameError::Length { max: 100 }));
        assert_eq!(
            "x".repeat(41).parse::<QueueName>(),
            Err(NameError::Length { max: 40 })
        );
    }
}
