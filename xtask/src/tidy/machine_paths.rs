//! Nothing in the repository may depend on where somebody's checkout stands.

use super::files::Files;

/// Where checkouts and homes stand on the machines that the project is worked on. Put together here, so that
/// this file does not break its own rule.
const FORBIDDEN: &[&str] = &[concat!("/", "work/"), concat!("/", "root/")];

/// Finds absolute paths of machines.
pub fn check(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files.iter() {
        for (number, line) in text.lines().enumerate() {
            for forbidden in FORBIDDEN.iter().filter(|it| has_absolute(line, it)) {
                let number = number + 1;
                complaints.push(format!(
                    "{}:{number} names the machine's path {forbidden}",
                    path.display()
                ));
            }
        }
    }
    complaints
}

/// Whether the line has the path from the root on, rather than as a part of a longer one.
fn has_absolute(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/}~*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_are_found_with_their_line() {
        for forbidden in FORBIDDEN {
            let text = format!("first\nsee `{forbidden}main`\n");
            let complaints = check(&Files::from([("README.md", &*text)]));
            assert_eq!(
                complaints,
                [format!("README.md:2 names the machine's path {forbidden}")]
            );
        }
    }

    #[test]
    fn parts_of_longer_paths_are_fine() {
        let text = FORBIDDEN
            .iter()
            .map(|it| format!("/home/runner{it} https://example.org{it} .{it}\n"))
            .collect::<String>();
        assert_eq!(check(&Files::from([("README.md", &*text)])), Vec::<String>::new());
    }
}
