//! Who has a credential. A job that may ask for a token of AWS runs nothing that others wrote but the actions that need it: no
//! build, no scanner, no package's script. What such tools would steal is not there. Secrets of GitHub's there are none.

use serde_json::Value;

use super::document::{Workflow, entries};

/// The actions that a job with a credential may use.
const TRUSTED: [&str; 8] = [
    "actions/attest",
    "actions/attest-build-provenance",
    "actions/checkout",
    "actions/download-artifact",
    "actions/upload-artifact",
    "aws-actions/amazon-ecr-login",
    "aws-actions/configure-aws-credentials",
    "hashicorp/setup-terraform",
];
/// What such a job may run: what was built without a credential.
const PROGRAMS: [&str; 2] = ["programs/", "chmod +x programs/"];
/// Triggers that run code of strangers with our credentials.
const DANGEROUS: [&str; 4] = [
    "issue_comment",
    "pull_request_target",
    "repository_dispatch",
    "workflow_run",
];

/// Finds credentials where they can be stolen.
pub(super) fn check(workflows: &[Workflow]) -> Vec<String> {
    let mut complaints = Vec::new();
    for workflow in workflows {
        let name = workflow.name();
        let dangerous = workflow
            .triggers()
            .into_iter()
            .filter(|it| DANGEROUS.contains(it));
        complaints
            .extend(dangerous.map(|it| format!("{name}: {it} runs code of strangers with our credentials")));
        if workflow.document["permissions"] != serde_json::json!({}) {
            complaints.push(format!("{name}: the permissions at the top must be none"));
        }
        for (key, job) in workflow.jobs() {
            if job["permissions"].is_null() {
                complaints.push(format!("{name}: {key} does not say its permissions"));
            }
            // A called workflow sees none unless all are handed on to it, and an empty one is seen only when it is needed.
            if !job["secrets"].is_null() || job.to_string().contains("secrets.") {
                complaints.push(format!(
                    "{name}: {key} has secrets of GitHub's; keys are in AWS, where the job's role reads them"
                ));
            }
            if let Some(credential) = credential(job) {
                let others = others(workflow, key);
                complaints.extend(others.map(|it| format!("{name}: {key} has {credential}, and runs {it}")));
            }
        }
        complaints.extend(
            caches(workflow).map(|it| format!("{name}: {it} brings files of other runs into this one")),
        );
    }
    complaints
}

/// What in a job is worth stealing; to read is not.
fn credential(job: &Value) -> Option<&'static str> {
    let mut permissions = entries(&job["permissions"]);
    permissions
        .any(|(_, value)| value == "write")
        .then_some("a permission to write")
}

/// What a job runs that it may not, having a credential.
fn others<'a>(workflow: &'a Workflow, job: &'a str) -> impl Iterator<Item = String> {
    workflow
        .steps()
        .filter(move |step| step.job == job)
        .filter_map(|step| {
            let is_trusted = |uses: &str| TRUSTED.contains(&uses.split('@').next().unwrap_or_default());
            let action = step.uses().filter(|uses| !is_trusted(uses));
            let is_ours = |run: &str| {
                PROGRAMS.iter().any(|program| run.starts_with(program)) && !run.contains(['&', '|', ';', '`'])
            };
            let command = step.run().filter(|run| !is_ours(run));
            action.or(command).map(str::to_owned)
        })
}

fn caches(workflow: &Workflow) -> impl Iterator<Item = &str> {
    workflow
        .steps()
        .filter_map(|step| step.uses())
        .filter(|uses| uses.contains("cache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(job: &str) -> Vec<String> {
        let text = format!("on: push\npermissions: {{}}\njobs:\n  a:\n{job}");
        check(&[Workflow::parse("a.yml", &text).unwrap()])
    }

    #[test]
    fn who_has_a_token_runs_only_what_was_built_without() {
        let with = |step: &str| {
            found(&format!(
                "    permissions: {{id-token: write}}\n    steps:\n      - {step}\n"
            ))
        };
        assert!(with("run: programs/xtask infrastructure plan").is_empty());
        assert!(with("uses: actions/attest@0").is_empty());
        for step in [
            "run: cargo xtask test",
            "run: programs/xtask x && curl example.org",
            "uses: anchore/scan-action@0",
            "uses: docker/build-push-action@0",
        ] {
            let what = step.split_once(": ").unwrap().1;
            assert_eq!(
                with(step),
                [format!("a.yml: a has a permission to write, and runs {what}")]
            );
        }
        assert!(found("    permissions: {contents: read}\n    steps:\n      - run: cargo test\n").is_empty());
    }

    #[test]
    fn permissions_are_said_and_there_are_no_secrets() {
        assert_eq!(
            found("    steps: []\n"),
            ["a.yml: a does not say its permissions"]
        );
        for has in [
            "    uses: ./x\n    secrets: inherit\n",
            "    steps:\n      - run: cargo test\n        env: {KEY: '${{ secrets.KEY }}'}\n",
        ] {
            assert_eq!(
                found(&format!("    permissions: {{}}\n{has}")),
                ["a.yml: a has secrets of GitHub's; keys are in AWS, where the job's role reads them"]
            );
        }
        let text = "on: [push, pull_request_target]\njobs:\n  a: {permissions: {}, steps: [{uses: actions/cache@0}]}\n";
        assert_eq!(check(&[Workflow::parse("a.yml", text).unwrap()]).len(), 3);
    }
}
