//! What a workflow says.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

/// A workflow of GitHub Actions.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Its path.
    pub file: String,
    /// What it says, YAML being richer than JSON only in what workflows do not use.
    pub document: Value,
}

/// A step of a job.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The job's key.
    pub job: &'a str,
    /// Which step of the job it is, counted from 1.
    pub number: usize,
    /// What it says.
    pub value: &'a Value,
}

impl Workflow {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// When it is no YAML, has a key twice, or no jobs.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        // YAML 1.1 takes `on` and `y` for truths.
        let options = serde_saphyr::options! { strict_booleans: true };
        let document: Value = serde_saphyr::from_str_with_options(text, options)
            .with_context(|| format!("{file} is no YAML that we know"))?;
        let workflow = Self {
            file: file.to_owned(),
            document,
        };
        ensure!(workflow.jobs().next().is_some(), "{file} has no jobs");
        Ok(workflow)
    }

    /// Its name without folders, such as `ci.yml`.
    pub fn name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }

    /// Its jobs by their keys.
    pub fn jobs(&self) -> impl Iterator<Item = (&str, &Value)> {
        entries(&self.document["jobs"])
    }

    /// The steps of all its jobs.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.jobs().flat_map(|(job, value)| {
            let steps = value["steps"].as_array().map_or(&[][..], Vec::as_slice);
            steps
                .iter()
                .zip(1..)
                .map(move |(value, number)| Step { job, number, value })
        })
    }

    /// What starts it: `on` as a word, a list or a table.
    pub fn triggers(&self) -> Vec<&str> {
        match &self.document["on"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            table => entries(table).map(|(trigger, _)| trigger).collect(),
        }
    }
}

impl<'a> Step<'a> {
    /// What it has a shell run.
    pub fn run(&self) -> Option<&'a str> {
        self.value["run"].as_str()
    }

    /// The action that it uses.
    pub fn uses(&self) -> Option<&'a str> {
        self.value["uses"].as_str()
    }
}

/// The entries of a table; none of anything else.
pub fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let table: Option<&Map<String, Value>> = value.as_object();
    table
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
}

/// The jobs that a job waits for.
pub fn needs(job: &Value) -> Vec<&str> {
    match &job["needs"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
on:
  push: { branches: [main] }
  workflow_call:
jobs:
  build:
    needs: check
    steps:
      - uses: a/b@v1 # why
      - run: |
          one
          two
  check:
    needs: [x, y]
";

    #[test]
    fn jobs_steps_and_triggers_are_found() {
        let workflow = Workflow::parse(".github/workflows/a.yml", TEXT).unwrap();
        assert_eq!(workflow.name(), "a.yml");
        assert_eq!(workflow.triggers(), ["push", "workflow_call"]);
        let steps: Vec<_> = workflow
            .steps()
            .map(|it| (it.job, it.number, it.uses(), it.run()))
            .collect();
        assert_eq!(
            steps,
            [
                ("build", 1, Some("a/b@v1"), None),
                ("build", 2, None, Some("one\ntwo\n"))
            ]
        );
        let needs: Vec<_> = workflow.jobs().map(|(_, job)| needs(job)).collect();
        assert_eq!(needs, [vec!["check"], vec!["x", "y"]]);
    }

    #[test]
    fn what_is_no_workflow_is_refused() {
        for (text, complaint) in [
            ("on: push\njobs: {}\n", "a.yml has no jobs"),
            ("jobs: [", "a.yml is no YAML that we know"),
            ("jobs: {a: {}, a: {}}", "a.yml is no YAML that we know"),
        ] {
            assert_eq!(Workflow::parse("a.yml", text).unwrap_err().to_string(), complaint);
        }
    }
}
