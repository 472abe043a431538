//! Commands, scripts and outputs of Terraform that documents tell people to type exist.

use std::collections::BTreeSet;
use std::path::Path;

use super::files::Files;

/// Programs with subcommands: what stands before one, and the file whose enum `Command` lists them.
const PROGRAMS: [(&str, &str); 3] = [
    ("cargo xtask ", "xtask/src/main.rs"),
    ("tandem-deploy ", "crates/deploy/src/args.rs"),
    ("tandem ", "crates/cli/src/args.rs"),
];
/// The folder of scripts that are run by hand.
const SCRIPTS: &str = "drills/";
/// The folders in which people ask Terraform for outputs.
const ROOTS: [&str; 2] = ["terraform/bootstrap", "terraform/environments"];

/// Finds subcommands and scripts in the code of Markdown files that there are none of.
pub fn check(files: &Files) -> Vec<String> {
    let programs: Vec<(&str, BTreeSet<String>)> = PROGRAMS
        .iter()
        .filter_map(|(program, source)| {
            let (_, text) = files.iter().find(|(path, _)| *path == Path::new(source))?;
            Some((*program, subcommands(text)))
        })
        .collect();
    let outputs = outputs(files);
    let mut complaints = Vec::new();
    for (path, text) in files.with_extension("md") {
        for code in code(text) {
            let unknown = outputs_asked_for(code).filter(|name| !outputs.contains(name));
            complaints.extend(
                unknown
                    .map(|name| format!("{} names the output {name}, which does not exist", path.display())),
            );
            for (program, known) in &programs {
                let unknown = words_after(code, program).filter(|word| !known.contains(*word));
                complaints.extend(
                    unknown.map(|word| {
                        format!("{} names {program}{word}, which does not exist", path.display())
                    }),
                );
            }
            for script in scripts(code) {
                if !files.iter().any(|(path, _)| path == Path::new(&script)) {
                    complaints.push(format!("{} names {script}, which does not exist", path.display()));
                }
            }
        }
    }
    complaints
}

/// The variants of an enum `Command`, as clap calls them.
fn subcommands(source: &str) -> BTreeSet<String> {
    let body = source.split_once("enum Command {").map_or("", |(_, rest)| rest);
    let body = body.split_once("\n}").map_or(body, |(body, _)| body);
    // Fields of variants are indented more.
    let variants = body.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?;
        let end = name.find([' ', '(', ',']).unwrap_or(name.len());
        name.starts_with(|c: char| c.is_ascii_uppercase())
            .then(|| &name[..end])
    });
    variants.map(kebab).chain(["help".to_owned()]).collect()
}

fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (at, c) in name.char_indices() {
        if at > 0 && c.is_ascii_uppercase() {
            text.push('-');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// The lines of code blocks, and what stands between backticks elsewhere.
fn code(markdown: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    markdown.lines().flat_map(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        let pieces: Vec<&str> = match (is_fence, in_block) {
            (true, _) => Vec::new(),
            // What follows a comment sign is prose.
            (false, true) => vec![line.split(" # ").next().unwrap_or_default()],
            (false, false) => line.split('`').skip(1).step_by(2).collect(),
        };
        pieces
    })
}

/// The words that stand after a program's name where it begins a command.
fn words_after<'a>(code: &'a str, program: &str) -> impl Iterator<Item = &'a str> {
    code.match_indices(program).filter_map(|(at, found)| {
        let before = code[..at].trim_end();
        let begins =
            at == 0 || before.ends_with(['(', '|', ';', '&', '/']) || ["cargo", "+", "&&"].contains(&before);
        let word = code[at + found.len()..]
            .split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
            .next()?;
        (begins && word.starts_with(|c: char| c.is_ascii_lowercase())).then_some(word)
    })
}

/// What roots tell; what a module tells is a part of that.
fn outputs(files: &Files) -> BTreeSet<&str> {
    let in_roots = files
        .with_extension("tf")
        .filter(|(path, _)| ROOTS.iter().any(|root| path.starts_with(root)));
    in_roots
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("output \"")?.split('"').next())
        .collect()
}

/// The outputs that a line asks Terraform for by name.
fn outputs_asked_for(code: &str) -> impl Iterator<Item = &str> {
    let asks = [" output -json ", " output -raw "];
    asks.into_iter().flat_map(move |ask| {
        code.match_indices(ask).filter_map(move |(at, _)| {
            let name = code[at + ask.len()..]
                .split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
                .next()?;
            (code[..at].contains("terraform") && !name.is_empty()).then_some(name)
        })
    })
}

fn scripts(code: &str) -> impl Iterator<Item = String> {
    code.match_indices(SCRIPTS).filter_map(|(at, _)| {
        let rest = &code[at..];
        let end = rest.find(".sh")? + ".sh".len();
        let script = &rest[..end];
        (!script.contains([' ', '*'])).then(|| script.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const XTASK: &str = "enum Command {\n    /// Runs.\n    Test {\n        Field,\n    },\n    DocsPage,\n    Sqlx(Args),\n}\nenum Other {\n    Else,\n}\n";

    fn complaints(markdown: &str) -> Vec<String> {
        check(&Files::from([
            ("xtask/src/main.rs", XTASK),
            ("crates/cli/src/args.rs", "enum Command {\n    Dev(DevArgs),\n}\n"),
            ("drills/kill-task.sh", ""),
            (
                "terraform/environments/dev/outputs.tf",
                "output \"platform\" {\n}\n",
            ),
            (
                "terraform/modules/platform/outputs.tf",
                "output \"deploy\" {\n}\n",
            ),
            ("docs/a.md", markdown),
        ]))
    }

    #[test]
    fn what_exists_and_what_is_no_command_is_fine() {
        let text = "Run `cargo xtask docs-page`, cargo xtask nothing, `cargo tandem dev`, `the tandem team`.\n\
                    ```sh\ncargo xtask test --all # cargo xtask none\nx=$(tandem dev)\ndrills/kill-task.sh --run\n\
                    terraform -chdir=x output -json platform | jq .deploy\nsay output -json it\n```\n";
        assert_eq!(complaints(text), [""; 0]);
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let missing = |what: &str| format!("docs/a.md names {what}, which does not exist");
        let text = "`cargo xtask else`\n```sh\ntandem fly\nsh drills/gone.sh\nx=$(terraform output -json deploy)\n```\n";
        assert_eq!(
            complaints(text),
            [
                missing("cargo xtask else"),
                missing("tandem fly"),
                missing("drills/gone.sh"),
                missing("the output deploy")
            ]
        );
    }
}
