//! What a submit says about its payload: that it is what its kind takes, and what of it is personal.

use std::collections::BTreeMap;

use domain::JsonPointer;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use serde_json::value::RawValue;

use super::findings::Findings;
use crate::body::Document;
use crate::kinds::KnownKind;
use crate::wire::SubmitJob;

/// A payload may break its schema in thousands of places; these are enough to begin with.
const MAX_BREACHES: usize = 20;
const MAX_SENSITIVE: usize = 20;
const MAX_METADATA: usize = 20;
const MAX_METADATA_KEY_CHARS: usize = 64;
const MAX_METADATA_VALUE_BYTES: usize = 500;

/// A job within a batch may be no larger than one alone.
pub(super) fn payload(payload: Option<Box<RawValue>>, found: &mut Findings) -> Option<Box<RawValue>> {
    let payload = payload.unwrap_or_default();
    if payload.get().len() > SubmitJob::MAX_BYTES {
        found.add(
            "payload",
            "too_large",
            format!("may have at most {} bytes", SubmitJob::MAX_BYTES),
        );
        return None;
    }
    Some(payload)
}

/// Checks the payload against what its kind takes. One that holds what this can't read, such as a number that no 64 bits
/// hold, is left to the handler, which may be able to.
pub(super) fn breaches(payload: &RawValue, kind: &KnownKind, found: &mut Findings) {
    let Some(validator) = &kind.validator else { return };
    let Ok(value) = serde_json::from_str::<Value>(payload.get()) else {
        return;
    };
    for breach in validator.iter_errors(&value).take(MAX_BREACHES) {
        tell(&breach, found);
    }
}

/// Never quotes the payload: what is not valid may be personal all the same.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most rules of JSON Schema are told alike, those to come included"
)]
fn tell(breach: &ValidationError<'_>, found: &mut Findings) {
    let at = format!("payload{}", breach.instance_path());
    let mut each = |names: &[String], code, message: &str| {
        for name in names.iter().take(MAX_BREACHES) {
            found.add(&format!("{at}/{}", escaped(name)), code, message);
        }
    };
    match breach.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default().to_owned();
            each(&[name], "missing_field", "is missing");
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            each(
                unexpected,
                "unknown_field",
                "is not a field of this kind's payload",
            );
        }
        ValidationErrorKind::Type { .. } => found.add(&at, "wrong_type", breach.masked().to_string()),
        _ => found.add(&at, "invalid_value", breach.masked().to_string()),
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What of the payload is personal: what the submit says, and what the kind says.
pub(super) fn sensitive(texts: &[String], of_kind: &[JsonPointer], found: &mut Findings) -> Vec<JsonPointer> {
    if texts.len() > MAX_SENSITIVE {
        found.add(
            "sensitive",
            "out_of_range",
            format!("must have at most {MAX_SENSITIVE} entries"),
        );
        return Vec::new();
    }
    let parse = |(index, text): (usize, &String)| found.parse(&format!("sensitive/{index}"), text);
    let mut sensitive: Vec<JsonPointer> = texts.iter().enumerate().filter_map(parse).collect();
    sensitive.extend_from_slice(of_kind);
    sensitive.sort_unstable();
    sensitive.dedup();
    sensitive
}

pub(super) fn metadata(metadata: BTreeMap<String, String>, found: &mut Findings) -> BTreeMap<String, String> {
    if metadata.len() > MAX_METADATA {
        found.add(
            "metadata",
            "too_large",
            format!("must have at most {MAX_METADATA} entries"),
        );
    }
    for (key, value) in metadata.iter().take(MAX_METADATA) {
        let field = format!("metadata/{}", escaped(key));
        if !(1..=MAX_METADATA_KEY_CHARS).contains(&key.chars().count()) {
            let message = format!("its key must have 1 to {MAX_METADATA_KEY_CHARS} characters");
            found.add(&field, "out_of_range", message);
        }
        if value.len() > MAX_METADATA_VALUE_BYTES {
            let message = format!("must have at most {MAX_METADATA_VALUE_BYTES} bytes");
            found.add(&field, "too_large", message);
        }
    }
    metadata
}
