//! Adding up what `cargo test` reports per test binary.

use std::fmt;
use std::process::ExitCode;

/// How the tests went, over all binaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
}

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
        }
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

    /// The names of the tests that failed.
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
