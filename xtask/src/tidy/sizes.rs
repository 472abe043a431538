//! Files stay small enough to be read in one go.

use std::path::Path;

use super::files::Files;

const CODE_LINES: usize = 400;
const ARCHITECTURE_LINES: usize = 250;

/// Files that may be longer, each with the reason.
pub const LONG_FILES: &[(&str, &str)] = &[
    (
        "clients/python/src/tandem/models.py",
        "generated from the api's description",
    ),
    (
        "clients/python/src/tandem/params.py",
        "generated from the api's description",
    ),
];

/// Checks the sizes, and that every exception is still needed.
pub fn check(files: &Files, exceptions: &[(&str, &str)]) -> Vec<String> {
    let excepted = |path: &Path| {
        exceptions
            .iter()
            .any(|(exception, _)| path == Path::new(exception))
    };
    let too_long = |text: &str, limit: usize| text.lines().count() > limit;
    let mut complaints: Vec<String> = files
        .with_extension("rs")
        .chain(files.with_extension("py"))
        .filter(|(path, text)| too_long(text, CODE_LINES) && !excepted(path))
        .map(|(path, _)| format!("{} has more than {CODE_LINES} lines; split it", path.display()))
        .collect();
    for (exception, _) in exceptions {
        let needed = |(path, text): (&Path, &str)| path == Path::new(exception) && too_long(text, CODE_LINES);
        if !files.iter().any(needed) {
            complaints.push(format!(
                "{exception} is no longer too long; take it off the list of exceptions"
            ));
        }
    }
    let architecture = files
        .iter()
        .find(|(path, _)| *path == Path::new("ARCHITECTURE.md"));
    if architecture.is_some_and(|(_, text)| too_long(text, ARCHITECTURE_LINES)) {
        complaints.push(format!(
            "ARCHITECTURE.md has more than {ARCHITECTURE_LINES} lines; it is an overview"
        ));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact() {
        let (longest, too_long) = ("x\n".repeat(CODE_LINES), "x\n".repeat(CODE_LINES + 1));
        let files = Files::from([("a.rs", &*longest), ("b.rs", &*too_long), ("c.sql", &*too_long)]);
        assert_eq!(check(&files, &[]), ["b.rs has more than 400 lines; split it"]);
        assert_eq!(check(&files, &[("b.rs", "a table")]), Vec::<String>::new());
        let files = Files::from([("a.py", &*longest), ("b.py", &*too_long)]);
        assert_eq!(check(&files, &[]), ["b.py has more than 400 lines; split it"]);
    }

    #[test]
    fn an_exception_that_is_not_needed_is_found() {
        let files = Files::from([("a.rs", "fn main() {}\n")]);
        let complaints = check(&files, &[("a.rs", "was long once")]);
        assert_eq!(
            complaints,
            ["a.rs is no longer too long; take it off the list of exceptions"]
        );
    }

    #[test]
    fn the_overview_stays_one() {
        let files = |lines| Files::from([("ARCHITECTURE.md", &*"x\n".repeat(lines))]);
        assert_eq!(check(&files(250), &[]), Vec::<String>::new());
        assert_eq!(check(&files(251), &[]).len(), 1);
    }
}
