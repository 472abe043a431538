//! JSON Pointers, and the documents that they point into.

use std::str;
use std::sync::LazyLock;

use domain::{JsonPointer, mask};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::targets::rereads;

/// Pointers that lead somewhere in [`DOCUMENT`].
pub(crate) const POINTERS: &[&str] = &["", "/customer/name", "/list/1/0", "/a~1b/~0", "//", "/list/10"];

/// Documents with something at the pointers.
pub(crate) const DOCUMENTS: &[&str] = &[
    DOCUMENT,
    r#"{"customer":{"name":null},"customer":"\ud83e\udd80"}"#,
    r#"[{"customer":{}},1.50]"#,
];

const DOCUMENT: &str =
    r#"{ "customer":{"name":"Ann \"X\"","n":1e3}, "list":[7,[true,"x"],{}],"a/b":{"~":-0.5},"":{"":0} }"#;

struct Parsed {
    raw: Box<RawValue>,
    value: Value,
    pointers: Vec<JsonPointer>,
}

static PARSED: LazyLock<Parsed> = LazyLock::new(|| Parsed {
    raw: RawValue::from_string(DOCUMENT.to_owned()).expect("it is JSON"),
    value: serde_json::from_str(DOCUMENT).expect("it is JSON"),
    pointers: POINTERS
        .iter()
        .skip(1)
        .map(|text| text.parse().expect("it is one"))
        .collect(),
});

/// A pointer is written as it was read, and finds what another implementation of the RFC finds.
pub(crate) fn pointer(input: &[u8]) -> bool {
    if !rereads::<JsonPointer>(input) {
        return false;
    }
    let pointer: JsonPointer = str::from_utf8(input)
        .expect("it was read")
        .parse()
        .expect("it was read");
    let found = pointer.find(&PARSED.raw);
    let found: Vec<Value> = found.into_iter().map(parsed).collect();
    let expected: Vec<Value> = PARSED
        .value
        .pointer(pointer.as_str())
        .into_iter()
        .cloned()
        .collect();
    assert_eq!(found, expected, "{pointer}");
    true
}

/// A document is JSON when it is masked, and has nothing left that a pointer leads to.
pub(crate) fn document(input: &[u8]) -> bool {
    let Some(document) = str::from_utf8(input)
        .ok()
        .and_then(|text| serde_json::from_str::<&RawValue>(text).ok())
    else {
        return false;
    };
    let masked = mask::masked(document, &PARSED.pointers);
    for pointer in &PARSED.pointers {
        for left in pointer.find(&masked) {
            assert_eq!(left.get(), "\"***\"", "{pointer} in {masked}");
        }
    }
    true
}

fn parsed(value: &RawValue) -> Value {
    serde_json::from_str(value.get()).expect("it is part of JSON")
}
