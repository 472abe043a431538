//! Breaking changes that are meant: a list that people write.

use anyhow::{Result, bail};

use super::changes::Break;

/// The list. An entry has no place of its own without a reason, and none that is not needed.
#[derive(Debug, Default)]
pub(super) struct Declared {
    entries: Vec<(String, String)>,
}

impl Declared {
    /// Reads lines of rule, place and reason.
    ///
    /// # Errors
    ///
    /// When a line is none.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut entries = Vec::new();
        for line in text.lines().filter(|line| is_entry(line)) {
            let parts = line
                .split_once(" # ")
                .map(|(change, reason)| (change.trim(), reason.trim()));
            let entry = parts
                .filter(|(_, reason)| !reason.is_empty())
                .and_then(|(change, _)| change.split_once(' '));
            let Some((rule, place)) = entry else {
                bail!("a declared change is a rule, a place and after ` # ` a reason, unlike {line:?}");
            };
            entries.push((rule.to_owned(), place.trim().to_owned()));
        }
        Ok(Self { entries })
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is wrong between the list and what was found; one sentence each.
    pub(super) fn against(&self, found: &[Break]) -> Vec<String> {
        let is =
            |(rule, place): &(String, String), found: &Break| *rule == found.rule && *place == found.place;
        let undeclared = found
            .iter()
            .filter(|found| !self.entries.iter().any(|entry| is(entry, found)));
        let undeclared = undeclared.map(|it| format!("{} {} # {}", it.rule, it.place, it.message));
        let superfluous = self
            .entries
            .iter()
            .filter(|entry| !found.iter().any(|found| is(entry, found)));
        let superfluous =
            superfluous.map(|(rule, place)| format!("{rule} {place} is declared, but did not happen"));
        undeclared.chain(superfluous).collect()
    }
}

/// The text without its entries: what a release leaves of it.
pub(super) fn without_entries(text: &str) -> String {
    text.lines()
        .filter(|line| !is_entry(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn is_entry(line: &str) -> bool {
    !line.starts_with('#') && !line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: &str, place: &str) -> Break {
        Break {
            rule: rule.to_owned(),
            place: place.to_owned(),
            message: "It was removed.".to_owned(),
        }
    }

    #[test]
    fn what_is_declared_with_a_reason_is_no_complaint() {
        let declared = Declared::read("# a comment\n\npath-removed #/paths/~1a # Nobody used it.\n").unwrap();
        assert_eq!(
            declared.against(&[found("path-removed", "#/paths/~1a")]),
            Vec::<String>::new()
        );
        let others = [
            found("path-removed", "#/paths/~1b"),
            found("operation-removed", "#/paths/~1a"),
        ];
        assert_eq!(
            declared.against(&others),
            [
                "path-removed #/paths/~1b # It was removed.",
                "operation-removed #/paths/~1a # It was removed.",
                "path-removed #/paths/~1a is declared, but did not happen",
            ]
        );
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        for line in [
            "path-removed #/paths/~1a",
            "path-removed #/paths/~1a # ",
            "path-removed # why",
        ] {
            assert!(Declared::read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_release_keeps_the_comments_only() {
        assert_eq!(without_entries("# a\nx y # z\n\n# b\n"), "# a\n\n# b\n");
    }
}
