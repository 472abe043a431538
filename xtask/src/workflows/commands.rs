//! What steps may run: one command each, of those in a list that says how each is tried.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::document::Workflow;

pub(super) const FILE: &str = ".github/commands.json";

/// The list.
#[derive(Debug)]
pub(super) struct Commands(pub(super) Vec<Entry>);

/// One command.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Entry {
    /// As the step has it, to the letter.
    pub(super) run: String,
    pub(super) trial: Trial,
}

/// How it is tried.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Trial {
    /// By running it, or the same in a smaller dose, with these variables, which GitHub gives otherwise.
    Here {
        command: String,
        variables: BTreeMap<String, String>,
    },
    /// Not by the dry run, for this reason.
    Elsewhere(String),
}

impl Commands {
    /// Reads the list.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let list: Value = serde_json::from_str(text).with_context(|| format!("{FILE} is not JSON"))?;
        let list = list.as_array().with_context(|| format!("{FILE} is no list"))?;
        list.iter().map(entry).collect::<Result<_>>().map(Self)
    }
}

fn entry(value: &Value) -> Result<Entry> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let run = text("run").with_context(|| format!("{FILE}: {value} has no run"))?;
    let trial = match text("elsewhere") {
        Some(reason) => {
            ensure!(
                value["as"].is_null() && value["with"].is_null(),
                "{FILE}: {run} is tried both here and elsewhere"
            );
            ensure!(
                reason.len() >= 20,
                "{FILE}: {run}: say where it is tried, and why not here"
            );
            Trial::Elsewhere(reason)
        }
        None => Trial::Here {
            command: text("as").unwrap_or_else(|| run.clone()),
            variables: serde_json::from_value(value.get("with").cloned().unwrap_or(serde_json::json!({})))
                .with_context(|| format!("{FILE}: {run}: with must be a table of texts"))?,
        },
    };
    Ok(Entry { run, trial })
}

/// Finds steps that run what is not in the list, and entries that no step needs.
pub(super) fn check(workflows: &[Workflow], commands: &Commands) -> Vec<String> {
    let mut complaints = Vec::new();
    let known = |run: &str| commands.0.iter().any(|entry| entry.run == run);
    let mut used = Vec::new();
    for workflow in workflows {
        for step in workflow.steps() {
            let Some(run) = step.run() else { continue };
            used.push(run);
            let place = format!("{}: {}: step {}", workflow.name(), step.job, step.number);
            if run.contains("${{") {
                complaints.push(format!(
                    "{place} has an expression in its command; pass it by a variable"
                ));
            }
            if run.lines().count() > 1 {
                complaints.push(format!("{place} runs several lines; make them a program"));
            }
            if !known(run) {
                complaints.push(format!("{place} runs {run:?}, which {FILE} does not list"));
            }
        }
    }
    for Entry { run, .. } in &commands.0 {
        if !used.contains(&run.as_str()) {
            complaints.push(format!("{FILE} lists {run:?}, which no step runs"));
        }
        if commands.0.iter().filter(|it| it.run == *run).count() > 1 {
            complaints.push(format!("{FILE} lists {run:?} twice"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_command_is_tried_is_read() {
        let list = r#"[
            {"run": "a"},
            {"run": "b --much", "as": "b --little", "with": {"SEED": "1"}},
            {"run": "c", "elsewhere": "It needs a Docker engine, which tests have not."}
        ]"#;
        let entries = Commands::parse(list).unwrap().0;
        let here = |command: &str, variables: &[(&str, &str)]| Trial::Here {
            command: command.to_owned(),
            variables: variables
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        };
        assert_eq!(entries[0].trial, here("a", &[]));
        assert_eq!(entries[1].trial, here("b --little", &[("SEED", "1")]));
        assert!(matches!(entries[2].trial, Trial::Elsewhere(_)));
        for wrong in [
            r#"[{"run": "c", "elsewhere": "no"}]"#,
            r#"[{"run": "c", "as": "d", "elsewhere": "It needs a Docker engine."}]"#,
            r#"[{"as": "d"}]"#,
            r#"[{"run": "c", "with": {"SEED": 1}}]"#,
            "{}",
        ] {
            assert!(Commands::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_unneeded_and_clever_commands_are_found() {
        let text = "jobs:\n  a:\n    steps:\n      - run: known\n      - run: other\n      - run: |\n          echo ${{ x }}\n          two\n";
        let commands = Commands::parse(r#"[{"run": "known"}, {"run": "unused"}]"#).unwrap();
        let found = check(&[Workflow::parse("a.yml", text).unwrap()], &commands);
        assert_eq!(
            found,
            [
                "a.yml: a: step 2 runs \"other\", which .github/commands.json does not list",
                "a.yml: a: step 3 has an expression in its command; pass it by a variable",
                "a.yml: a: step 3 runs several lines; make them a program",
                "a.yml: a: step 3 runs \"echo ${{ x }}\\ntwo\\n\", which .github/commands.json does not list",
                ".github/commands.json lists \"unused\", which no step runs",
            ]
        );
    }
}
