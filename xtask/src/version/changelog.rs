//! What the changelog says, in the form of <https://keepachangelog.com>.

use semver::Version;

/// What it says about a version: the text below a heading like `## [1.2.3]` or `## [1.2.3] - 2026-07-01`, if there is any.
pub(super) fn entry<'a>(changelog: &'a str, version: &Version) -> Option<&'a str> {
    let heading = format!("## [{version}]");
    let (at, _) = changelog
        .match_indices(&heading)
        .find(|(at, _)| *at == 0 || changelog[..*at].ends_with('\n'))?;
    let (_, below) = changelog[at..].split_once('\n')?;
    let end = below.find("\n## ").or(below.starts_with("## ").then_some(0));
    let text = below[..end.unwrap_or(below.len())].trim();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_ends_at_the_next_heading() {
        let text = "# Changelog\n\n## [1.1.0] - 2026-07-01\n\n### Added\n\n- A.\n\n## [1.0.0]\n- B.\n\n## [0.9.0]\n## [0.8.0]\n- C.\n";
        let of = |minor, major| entry(text, &Version::new(major, minor, 0));
        assert_eq!(of(1, 1), Some("### Added\n\n- A."));
        assert_eq!(of(0, 1), Some("- B."));
        assert_eq!(of(9, 0), None);
        assert_eq!(of(8, 0), Some("- C."));
        assert_eq!(of(7, 0), None);
        assert_eq!(entry("See ## [1.0.0]\nText\n", &Version::new(1, 0, 0)), None);
    }
}
