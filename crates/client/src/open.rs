//! Values of lists that grow: a newer api may answer with one that this version of the client does not know.

use std::fmt;

use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::{Deserialize, Deserializer};

/// One of the values of `T`, or another one, which is kept as the api wrote it.
///
/// It compares with values of `T`, and is shown as it was written.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Open<T> {
    text: String,
    known: Option<T>,
}

impl<T: Copy> Open<T> {
    /// The value; `None` when this version of the client does not know it.
    #[must_use]
    pub fn known(&self) -> Option<T> {
        self.known
    }
}

impl<T> Open<T> {
    /// The value as the api wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<T: PartialEq> PartialEq<T> for Open<T> {
    fn eq(&self, other: &T) -> bool {
        self.known.as_ref() == Some(other)
    }
}

impl<T> fmt::Display for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl<T> fmt::Debug for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Open<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known: StrDeserializer<'_, ValueError> = text.as_str().into_deserializer();
        let known = T::deserialize(known).ok();
        Ok(Self { text, known })
    }
}

#[cfg(test)]
mod tests {
    use domain::{JobState, Scope};

    use super::*;

    #[test]
    fn a_value_that_is_not_known_is_kept() {
        let read = |text: &str| serde_json::from_str::<Open<JobState>>(text);
        let (known, unknown) = (read(r#""queued""#).unwrap(), read(r#""blocked""#).unwrap());
        assert_eq!(known, JobState::Queued);
        assert_ne!(known, JobState::Running);
        assert_eq!((unknown.known(), unknown.as_str()), (None, "blocked"));
        assert_eq!(format!("{unknown} {known:?}"), r#"blocked "queued""#);
        assert!(read("7").is_err());
        let scope: Open<Scope> = serde_json::from_str(r#""jobs:read""#).unwrap();
        assert_eq!(scope, Scope::JobsRead);
    }
}
