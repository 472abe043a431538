//! Actions are pinned by commit, and say which version that is. A tag can be moved to another commit by whoever has taken over
//! an action; a commit can't.

use std::collections::BTreeMap;

use super::document::Workflow;

/// Finds actions that are not pinned, have no version beside them, or have several.
pub(super) fn check(workflows: &[Workflow], texts: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut pins: BTreeMap<&str, &str> = BTreeMap::new();
    for (workflow, text) in workflows.iter().zip(texts) {
        let of_jobs = workflow.jobs().filter_map(|(_, job)| job["uses"].as_str());
        for uses in workflow.steps().filter_map(|step| step.uses()).chain(of_jobs) {
            if uses.starts_with("./.github/workflows/") {
                continue;
            }
            let complaint = match uses.split_once('@') {
                Some((action, commit)) if is_commit(commit) => {
                    let first = *pins.entry(action).or_insert(commit);
                    if first != commit {
                        Some("is pinned to another commit elsewhere")
                    } else if has_version(text, uses) {
                        None
                    } else {
                        Some("has no version beside it")
                    }
                }
                _ => Some("is not pinned to a commit"),
            };
            complaints.extend(complaint.map(|it| format!("{}: {uses} {it}", workflow.name())));
        }
    }
    complaints
}

fn is_commit(text: &str) -> bool {
    text.len() == 40
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

/// Whether the lines with an action end in ` # v1.2.3`.
fn has_version(text: &str, uses: &str) -> bool {
    text.lines().filter(|line| line.contains(uses)).all(|line| {
        let version = line.rsplit_once(" # v").map(|(_, version)| version);
        version.is_some_and(|it| {
            it.split('.').count() == 3 && it.split('.').all(|part| part.parse::<u32>().is_ok())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_without_commit_or_version_are_found() {
        let sha = "3d3c42e5aac5ba805825da76410c181273ba90b1";
        let other = sha.replace('3', "4");
        let found = |uses: &str| {
            let text =
                format!("jobs:\n  a:\n    steps:\n      - uses: x/y@{sha} # v1.0.0\n      - uses: {uses}\n");
            check(&[Workflow::parse("a.yml", &text).unwrap()], &[text])
        };
        assert!(found(&format!("actions/checkout@{sha} # v7.0.1")).is_empty());
        for (uses, complaint) in [
            ("actions/checkout@v7".to_owned(), "is not pinned to a commit"),
            ("docker://alpine".to_owned(), "is not pinned to a commit"),
            ("./.github/actions/own".to_owned(), "is not pinned to a commit"),
            (format!("actions/checkout@{sha}"), "has no version beside it"),
            (format!("actions/checkout@{sha} # v7"), "has no version beside it"),
            (
                format!("x/y@{other} # v1.0.0"),
                "is pinned to another commit elsewhere",
            ),
        ] {
            let complaints = found(&uses);
            assert_eq!(complaints.len(), 1, "{uses}");
            assert!(complaints[0].ends_with(complaint), "{}", complaints[0]);
        }
    }
}
