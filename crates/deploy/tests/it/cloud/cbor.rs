//! CloudWatch speaks CBOR, of which its requests and answers need texts, whole numbers, lists and maps.

use serde_json::Value;

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
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
