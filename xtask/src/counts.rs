//! Adding up what `cargo test` reports per test binary.

use std::fmt;
use std::process::ExitCode;

/// How the tests went, over all binaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Names of tests, with the start of what is wrong where that is known.
    failures: Vec<String>,
    reading: Reading,
}

/// Where in what `cargo test` prints of failed tests a line stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Reading {
    /// In no test's output.
    #[default]
    Elsewhere,
    /// In the output of this test.
    Output(String),
    /// Just before what this test panicked with.
    Panic(String),
}

/// The most characters of what is wrong that go with the name of a test.
const WHY_CHARS: usize = 240;

impl Counts {
    /// Takes in one line of the output of `cargo test`; most lines say nothing about counts.
    pub fn add_line(&mut self, line: &str) {
        let line = without_colours(line);
        if let Some(result) = line.strip_prefix("test result: ") {
            for part in result.split(['.', ';']) {
                match part.trim().split_once(' ') {
                    Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                    Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                    Some((number, "ignored")) => self.skipped += number.parse().unwrap_or(0),
                    _ => {}
                }
            }
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        } else {
            self.read(&line);
        }
    }

    /// Looks for what a failed test panicked with, which follows the place where it did.
    fn read(&mut self, line: &str) {
        let section = line
            .strip_prefix("---- ")
            .and_then(|it| it.strip_suffix(" stdout ----"));
        self.reading = match (section, std::mem::take(&mut self.reading)) {
            (Some(name), _) => Reading::Output(name.to_owned()),
            (None, Reading::Output(name))
                if line.starts_with("thread '") && line.contains(" panicked at ") =>
            {
                Reading::Panic(name)
            }
            (None, Reading::Panic(name)) => {
                if let Some(failure) = self.failures.iter_mut().rev().find(|it| **it == name) {
                    *failure = with_why(&name, line);
                }
                Reading::Elsewhere
            }
            (None, before) => before,
        };
    }

