//! One job per key: which submits mean the same work, and what becomes of the second one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::id::JobId;
use crate::name::Kind;
use crate::pointer::{JsonPointer, Look};

/// The most objects and arrays within each other that are compared by what they mean.
const MAX_DEPTH: usize = 128;

/// What makes two jobs of a tenant the same work: a digest, so that no personal data is kept for it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UniqueKey([u8; 32]);

/// How long a job keeps others with its key away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Window {
    /// Until it ends.
    Live,
    /// For so long from its submit on, also when it has ended by then, unless it failed, was cancelled or has expired.
    Period(Duration),
}

/// What a submit wants when another job holds the key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnConflict {
    /// That job, in place of a new one.
    #[default]
    Return,
    /// To take the place of that job, if it has not started.
    Replace,
    /// Nothing: the submit is refused.
    Reject,
}

/// A text that says nothing about what to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be return, replace or reject")]
pub struct UnknownOnConflict;

/// What a submit says about uniqueness.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unique {
    /// What must be unique.
    pub key: UniqueKey,
    /// For how long.
    pub window: Window,
    /// What to do otherwise.
    pub on_conflict: OnConflict,
}

/// The job that holds a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Holder {
    /// The job.
    pub job_id: JobId,
    /// Whether it has not started yet, so that it can be replaced.
    pub waits: bool,
}

/// What becomes of a submit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is stored, and holds the key.
    Take,
    /// It is stored and holds the key, and this job is cancelled.
    Replace(JobId),
    /// It is answered by this job.
    Return(JobId),
    /// It is refused because of this job.
    Refuse(JobId),
}

impl OnConflict {
    /// As it is written in requests and rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Return => "return",
            Self::Replace => "replace",
            Self::Reject => "reject",
        }
    }
}

impl std::str::FromStr for OnConflict {
    type Err = UnknownOnConflict;

    fn from_str(text: &str) -> Result<Self, UnknownOnConflict> {
        let known = [Self::Return, Self::Replace, Self::Reject];
        known
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or(UnknownOnConflict)
    }
}

impl Unique {
    /// Decides what becomes of a submit, given who holds its key.
    #[must_use]
    pub fn decide(&self, holder: Option<Holder>) -> Verdict {
        match (holder, self.on_conflict) {
            (None, _) => Verdict::Take,
            (Some(holder), OnConflict::Return) => Verdict::Return(holder.job_id),
            (Some(holder), OnConflict::Replace) if holder.waits => Verdict::Replace(holder.job_id),
            (Some(holder), OnConflict::Replace | OnConflict::Reject) => Verdict::Refuse(holder.job_id),
        }
    }
}

impl UniqueKey {
    /// The key of a kind and a text.
    #[must_use]
    pub fn of_text(kind: &Kind, text: &str) -> Self {
        Self::of_parts(["key", kind.as_str(), text].into_iter())
    }

    /// The key of a kind and the values of some fields, whatever their order. Values are equal when they mean the same:
    /// white space, the order of an object's members, and how a character is written do not count. Numbers are compared as
    /// they are written, because they may be longer than any program reads them.
    #[must_use]
    pub fn of_fields(kind: &Kind, fields: &BTreeMap<&JsonPointer, &RawValue>) -> Self {
        let fields: Vec<(&str, String)> = fields
            .iter()
            .map(|(pointer, value)| (pointer.as_str(), canonical(value, 0)))
            .collect();
        let pairs = fields
            .iter()
            .flat_map(|(pointer, value)| [*pointer, value.as_str()]);
        Self::of_parts(["fields", kind.as_str()].into_iter().chain(pairs))
    }

    /// Each part with its length, so that no two lists of parts look alike.
    fn of_parts<'a>(parts: impl Iterator<Item = &'a str>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for UniqueKey {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

/// One text for all values that mean the same. What can't be read has only its own.
fn canonical(value: &RawValue, depth: usize) -> String {
    let as_written = || value.get().to_owned();
    if depth > MAX_DEPTH {
        return as_written();
    }
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match Look::into(value) {
        Look::Opaque => as_written(),
        Look::Leaf => {
            serde_json::from_str::<String>(value.get()).map_or_else(|_| as_written(), |text| quoted(&text))
        }
        Look::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(|value| canonical(value, depth + 1)).collect();
            format!("[{}]", elements.join(","))
        }
        // Of two members with one name the last one counts, as for most readers.
        Look::Object(members) => {
            let members: BTreeMap<String, &RawValue> = members.into_iter().collect();
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", quoted(name), canonical(value, depth + 1)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> Kind {
        name.parse().unwrap()
    }

    fn of_field(value: &str) -> UniqueKey {
        let (pointer, value) = (
            "/a".parse().unwrap(),
            RawValue::from_string(value.to_owned()).unwrap(),
        );
        UniqueKey::of_fields(&kind("k"), &BTreeMap::from([(&pointer, &*value)]))
    }

    #[test]
    fn the_kind_is_part_of_the_key_and_parts_do_not_run_together() {
        let keys = [
            UniqueKey::of_text(&kind("k"), "a"),
            UniqueKey::of_text(&kind("ka"), ""),
            UniqueKey::of_text(&kind("l"), "a"),
            of_field("\"a\""),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key));
        }
    }

    #[test]
    fn values_that_mean_the_same_are_equal_and_others_are_not() {
        let same = of_field(r#"{"x":[1,"é"],"y":null}"#);
        assert_eq!(same, of_field("{ \"y\" : null,\t\"x\":[ 1, \"\\u00e9\" ] }"));
        for other in [r#"{"x":[1.0,"é"],"y":null}"#, r#"{"x":[1,"é"]}"#, "null", "[1]"] {
            assert_ne!(same, of_field(other), "{other}");
        }
        // Two that are the same to whoever reads numbers into 64 bits.
        assert_ne!(
            of_field("123456789012345678901"),
            of_field("123456789012345678902")
        );
        assert_ne!(of_field(r#""\ud800""#), of_field(r#""\ud801""#));
    }

    #[test]
    fn only_a_job_that_waits_is_replaced() {
        let job_id = JobId(uuid::Uuid::from_u128(7));
        let decide = |on_conflict, waits| {
            let unique = Unique {
                key: UniqueKey::of_text(&kind("k"), "a"),
                window: Window::Live,
                on_conflict,
            };
            assert_eq!(unique.decide(None), Verdict::Take);
            unique.decide(Some(Holder { job_id, waits }))
        };
        for waits in [true, false] {
            assert_eq!(decide(OnConflict::Return, waits), Verdict::Return(job_id));
            assert_eq!(decide(OnConflict::Reject, waits), Verdict::Refuse(job_id));
        }
        assert_eq!(decide(OnConflict::Replace, true), Verdict::Replace(job_id));
        assert_eq!(decide(OnConflict::Replace, false), Verdict::Refuse(job_id));
    }
}
