//! Jobs that can't be submitted, and what is wrong with them.

use serde_json::{Value, json};

use super::{Expected, MALFORMED, at};

pub(super) fn wrong_jobs() -> Vec<(Vec<u8>, Expected)> {
    let deep = |depth| {
        format!(
            "{{\"kind\":\"k\",\"payload\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    vec![
        (b"".into(), MALFORMED),
        (b"{".into(), MALFORMED),
        (b"{\"kind\":\"k\",}".into(), MALFORMED),
        (b"{\"kind\":\"k\"} more".into(), MALFORMED),
        (b"{\"kind\":\"\xff\"}".into(), MALFORMED),
        (b"{\"kind\":\"k\",\"payload\":\"\xff\"}".into(), MALFORMED),
        (b"{\"kind\":\"k\",\"payload\":01}".into(), MALFORMED),
        (b"{\"kind\":\"k\",\"timeout_ms\":1e999}".into(), MALFORMED),
        (deep(128).into(), MALFORMED),
        (deep(100_000).into(), MALFORMED),
        (b"[]".into(), at("")),
        (
            b"[\"k\",null,null,null,null,null,null,null,null,null]".into(),
            at(""),
        ),
        (b"null".into(), at("")),
        (b"{}".into(), at("/kind")),
        (b"{\"kind\":7}".into(), at("/kind")),
        (b"{\"kind\":\"k\",\"kind\":\"k\"}".into(), at("/kind")),
        (b"{\"kind\":\"nul\\u0000\"}".into(), at("/kind")),
        (
            b"{\"kind\":\"k\",\"tags\":[\"a\",\"nul\\u0000\"]}".into(),
            at("/tags/1"),
        ),
        (b"{\"kind\":\"k\",\"tags\":[\"a\",7]}".into(), at("/tags/1")),
        (
            b"{\"kind\":\"k\",\"queue\":\"no-such-lane\"}".into(),
            at("/queue"),
        ),
        (b"{\"kind\":\"k\",\"qu~e/ue\":1}".into(), at("/qu~0e~1ue")),
        (b"{\"kind\":\"k\",\"max_attempts\":0}".into(), at("/max_attempts")),
        (
            b"{\"kind\":\"k\",\"max_attempts\":-1}".into(),
            at("/max_attempts"),
        ),
        (
            b"{\"kind\":\"k\",\"max_attempts\":1.5}".into(),
            at("/max_attempts"),
        ),
        (
            b"{\"kind\":\"k\",\"max_attempts\":99999999999999999999}".into(),
            at("/max_attempts"),
        ),
        (b"{\"kind\":\"k\",\"backoff\":[1,2,3]}".into(), at("/backoff")),
        (
            b"{\"kind\":\"k\",\"backoff\":{\"factor\":11}}".into(),
            at("/backoff/factor"),
        ),
        (
            b"{\"kind\":\"k\",\"backoff\":{\"x\":11}}".into(),
            at("/backoff/x"),
        ),
        (b"{\"kind\":\"k\",\"run_at\":\"soon\"}".into(), at("/run_at")),
        (
            b"{\"kind\":\"k\",\"start_by\":\"2001-01-01T00:00:00Z\"}".into(),
            at("/start_by"),
        ),
        (
            b"{\"kind\":\"k\",\"run_at\":\"2001-01-01T00:00:00Z\",\"delay_ms\":1}".into(),
            at("/delay_ms"),
        ),
    ]
}

/// What is wrong with the parts that most jobs lack.
pub(super) fn wrong_extras() -> Vec<(Value, Expected)> {
    let metadata = |key: &str, value: Value| json!({ "metadata": { key: value } });
    let many: serde_json::Map<String, Value> = (0..21).map(|n| (n.to_string(), "x".into())).collect();
    let unique = |unique: Value| json!({ "payload": { "a": [1] }, "unique": unique });
    vec![
        (json!({ "metadata": [] }), at("/metadata")),
        (json!({ "metadata": many }), at("/metadata")),
        (metadata("a/b", 7.into()), at("/metadata/a~1b")),
        (metadata("", "x".into()), at("/metadata/")),
        (metadata("a~b", "é".repeat(251).into()), at("/metadata/a~0b")),
        (metadata("k", Value::Null), at("/metadata/k")),
        (json!({ "sensitive": "/a" }), at("/sensitive")),
        (json!({ "sensitive": vec!["/a"; 21] }), at("/sensitive")),
        (json!({ "sensitive": ["/a", "b"] }), at("/sensitive/1")),
        (json!({ "sensitive": ["/~"] }), at("/sensitive/0")),
        (json!({ "sensitive": ["/\0"] }), at("/sensitive/0")),
        (
            json!({ "sensitive": [format!("/{}", "x".repeat(500))] }),
            at("/sensitive/0"),
        ),
        (unique(json!("a")), at("/unique")),
        (unique(json!(["a"])), at("/unique")),
        (unique(json!({})), at("/unique")),
        (unique(json!({ "key": "" })), at("/unique/key")),
        (unique(json!({ "key": "x".repeat(256) })), at("/unique/key")),
        (unique(json!({ "key": 7 })), at("/unique/key")),
        (
            unique(json!({ "key": "a", "fields": ["/a"] })),
            at("/unique/fields"),
        ),
        (unique(json!({ "fields": [] })), at("/unique/fields")),
        (unique(json!({ "fields": ["/a/0", "a"] })), at("/unique/fields/1")),
        (
            unique(json!({ "fields": ["/a/0", "/a/1"] })),
            at("/unique/fields/1"),
        ),
        (
            unique(json!({ "key": "a", "while": "dead" })),
            at("/unique/while"),
        ),
        (
            unique(json!({ "key": "a", "while": "live", "period_ms": 1 })),
            at("/unique/period_ms"),
        ),
        (
            unique(json!({ "key": "a", "period_ms": 0 })),
            at("/unique/period_ms"),
        ),
        (
            unique(json!({ "key": "a", "period_ms": 2_592_000_001_u64 })),
            at("/unique/period_ms"),
        ),
        (
            unique(json!({ "key": "a", "on_conflict": "panic" })),
            at("/unique/on_conflict"),
        ),
        (unique(json!({ "key": "a", "until": "x" })), at("/unique/until")),
    ]
}
