//! What a module declares, as its text says. `terraform fmt` has the last word on the layout, so a block ends at the
//! first line that is a brace and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A block at the top of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Block<'a> {
    kind: &'a str,
    name: &'a str,
    lines: Vec<&'a str>,
}

impl Block<'_> {
    /// Whether an argument of the block itself is set.
    fn has(&self, argument: &str) -> bool {
        self.lines.iter().any(|line| {
            let rest = line
                .strip_prefix("  ")
                .and_then(|line| line.strip_prefix(argument));
            rest.is_some_and(|rest| rest.trim_start().starts_with('='))
        })
    }

    /// The sentences that say what was expected, with what stands between quotes.
    fn sentences(&self) -> impl Iterator<Item = String> {
        self.lines.iter().filter_map(|line| {
            let value = line
                .trim_start()
                .strip_prefix("error_message")?
                .trim_start()
                .strip_prefix('=')?;
            Some(value.trim().trim_matches('"').replace("\\\"", "\""))
        })
    }
}

/// The configuration files of a folder by name.
///
/// # Errors
///
/// When it can't be read.
pub fn files(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))? {
        let path = entry
            .with_context(|| format!("could not read {}", folder.display()))?
            .path();
        if path.extension().is_some_and(|it| it == "tf") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
            files.insert(path, text);
        }
    }
    Ok(files)
}

/// What a folder lacks that each has: variables with type and description, in files of their own; outputs with a
/// description; and a README that names all of them.
pub fn complaints(files: &BTreeMap<PathBuf, String>, readme: Option<&str>) -> Vec<String> {
    let mut complaints = Vec::new();
    if readme.is_none() {
        complaints.push("there is no README.md".to_owned());
    }
    for (path, text) in files {
        for block in blocks(text) {
            let name = format!("{} {}", block.kind, block.name);
            match block.kind {
                "variable" => {
                    complaints.extend(lacks(&block, &["type", "description"]));
                    if !has_variables_only(path) {
                        complaints.push(format!("{name} must stand in a file called variables*.tf"));
                    }
                }
                "output" => complaints.extend(lacks(&block, &["description"])),
                // What validations share with the module. That it refers to variables only is seen when they are planned.
                "locals" => continue,
                _ if has_variables_only(path) => {
                    complaints.push(format!("{name} must not stand in {}", path.display()));
                }
                _ => continue,
            }
            if readme.is_some_and(|readme| !readme.contains(&format!("`{}`", block.name))) {
                complaints.push(format!("README.md does not name {name}"));
            }
        }
    }
    complaints
}

/// Whether a file has variables, and locals that follow from them, and nothing else in it.
pub fn has_variables_only(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("variables"))
}

/// Whether a module wants its caller to hand it providers by other names. Terraform can't validate it by itself then.
pub fn wants_providers(files: &BTreeMap<PathBuf, String>) -> bool {
    files.values().any(|text| text.contains("configuration_aliases"))
}

/// What the variables say to values that they refuse, once per validation.
pub fn sentences(files: &BTreeMap<PathBuf, String>) -> Vec<String> {
    files
        .values()
        .flat_map(|text| blocks(text))
        .filter(|block| block.kind == "variable")
        .flat_map(|block| block.sentences().collect::<Vec<_>>())
        .collect()
}

fn lacks(block: &Block<'_>, arguments: &[&str]) -> Vec<String> {
    let missing = arguments.iter().filter(|argument| !block.has(argument));
    missing
        .map(|argument| format!("{} {} has no {argument}", block.kind, block.name))
        .collect()
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for line in text.lines() {
        match &mut open {
            Some(_) if line == "}" => blocks.extend(open.take()),
            Some(block) => block.lines.push(line),
            None => {
                let Some(head) = line.strip_suffix('{').or_else(|| line.strip_suffix("{}")) else {
                    continue;
                };
                let mut words = head.split('"').map(str::trim).filter(|word| !word.is_empty());
                let block = Block {
                    kind: words.next().unwrap_or_default(),
                    name: words.next_back().unwrap_or_default(),
                    lines: Vec::new(),
                };
                if line.ends_with("{}") {
                    blocks.push(block);
                } else {
                    open = Some(block);
                }
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLES: &str = "\
variable \"name\" {
  description = \"What it is called.\"
  type        = string

  validation {
    condition     = length(var.name) < 5
    error_message = \"name must be short, like \\\"a\\\".\"
  }
}

variable \"bare\" {}
";

    fn files(files: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
        files
            .iter()
            .map(|&(path, text)| (path.into(), text.to_owned()))
            .collect()
    }

    #[test]
    fn a_variable_has_type_and_description_and_its_place() {
        let complaints = complaints(
            &files(&[
                ("variables.tf", VARIABLES),
                ("main.tf", "variable \"other\" {\n  type = string\n}\n"),
                (
                    "outputs.tf",
                    "output \"arn\" {\n  value = 1\n  foo {\n    description = 1\n  }\n}\n",
                ),
            ]),
            Some("`name` `arn` `other`"),
        );
        assert_eq!(
            complaints,
            [
                "variable other has no description",
                "variable other must stand in a file called variables*.tf",
                "output arn has no description",
                "variable bare has no type",
                "variable bare has no description",
                "README.md does not name variable bare",
            ]
        );
    }

    #[test]
    fn a_file_of_variables_has_no_resource_and_a_folder_has_a_readme() {
        let found = complaints(
            &files(&[(
                "variables.tf",
                "locals {\n}\n\nresource \"aws_vpc\" \"this\" {\n}\n",
            )]),
            None,
        );
        assert_eq!(
            found,
            [
                "there is no README.md",
                "resource this must not stand in variables.tf"
            ]
        );
    }

    #[test]
    fn a_module_that_is_handed_providers_is_recognised() {
        let versions = "terraform {\n  required_providers {\n    aws = {\n      configuration_aliases = [aws.dr]\n    }\n  }\n}\n";
        assert!(wants_providers(&files(&[("versions.tf", versions)])));
        assert!(!wants_providers(&files(&[("variables.tf", VARIABLES)])));
    }

    #[test]
    fn sentences_are_read_as_they_are_told() {
        assert_eq!(
            sentences(&files(&[("variables.tf", VARIABLES)])),
            ["name must be short, like \"a\"."]
        );
    }
}
