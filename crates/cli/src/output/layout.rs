//! The white space of JSON, and nothing else of it: what reads and writes values would change numbers that it can't hold.

/// One line, for a pipe.
pub(super) fn on_one_line(json: &str) -> String {
    lay_out(json, |_| String::new(), ":")
}

/// A line for each value, for a person.
pub(super) fn indented(json: &str) -> String {
    lay_out(json, |depth| format!("\n{}", "  ".repeat(depth)), ": ")
}

/// `new_line` stands between the values at a depth, and `colon` after a name.
fn lay_out(json: &str, new_line: impl Fn(usize) -> String, colon: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut depth, mut opened, mut in_text, mut escaped) = (0_usize, false, false, false);
    for c in json.chars() {
        if in_text {
            out.push(c);
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        depth -= usize::from(closes);
        // Nothing stands within `{}`.
        if opened != closes {
            out.push_str(&new_line(depth));
        }
        opened = matches!(c, '{' | '[');
        match c {
            ':' => out.push_str(colon),
            ',' => {
                out.push(c);
                out.push_str(&new_line(depth));
            }
            _ => out.push(c),
        }
        depth += usize::from(opened);
        in_text = c == '"';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str =
        r#" { "a" : [ 1e400 , 0.10 ] , "b\" {" : "x, \\" , "c": { } , "d" : [ [ ] , null ] } "#;

    #[test]
    fn one_line_keeps_everything_but_white_space() {
        assert_eq!(
            on_one_line(JSON),
            r#"{"a":[1e400,0.10],"b\" {":"x, \\","c":{},"d":[[],null]}"#
        );
    }

    #[test]
    fn lines_are_those_that_everybody_knows() {
        for value in [
            serde_json::json!({"a": [1, {"b": "c: {,}"}, []], "d": {}, "e": [[null]]}),
            serde_json::json!([]),
            serde_json::json!("x"),
        ] {
            assert_eq!(
                indented(&value.to_string()),
                serde_json::to_string_pretty(&value).unwrap()
            );
        }
        assert!(
            indented(JSON)
                .starts_with("{\n  \"a\": [\n    1e400,\n    0.10\n  ],\n  \"b\\\" {\": \"x, \\\\\",")
        );
    }
}
