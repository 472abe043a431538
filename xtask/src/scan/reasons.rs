//! Exceptions from what scanners say have a reason, in the same line or in the comment right above.

use super::tree::Tree;
use super::{Finding, Sample};

pub(super) const SAMPLES: &[Sample] = &[(RULE, "scripts/sample.sh"), (RULE, "terraform/main.tf")];

const RULE: &str = "exception-without-reason";

/// How the scanners' exceptions begin, and how the reason that follows their rules is told from these.
const MARKS: [(&str, &[char]); 4] = [
    ("checkov:skip=", &[':']),
    ("zizmor: ignore[", &[']']),
    ("hadolint ignore=", &[' ']),
    ("shellcheck disable=", &[' ']),
];

/// The exceptions of all files without a reason.
pub(super) fn bare(tree: &Tree) -> Vec<Finding> {
    let scanned = tree.files().filter(|(name, _)| {
        let is_scanned = [".tf", ".yml", ".yaml", ".sh"]
            .iter()
            .any(|end| name.ends_with(end));
        is_scanned || name.contains("Dockerfile.") || name.starts_with(".ci/")
    });
    scanned.flat_map(|(name, text)| in_file(name, text)).collect()
}

fn in_file(name: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut above = "";
    for (line, number) in text.lines().zip(1..) {
        for (mark, ends) in MARKS {
            if let Some((_, exception)) = line.split_once(mark)
                && reason(exception, ends).is_empty()
                && !is_comment(above)
            {
                findings.push(Finding {
                    file: name.to_owned(),
                    line: number,
                    rule: RULE.to_owned(),
                    text: format!("{mark}… says nothing for itself"),
                });
            }
        }
        above = line;
    }
    findings
}

/// What follows the rules that an exception is about.
fn reason<'a>(exception: &'a str, ends: &[char]) -> &'a str {
    exception.split_once(ends).map_or("", |(_, rest)| rest).trim()
}

/// A comment for people, which is not an exception itself.
fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("# ") && !MARKS.iter().any(|(mark, _)| line.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_need_a_reason() {
        let bare = |text: &str| in_file("a.tf", text).len();
        assert_eq!(bare("#checkov:skip=CKV_AWS_18:Nobody reads it."), 0);
        assert_eq!(bare("#checkov:skip=CKV_AWS_18"), 1);
        assert_eq!(bare("#checkov:skip=CKV_AWS_18: "), 1);
        assert_eq!(
            bare("# The word is split on purpose.\n# shellcheck disable=SC2086"),
            0
        );
        assert_eq!(bare("run\n# shellcheck disable=SC2086"), 1);
        assert_eq!(
            bare("# shellcheck disable=SC2086\n# shellcheck disable=SC2087"),
            2
        );
        assert_eq!(bare("# hadolint ignore=DL3008 The base has one version."), 0);
        assert_eq!(bare("- uses: x # zizmor: ignore[artipacked] It pushes a tag."), 0);
        assert_eq!(bare("- uses: x # zizmor: ignore[artipacked]"), 1);
    }

    #[test]
    fn only_files_that_scanners_read_are_looked_at() {
        let tree = Tree::of(&[("a.tf", "#checkov:skip=A"), ("a.md", "#checkov:skip=A")]);
        let files: Vec<String> = bare(&tree).into_iter().map(|it| it.file).collect();
        assert_eq!(files, ["a.tf"]);
    }
}
