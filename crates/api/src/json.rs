//! From bytes to a document, with errors that say where.

mod object;

use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

pub(crate) use object::Object;

use crate::problem::{FieldError, Place, Problem, ProblemType};

/// Objects and arrays within each other. Postgres reads payloads by recursion, and so do most programs that
/// get them.
const MAX_DEPTH: usize = 128;

/// Reads a document that must be an object, and the whole text.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    // A payload is taken as it is, so the parser itself does not count what it skips.
    if depth(text) > MAX_DEPTH {
        let detail =
            format!("Objects and arrays may be nested {MAX_DEPTH} deep, and these are nested deeper.");
        return Err(Problem::new(ProblemType::MalformedJson, detail));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let Object(document) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().clone();
        problem(&path, &error.into_inner())
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(document)
}

fn problem(path: &Path, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => malformed(error),
        Category::Data => {
            let message = without_position(error);
            let mut pointer = pointer(path);
            // The parser stands on the object then, not on what it lacks or has twice.
            let of_object = ["missing field `", "duplicate field `"];
            if let Some(name) = of_object
                .iter()
                .find_map(|start| message.strip_prefix(start)?.strip_suffix('`'))
            {
                push(&mut pointer, name);
            }
            let error = FieldError::new(Place::Pointer(pointer), code(&message), message);
            Problem::invalid(ProblemType::InvalidBody, vec![error])
        }
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(
        ProblemType::MalformedJson,
        format!("The body is not JSON: {error}."),
    )
}

/// What serde tells in words only.
fn code(message: &str) -> &'static str {
    const CODES: [(&str, &str); 4] = [
        ("unknown field", "unknown_field"),
        ("missing field", "missing_field"),
        ("duplicate field", "duplicate_field"),
        ("invalid type", "wrong_type"),
    ];
    let known = CODES.iter().find(|(start, _)| message.starts_with(start));
    known.map_or("invalid_value", |(_, code)| code)
}

/// The pointer says where more clearly.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&position).unwrap_or(&message).to_owned()
}

/// A path as a JSON Pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => push(&mut pointer, "?"),
        }
    }
    pointer
}

fn push(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

/// How deep brackets are nested, those in strings not counted. Right for JSON; what is no JSON is refused
/// anyway.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its absence matters")]
        list: Vec<BTreeMap<String, u8>>,
        raw: Option<Box<RawValue>>,
    }

    fn told(text: &str) -> String {
        format!("{:?}", parse::<Outer>(text.as_bytes()).unwrap_err())
    }

    #[test]
    fn errors_say_where() {
        for (text, pointer, code) in [
            (
                r#"{"list":[{},{"a":1,"b/c~d":"x"}]}"#,
                "/list/1/b~1c~0d",
                "wrong_type",
            ),
            (r#"{"list":[{"a":256}]}"#, "/list/0/a", "invalid_value"),
            (r#"{"raw":1}"#, "/list", "missing_field"),
            (r#"{"list":[],"list":[]}"#, "/list", "duplicate_field"),
            (r#"{"list":[],"more":1}"#, "/more", "unknown_field"),
            ("7", "", "wrong_type"),
            ("[[],null]", "", "wrong_type"),
        ] {
            let told = told(text);
            assert!(
                told.contains(&format!("Pointer({pointer:?})")) && told.contains(code),
                "{text}: {told}"
            );
            assert!(!told.contains(" at line"), "{told}");
        }
    }

    #[test]
    fn what_is_no_json_says_line_and_column() {
        for text in [
            "",
            "{",
            "{\"list\":[],}",
            "{\"list\":[{}",
            "{\"list\":[]} 7",
            "{\"raw\":\"\u{1}\"}",
            "nul",
            "{\"raw\":01}",
        ] {
            let told = told(text);
            assert!(
                told.contains("MalformedJson") && told.contains("line 1 column"),
                "{text}: {told}"
            );
        }
        assert!(format!("{:?}", parse::<Outer>(b"{\"raw\":\"\xff\"}")).contains("MalformedJson"));
    }

    #[test]
    fn depth_is_bounded_also_within_what_is_taken_as_it_is() {
        let nested = |depth: usize| {
            format!(
                r#"{{"list":[],"raw":{}{}}}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            )
        };
        assert!(parse::<Outer>(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        assert!(told(&nested(MAX_DEPTH)).contains("nested deeper"));
        assert!(told(&nested(100_000)).contains("nested deeper"));
        let in_a_string = format!(r#"{{"list":[],"raw":"\"{}"}}"#, "[".repeat(1_000));
        assert_eq!(
            parse::<Outer>(in_a_string.as_bytes())
                .unwrap()
                .raw
                .unwrap()
                .get()
                .len(),
            1_004
        );
    }

    #[test]
    fn raw_values_keep_every_byte() {
        let raw = r#"{ "b" : 1e999, "a":  12345678901234567890123456789,"a":"\u0000\ud800" }"#;
        let outer: Outer = parse(format!(r#"{{"list":[],"raw":{raw}}}"#).as_bytes()).unwrap();
        assert_eq!(outer.raw.unwrap().get(), raw);
    }
}
