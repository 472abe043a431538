//! What Terraform tells line by line when it is asked for JSON.

use serde_json::Value;

use super::Look;

/// An error that Terraform tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Whether it is an error or a warning.
    pub is_error: bool,
    /// In a few words.
    pub summary: String,
    /// In sentences.
    pub detail: String,
    /// The place and what stands there, if it tells.
    pub at: String,
    /// The test that it belongs to, if any.
    run: Option<String>,
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.summary, self.detail)?;
        if !self.at.is_empty() {
            write!(f, "\n{}", self.at)?;
        }
        Ok(())
    }
}

/// Errors and warnings among these lines.
pub fn diagnostics(lines: &str) -> Vec<Diagnostic> {
    events(lines).filter_map(|event| diagnostic(&event)).collect()
}

/// One look per `run` block, with its errors, and one more for errors outside of any.
pub fn tests(lines: &str) -> Vec<Look> {
    let diagnostics: Vec<Diagnostic> = diagnostics(lines)
        .into_iter()
        .filter(|diagnostic| diagnostic.is_error)
        .collect();
    let of = |run: Option<&str>| -> Vec<String> {
        let mine = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.run.as_deref() == run);
        mine.map(ToString::to_string).collect()
    };
    let mut looks: Vec<Look> = events(lines)
        .filter_map(|event| {
            let run = run_of(&event)?;
            let status = event["test_run"]["status"].as_str()?;
            let mut complaints = of(Some(&run));
            if status != "pass" && complaints.is_empty() {
                complaints.push(format!("the test ended with {status}"));
            }
            Some(Look::at(run, complaints))
        })
        .collect();
    let outside = of(None);
    if !outside.is_empty() {
        looks.push(Look::at("tests", outside));
    }
    looks
}

fn events(lines: &str) -> impl Iterator<Item = Value> {
    lines.lines().filter_map(|line| serde_json::from_str(line).ok())
}

/// The test that an event belongs to: its file and its name.
fn run_of(event: &Value) -> Option<String> {
    let (file, run) = (event["@testfile"].as_str()?, event["@testrun"].as_str()?);
    let file = file.rsplit('/').next().unwrap_or(file);
    Some(format!("{} {run}", file.trim_end_matches(".tftest.hcl")))
}

fn diagnostic(event: &Value) -> Option<Diagnostic> {
    let diagnostic = &event["diagnostic"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut at = Vec::new();
    if let Some(file) = diagnostic["range"]["filename"].as_str() {
        let code = text(&diagnostic["snippet"]["code"]);
        at.push(format!(
            "{file}:{}: {}",
            diagnostic["range"]["start"]["line"],
            code.trim()
        ));
    }
    for value in diagnostic["snippet"]["values"].as_array().into_iter().flatten() {
        at.push(format!(
            "{} {}",
            text(&value["traversal"]),
            text(&value["statement"])
        ));
    }
    Some(Diagnostic {
        is_error: diagnostic["severity"].as_str()? == "error",
        summary: text(&diagnostic["summary"]),
        detail: text(&diagnostic["detail"]),
        at: at.join("\n"),
        run: run_of(event),
    })
}

#[cfg(test)]
mod tests_of_events {
    use super::*;

    const LINES: &str = r#"
{"@message":"Terraform 1.11.4","type":"version"}
{"@testfile":"tests/a.tftest.hcl","@testrun":"one","test_run":{"run":"one","progress":"starting"},"type":"test_run"}
{"@testfile":"tests/a.tftest.hcl","@testrun":"one","test_run":{"run":"one","progress":"complete","status":"pass"},"type":"test_run"}
{"@testfile":"tests/a.tftest.hcl","@testrun":"two","test_run":{"run":"two","progress":"complete","status":"fail"},"type":"test_run"}
{"@testfile":"tests/a.tftest.hcl","@testrun":"two","diagnostic":{"severity":"error","summary":"Test assertion failed","detail":"no way","range":{"filename":"tests/a.tftest.hcl","start":{"line":13}},"snippet":{"code":"    condition = a == \"abd\"","values":[{"traversal":"a","statement":"is \"abc\""}]}},"type":"diagnostic"}
{"@testfile":"tests/a.tftest.hcl","@testrun":"three","test_run":{"run":"three","progress":"complete","status":"skip"},"type":"test_run"}
{"diagnostic":{"severity":"warning","summary":"old","detail":"words"},"type":"diagnostic"}
"#;

    #[test]
    fn each_run_is_a_look_with_its_own_errors() {
        let looks = tests(LINES);
        assert_eq!(
            looks,
            [
                Look::at("a one", vec![]),
                Look::at(
                    "a two",
                    vec!["Test assertion failed: no way\ntests/a.tftest.hcl:13: condition = a == \"abd\"\na is \"abc\"".to_owned()]
                ),
                Look::at("a three", vec!["the test ended with skip".to_owned()]),
            ]
        );
    }

    #[test]
    fn errors_outside_of_a_run_are_a_look_of_their_own() {
        let lines =
            r#"{"diagnostic":{"severity":"error","summary":"Missing","detail":"key"},"type":"diagnostic"}"#;
        assert_eq!(tests(lines), [Look::at("tests", vec!["Missing: key".to_owned()])]);
    }
}
