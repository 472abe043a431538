//! What every workflow has: an end, a turn, names, roles that last as long as their work, and the compiler that everybody uses.

use anyhow::{Context, Result};

use super::document::Workflow;

/// The compiler that the workspace asks for.
pub(super) fn toolchain(manifest: &str) -> Result<String> {
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .context("Cargo.toml does not say which compiler it needs")?;
    Ok(format!("{}.0", version.trim_end_matches('"')))
}

/// Finds workflows and jobs that can run forever, at the same time as another, without a name, longer than their role lasts, or
/// by another compiler.
pub(super) fn check(workflows: &[Workflow], toolchain: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for workflow in workflows {
        let name = workflow.name();
        if workflow.document["concurrency"]["group"].is_null() {
            complaints.push(format!("{name}: it does not say what it must not run beside"));
        }
        for (key, job) in workflow.jobs() {
            if job["uses"].is_null() && job["timeout-minutes"].is_null() {
                complaints.push(format!("{name}: {key} has no end"));
            }
            if job["name"].is_null() {
                complaints.push(format!("{name}: {key} has no name"));
            }
        }
        for step in workflow.steps() {
            let place = format!("{name}: {}: step {}", step.job, step.number);
            if step.value["name"].is_null() {
                complaints.push(format!("{place} has no name"));
            }
            let action = step.uses().unwrap_or_default();
            if action.starts_with("actions/checkout@") && step.value["with"]["persist-credentials"] != false {
                complaints.push(format!("{place} leaves its token in the checkout"));
            }
            let with = &step.value["with"];
            let role = with["role-to-assume"].as_str().unwrap_or_default();
            if role.ends_with("-github-deploy") && with["role-duration-seconds"].is_null() {
                complaints.push(format!(
                    "{place} has its role for an hour, which a release may outlive"
                ));
            }
            let run = step.run().unwrap_or_default();
            if run.contains("rustup ") && !run.contains(&format!(" {toolchain} ")) {
                complaints.push(format!("{place} installs another compiler than {toolchain}"));
            }
            let is_cargo = run.starts_with("cargo ");
            if is_cargo && workflow.document["env"]["RUSTUP_TOOLCHAIN"] != *toolchain {
                complaints.push(format!("{place} builds with another compiler than {toolchain}"));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_workflow_lacks_is_found() {
        let good = "
concurrency: { group: a }
env: { RUSTUP_TOOLCHAIN: '1.95.0' }
jobs:
  a:
    name: A
    timeout-minutes: 5
    steps:
      - { name: Check out, uses: actions/checkout@0, with: { persist-credentials: false } }
      - { name: Install, run: rustup toolchain install 1.95.0 --profile minimal }
      - { name: Test, run: cargo test }
      - { name: Become, uses: a@0, with: { role-to-assume: 'x:role/tandem-github-deploy', role-duration-seconds: 7200 } }
";
        let found = |text: &str| check(&[Workflow::parse("a.yml", text).unwrap()], "1.95.0");
        assert!(found(good).is_empty());
        for (part, instead, complaint) in [
            (
                "concurrency: { group: a }\n",
                "",
                "it does not say what it must not run beside",
            ),
            ("    timeout-minutes: 5\n", "", "a has no end"),
            ("    name: A\n", "", "a has no name"),
            ("name: Test, ", "", "a: step 3 has no name"),
            (
                ", with: { persist-credentials: false }",
                "",
                "a: step 1 leaves its token in the checkout",
            ),
            (
                ", role-duration-seconds: 7200",
                "",
                "a: step 4 has its role for an hour, which a release may outlive",
            ),
            (
                "install 1.95.0",
                "install 1.96.0",
                "a: step 2 installs another compiler than 1.95.0",
            ),
            (
                "'1.95.0'",
                "stable",
                "a: step 3 builds with another compiler than 1.95.0",
            ),
        ] {
            assert_eq!(
                found(&good.replace(part, instead)),
                [format!("a.yml: {complaint}")]
            );
        }
    }

    #[test]
    fn the_compiler_is_the_workspaces_and_the_images() {
        let root = crate::root();
        let toolchain = toolchain(&std::fs::read_to_string(root.join("Cargo.toml")).unwrap()).unwrap();
        for program in ["api", "worker"] {
            let dockerfile = std::fs::read_to_string(root.join(format!("Dockerfile.{program}"))).unwrap();
            assert!(
                dockerfile.contains(&format!("FROM rust:{toolchain}-")),
                "{program}"
            );
        }
    }
}