    /// Takes in one line of the output of pytest: its last one has the counts, those before it the names.
    pub fn add_pytest_line(&mut self, line: &str) {
        let line = without_colours(line);
        if let Some(failure) = line
            .strip_prefix("FAILED ")
            .or_else(|| line.strip_prefix("ERROR "))
        {
            let name = failure.split(" - ").next().unwrap_or_default();
            self.failures.push(name.to_owned());
            return;
        }
        let Some((results, _)) = line.trim_matches(['=', ' ']).rsplit_once(" in ") else {
            return;
        };
        for result in results.split(", ") {
            match result.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed" | "error" | "errors")) => self.failed += number.parse().unwrap_or(0),
                Some((number, "skipped")) => self.skipped += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Takes in one test that is not among those of `cargo test`.
    pub fn add(&mut self, name: &str, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
            self.failures.push(name.to_owned());
        }
    }

    /// Takes in one look at something, which found these faults.
    pub fn add_look(&mut self, name: &str, complaints: &[String]) {
        match complaints.first() {
            None => self.add(name, true),
            Some(first) => self.add(&with_why(name, first), false),
        }
    }

    /// Takes in something that could not be looked at.
    pub fn add_error(&mut self, name: &str, error: &anyhow::Error) {
        println!("error: {error:#}");
        self.add(&with_why(name, &format!("{error:#}")), false);
    }

    /// Takes in how `cargo test` ended. A binary that crashed or did not compile prints no counts, but is a
    /// failure.
    pub fn finish(&mut self, success: bool) {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
    }

    /// Whether there were tests and none failed.
    pub fn is_success(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// What a command that ran them ends with.
    pub fn exit_code(&self) -> ExitCode {
        if self.is_success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// The names of the tests that failed, with a line about why where that is known.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// The name of a failed test and the start of what is wrong, in a line.
fn with_why(name: &str, why: &str) -> String {
    let words = why.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = format!("{name}: ");
    line.extend(words.chars().take(WHY_CHARS));
    if words.chars().nth(WHY_CHARS).is_some() {
        line.push('…');
    }
    line
}

/// Removes the escape sequences that switch colours: everything from the escape character to the next `m`.
fn without_colours(line: &str) -> String {
    let mut pieces = line.split('\u{1b}');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or("", |(_, text)| text));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lines: &str) -> Counts {
        let mut counts = Counts::default();
        lines.lines().for_each(|line| counts.add_line(line));
        counts
    }

    #[test]
    fn counts_of_all_binaries_add_up() {
        let counts = counted(
            "running 2 tests\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.10s\n\
             test a::b ... FAILED\n\
             test result: FAILED. 5 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
        );
        assert_eq!(counts.to_string(), "7 passed, 1 failed");
        assert_eq!(counts.failures(), ["a::b"]);
        assert!(!counts.is_success());
    }

    #[test]
    fn a_failure_tells_what_it_panicked_with() {
        let counts = counted(
            "test a::b ... FAILED\n\
             test a::c ... FAILED\n\
             ---- a::b stdout ----\n\
             in its own words\n\
             thread 'a::b' (7) panicked at crates/a/tests/it/b.rs:4:5:\n\
             2 of 3  were\trefused\n\
             and more of it\n\
             ---- a::c stdout ----\n\
             Error: it gives one\n",
        );
        assert_eq!(counts.failures(), ["a::b: 2 of 3 were refused", "a::c"]);
    }

    #[test]
    fn what_a_look_complains_of_is_told_in_a_short_line() {
        let mut counts = Counts::default();
        counts.add_look("fine", &[]);
        counts.add_look("long", &["x".repeat(300), "and another".to_owned()]);
        counts.add_error("broken", &anyhow::anyhow!("no\nway"));
        assert_eq!(counts.to_string(), "1 passed, 2 failed");
        let long = format!("long: {}…", "x".repeat(WHY_CHARS));
        assert_eq!(counts.failures(), [long.as_str(), "broken: no way"]);
    }

    #[test]
    fn tests_of_another_kind_count_as_well() {
        let mut counts =
            counted("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
        counts.add("chaos quick-sqs-1", true);
        counts.add("chaos quick-postgres-1", false);
        assert_eq!(counts.to_string(), "2 passed, 1 failed");
        assert_eq!(counts.failures(), ["chaos quick-postgres-1"]);
    }

    #[test]
    fn ignored_tests_are_called_skipped() {
        let line =
            "test result: ok. 1 passed; 0 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(counted(line).to_string(), "1 passed, 0 failed, 4 skipped");
        assert!(counted(line).is_success());
    }

    #[test]
    fn the_last_line_of_pytest_has_its_counts() {
        let mut counts = Counts::default();
        for line in [
            "tests/test_a.py ..F. [100%]",
            "FAILED tests/test_a.py::test_b[sync] - AssertionError: 1 failed in 2",
            "===== 1 failed, 40 passed, 2 skipped, 1 error in 12.34s (0:00:12) =====",
        ] {
            counts.add_pytest_line(line);
        }
        assert_eq!(counts.to_string(), "40 passed, 2 failed, 2 skipped");
        assert_eq!(counts.failures(), ["tests/test_a.py::test_b[sync]"]);
    }

    #[test]
    fn colours_do_not_hide_a_result() {
        let line = "test result: \u{1b}[31mFAILED\u{1b}(B\u{1b}[m. 5 passed; 2 failed; 0 ignored; 0 measured";
        assert_eq!(counted(line).to_string(), "5 passed, 2 failed");
    }

    #[test]
    fn a_binary_that_crashed_counts_as_a_failure() {
        let mut counts =
            counted("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
        counts.finish(false);
        assert_eq!(counts.to_string(), "1 passed, 1 failed");
        assert!(!counts.is_success());
    }

    #[test]
    fn no_tests_at_all_are_no_success() {
        let mut counts =
            counted("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out");
        counts.finish(true);
        assert_eq!(counts.to_string(), "0 passed, 0 failed");
        assert!(!counts.is_success());
    }
}
