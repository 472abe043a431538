//! Tests that documents name as proof exist.

use super::files::Files;

/// From so many words on, a name in a document is that of a test, or of something else that stands in a file of ours.
const WORDS: usize = 5;

/// Finds long names between backticks in Markdown files that no other file has in it. A `*` at either end is for anything.
pub fn check(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files.with_extension("md") {
        for name in text.lines().flat_map(names) {
            let stem = name.trim_matches(['*', '_']);
            let is_there = files
                .iter()
                .any(|(path, text)| path.extension().is_none_or(|it| it != "md") && text.contains(stem));
            if !is_there {
                complaints.push(format!(
                    "{} names {name}, which no file has in it",
                    path.display()
                ));
            }
        }
    }
    complaints
}

/// What stands between backticks and is nothing but words with underscores between them.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|code| {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_*".contains(c);
        code.chars().all(is_name) && code.split('_').filter(|word| !word.is_empty()).count() >= WORDS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_are_gone_are_found() {
        let markdown = "`a_lost_job_is_found_again`, `a_lost_job_is_*`, `*_job_is_found_again`, `job_id`, and\n\
                        `a_job_that_is_gone_`\n";
        let files = Files::from([
            ("docs/a.md", markdown),
            ("docs/b.md", "a_job_that_is_gone"),
            ("tests/it.rs", "fn a_lost_job_is_found_again() {}"),
        ]);
        assert_eq!(
            check(&files),
            ["docs/a.md names a_job_that_is_gone_, which no file has in it"]
        );
    }
}
