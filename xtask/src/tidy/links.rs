//! Links between documents lead somewhere.

use std::path::Path;

use super::files::Files;

/// Finds relative links in Markdown files to files that do not exist.
pub fn check(root: &Path, files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files.with_extension("md") {
        for target in targets(text).filter(|it| is_relative(it)) {
            let file = target.split(['#', '?']).next().unwrap_or_default();
            let base = path.parent().unwrap_or(Path::new(""));
            if !root.join(base).join(file).exists() {
                complaints.push(format!(
                    "{} links to {target}, which does not exist",
                    path.display()
                ));
            }
        }
    }
    complaints
}

/// Neither an address with a scheme, nor a place in the same document.
fn is_relative(target: &str) -> bool {
    let has_scheme = target
        .split_once(':')
        .is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric()));
    !has_scheme && !target.starts_with('#') && !target.is_empty()
}

/// What the links of a document point at, code aside: `[text](target "title")` and `[label]: target`.
fn targets(markdown: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    let prose = markdown.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    prose.flat_map(|line| {
        let inline = without_code(line).filter_map(|(at, piece)| {
            let end = piece.find(')')?;
            line.get(at..at + end)
        });
        let defined = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
            .map(|(_, target)| target);
        inline.chain(defined).map(|target| {
            let target = target.trim().split(" \"").next().unwrap_or_default();
            target.trim_start_matches('<').trim_end_matches('>')
        })
    })
}

/// The rest of a line after each `](`, with its position, unless that stands between backticks.
fn without_code(line: &str) -> impl Iterator<Item = (usize, &str)> {
    line.match_indices("](").filter_map(move |(at, opening)| {
        let in_code = line[..at].matches('`').count() % 2 == 1;
        (!in_code).then(|| (at + opening.len(), &line[at + opening.len()..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_in_all_spellings() {
        let text = "See [a](a.md), [b](b.md#part \"title\") and [c](<c d.md>).\n\
                    `[no](code.md)` but [yes](e.md)\n\
                    ```\n[no](fenced.md)\n```\n[label]: f.md\n";
        assert_eq!(
            targets(text).collect::<Vec<_>>(),
            ["a.md", "b.md#part", "c d.md", "e.md", "f.md"]
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("docs/adr")).unwrap();
        std::fs::write(root.path().join("README.md"), "").unwrap();
        let text =
            "[up](../README.md#top) [folder](adr) [web](https://example.org/x.md) [here](#x) [gone](gone.md)";
        let complaints = check(root.path(), &Files::from([("docs/index.md", text)]));
        assert_eq!(
            complaints,
            ["docs/index.md links to gone.md, which does not exist"]
        );
    }
}
