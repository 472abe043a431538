//! CloudWatch speaks CBOR, of which its requests and answers need texts, whole numbers, times, lists and maps.

use ciborium::Value as Cbor;
use serde_json::{Value, json};

/// The number of the tag of times, which JSON has none for.
const TIME: u64 = 1;
/// The only field of what becomes a time.
const TIME_FIELD: &str = "seconds since 1970";

/// The body of a request.
pub(super) fn read(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    ciborium::from_reader(bytes).unwrap()
}

/// The body of an answer.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(&with_times(value), &mut bytes).unwrap();
    bytes
}

/// A time in an answer.
pub(super) fn time(secs: u64) -> Value {
    json!({ TIME_FIELD: secs })
}

fn with_times(value: &Value) -> Cbor {
    match value {
        Value::Array(list) => Cbor::Array(list.iter().map(with_times).collect()),
        Value::Object(fields) => match fields.get(TIME_FIELD).and_then(Value::as_u64) {
            Some(secs) => Cbor::Tag(TIME, Box::new(secs.into())),
            None => Cbor::Map(
                fields
                    .iter()
                    .map(|(name, value)| (Cbor::Text(name.clone()), with_times(value)))
                    .collect(),
            ),
        },
        plain => Cbor::serialized(plain).unwrap(),
    }
}
