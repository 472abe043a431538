//! JSON Pointers (RFC 6901): which value of a payload is meant.

use std::fmt;
use std::str::FromStr;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Which value of a JSON document is meant, e.g. `/customer/id`; the empty pointer means the whole document.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPointer(String);

/// Why a text is no pointer. The message is written for the person who sent it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PointerError {
    /// The text is too long.
    #[error("must have at most {} characters", JsonPointer::MAX_LEN)]
    Length,
    /// The text does not begin with a slash.
    #[error("must be a JSON Pointer such as /customer/id: empty, or beginning with a slash")]
    NoSlash,
    /// A tilde is followed by something else than 0 or 1.
    #[error("must be a JSON Pointer: a ~ is written as ~0, a / within a name as ~1")]
    Escape,
    /// The text has a NUL, which Postgres can't store.
    #[error("must not have the character NUL")]
    Nul,
}

impl JsonPointer {
    /// The longest accepted text, in characters.
    pub const MAX_LEN: usize = 500;

    /// The pointer as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every value that the pointer leads to; none when something on the way is missing. More than one when a name stands
    /// twice in an object: readers differ in which of them counts. What can't be looked into, because a name in it is no
    /// text, is found as a whole.
    #[must_use]
    pub fn find<'a>(&self, document: &'a RawValue) -> Vec<&'a RawValue> {
        let (mut found, mut opaque) = (vec![document], Vec::new());
        for token in self.tokens() {
            let mut deeper = Vec::new();
            for value in found {
                match Look::into(value) {
                    Look::Object(members) => {
                        let named = members.into_iter().filter(|(name, _)| *name == token);
                        deeper.extend(named.map(|(_, value)| value));
                    }
                    Look::Array(elements) => {
                        deeper.extend(index(&token).and_then(|at| elements.get(at)).copied())
                    }
                    Look::Leaf => {}
                    Look::Opaque => opaque.push(value),
                }
            }
            found = deeper;
        }
        found.extend(opaque);
        found
    }

    fn tokens(&self) -> impl Iterator<Item = String> + '_ {
        let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
        self.0.split('/').skip(1).map(unescape)
    }
}

impl FromStr for JsonPointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        if text.chars().count() > Self::MAX_LEN {
            return Err(PointerError::Length);
        }
        if text.contains('\0') {
            return Err(PointerError::Nul);
        }
        if !text.is_empty() && !text.starts_with('/') {
            return Err(PointerError::NoSlash);
        }
        let escapes = text.split('~').skip(1);
        if escapes.into_iter().any(|after| !after.starts_with(['0', '1'])) {
            return Err(PointerError::Escape);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for JsonPointer {
    type Error = PointerError;

    fn try_from(text: String) -> Result<Self, PointerError> {
        text.parse()
    }
}

impl From<JsonPointer> for String {
    fn from(pointer: JsonPointer) -> Self {
        pointer.0
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An array's index: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let canonical = token == "0" || !token.starts_with(['0', '+']);
    canonical.then(|| token.parse().ok()).flatten()
}

/// What a value has in it, each part as it was written.
pub(crate) enum Look<'a> {
    Object(Vec<(String, &'a RawValue)>),
    Array(Vec<&'a RawValue>),
    /// A text, a number, a truth value or null.
    Leaf,
    /// An object with a name that is no text, such as half a surrogate pair.
    Opaque,
}

impl<'a> Look<'a> {
    pub(crate) fn into(value: &'a RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'{') => match serde_json::from_str(value.get()) {
                Ok(Members(members)) => Self::Object(members),
                Err(_) => Self::Opaque,
            },
            Some(b'[') => serde_json::from_str(value.get()).map_or(Self::Opaque, Self::Array),
            _ => Self::Leaf,
        }
    }
}

/// The members of an object in their order, also those whose name stands there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pointer: &str, document: &str) -> Vec<String> {
        let document = RawValue::from_string(document.to_owned()).unwrap();
        let pointer: JsonPointer = pointer.parse().unwrap();
        pointer
            .find(&document)
            .into_iter()
            .map(|value| value.get().to_owned())
            .collect()
    }

    #[test]
    fn a_pointer_is_what_the_rfc_says() {
        for good in ["", "/", "/a", "/a/0", "/a~0b~1c", "//", "/ü"] {
            assert_eq!(good.parse::<JsonPointer>().unwrap().as_str(), good);
        }
        for (bad, error) in [
            ("a", PointerError::NoSlash),
            ("#/a", PointerError::NoSlash),
            ("/a~", PointerError::Escape),
            ("/~2", PointerError::Escape),
            ("/\0", PointerError::Nul),
        ] {
            assert_eq!(bad.parse::<JsonPointer>(), Err(error), "{bad:?}");
        }
        assert_eq!(
            format!("/{}", "x".repeat(500)).parse::<JsonPointer>(),
            Err(PointerError::Length)
        );
    }

    #[test]
    fn it_leads_through_objects_and_arrays_and_past_what_is_missing() {
        let document = r#"{"a": {"b/c": [ 1, {"~": "x"} ], "": 7}, "0": true}"#;
        assert_eq!(found("", document), [document]);
        assert_eq!(found("/a/b~1c/0", document), ["1"]);
        assert_eq!(found("/a/b~1c/1/~0", document), ["\"x\""]);
        assert_eq!(found("/a/", document), ["7"]);
        assert_eq!(found("/0", document), ["true"]);
        for missing in [
            "/b",
            "/a/b~1c/2",
            "/a/b~1c/01",
            "/a/b~1c/-",
            "/a/b~1c/+1",
            "/0/x",
            "/a/b~1c/0/x",
        ] {
            assert!(found(missing, document).is_empty(), "{missing}");
        }
        assert_eq!(found("/n", r#"{"n":1e999}"#), ["1e999"]);
    }

    #[test]
    fn nothing_hides_behind_a_second_name_or_one_that_is_no_text() {
        assert_eq!(
            found("/a/b", r#"{"a":{"b":1},"a":{"b":2,"\u0062":3}}"#),
            ["1", "2", "3"]
        );
        let opaque = r#"{"\ud800":0,"b":1}"#;
        assert_eq!(found("/a/b", &format!("{{\"a\":{opaque}}}")), [opaque]);
    }
}
