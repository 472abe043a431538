//! Which job takes which role in AWS. `.github/roles.json` is what Terraform's bootstrap trusts, which a test of it compares;
//! here it is compared with what the jobs ask for. So neither a role that nobody takes nor a job that is refused goes unseen.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::document::{Workflow, entries};

pub(super) const FILE: &str = ".github/roles.json";

/// The branch that schedules run on.
const DEFAULT_BRANCH: &str = "refs/heads/develop";

/// Who may take a role, or does.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(deny_unknown_fields)]
struct Taking {
    role: String,
    /// The workflow's file; nobody's for pull requests, whose workflows are unreviewed as well.
    workflow: Option<String>,
    #[serde(rename = "ref")]
    git_ref: Option<String>,
    environment: Option<String>,
    pull_requests: bool,
}

/// Finds jobs whose role does not trust them, and roles that nobody takes.
pub(super) fn check(workflows: &[Workflow], roles: &Value) -> Result<Vec<String>> {
    let trusted: Vec<Taking> =
        serde_json::from_value(roles.clone()).with_context(|| format!("{FILE} is no list of roles"))?;
    let trusted: BTreeSet<Taking> = trusted.into_iter().collect();
    let mut taken = BTreeSet::new();
    for workflow in workflows {
        for (trigger, options) in triggers(workflow) {
            for git_ref in refs(trigger, options) {
                let visit = Visit {
                    workflows,
                    git_ref,
                    inputs: BTreeMap::new(),
                };
                visit.workflow(workflow, &mut taken);
            }
        }
    }
    let refused = taken
        .difference(&trusted)
        .map(|it| format!("{it} is not trusted, see {FILE}"));
    let idle = trusted
        .difference(&taken)
        .map(|it| format!("{it} is trusted in {FILE}, and no such job asks for it"));
    Ok(refused.chain(idle).collect())
}

impl std::fmt::Display for Taking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let or_any = |it: &Option<String>| it.clone().unwrap_or_else(|| "any".to_owned());
        write!(
            f,
            "{} for {} at {} in the environment {}",
            self.role,
            or_any(&self.workflow),
            if self.pull_requests {
                "a pull request".to_owned()
            } else {
                or_any(&self.git_ref)
            },
            self.environment.as_deref().unwrap_or("none")
        )
    }
}

/// What starts a workflow, but calls by others, with its options. People who start it choose a branch, and where pushes start
/// it as well, no role is meant to trust another than theirs.
fn triggers(workflow: &Workflow) -> Vec<(&str, &Value)> {
    let on = &workflow.document["on"];
    let all = workflow.triggers();
    let is_pushed = all.contains(&"push");
    let counts = |trigger: &&str| match *trigger {
        "workflow_call" => false,
        "workflow_dispatch" => !is_pushed,
        _ => true,
    };
    all.into_iter()
        .filter(counts)
        .map(|trigger| (trigger, &on[trigger]))
        .collect()
}

/// The branches that a trigger is about; none for a pull request.
fn refs(trigger: &str, options: &Value) -> Vec<Option<String>> {
    match trigger {
        "pull_request" => vec![None],
        "push" => {
            let branches = options["branches"].as_array().map_or(&[][..], Vec::as_slice);
            let branches = branches.iter().filter_map(Value::as_str);
            branches
                .map(|branch| Some(format!("refs/heads/{branch}")))
                .collect()
        }
        _ => vec![Some(DEFAULT_BRANCH.to_owned())],
    }
}

/// A walk through a workflow and those that it calls.
struct Visit<'a> {
    workflows: &'a [Workflow],
    git_ref: Option<String>,
    /// What the caller gives.
    inputs: BTreeMap<String, String>,
}

impl Visit<'_> {
    fn workflow(&self, workflow: &Workflow, taken: &mut BTreeSet<Taking>) {
        for (key, job) in workflow.jobs() {
            for values in self.variants(job) {
                if !is_wanted(job, &values) {
                    continue;
                }
                if let Some(file) = job["uses"].as_str().and_then(|it| it.strip_prefix("./")) {
                    let called = self.workflows.iter().find(|it| it.file == file);
                    let visit = Visit {
                        workflows: self.workflows,
                        git_ref: self.git_ref.clone(),
                        inputs: given(&job["with"], &values),
                    };
                    if let Some(called) = called {
                        visit.workflow(called, taken);
                    }
                }
                let steps = workflow
                    .steps()
                    .filter(|step| step.job == key && is_wanted(step.value, &values));
                for step in steps {
                    if let Some(role) = step.value["with"]["role-to-assume"].as_str() {
                        taken.insert(self.taking(workflow, job, &resolved(role, &values), &values));
                    }
                }
            }
        }
    }

    fn taking(
        &self,
        workflow: &Workflow,
        job: &Value,
        role: &str,
        values: &BTreeMap<String, String>,
    ) -> Taking {
        let is_reviewed = self.git_ref.is_some();
        Taking {
            role: role.rsplit(":role/").next().unwrap_or(role).to_owned(),
            workflow: is_reviewed.then(|| workflow.file.clone()),
            git_ref: self.git_ref.clone(),
            environment: job["environment"].as_str().map(|it| resolved(it, values)),
            pull_requests: !is_reviewed,
        }
    }

    /// The values of inputs and, for each combination of a matrix, of its variables.
    fn variants(&self, job: &Value) -> Vec<BTreeMap<String, String>> {
        let inputs: BTreeMap<String, String> = self
            .inputs
            .iter()
            .map(|(name, value)| (format!("inputs.{name}"), value.clone()))
            .collect();
        let Some(included) = job["strategy"]["matrix"]["include"].as_array() else {
            return vec![inputs];
        };
        let with = |variant: &Value| {
            let mut values = inputs.clone();
            values
                .extend(entries(variant).filter_map(|(name, value)| {
                    Some((format!("matrix.{name}"), value.as_str()?.to_owned()))
                }));
            values
        };
        included.iter().map(with).collect()
    }
}

/// What a job gives to the workflow that it calls.
fn given(with: &Value, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    entries(with)
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.to_owned(), resolved(&text, values))
        })
        .collect()
}

/// False where a condition is nothing but an input that is false.
fn is_wanted(part: &Value, values: &BTreeMap<String, String>) -> bool {
    let condition = part["if"].as_str().unwrap_or_default();
    values.get(condition).is_none_or(|value| value != "false")
}

/// A text with the values of what it refers to, as far as they are known.
fn resolved(text: &str, values: &BTreeMap<String, String>) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${{{{ {name} }}}}"), value)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CALLER: &str = "
on:
  push: { branches: [main] }
jobs:
  production:
    uses: ./.github/workflows/deploy.yml
    with: { environment: prod, gate: production, apply: false }
";
    const CALLED: &str = "
on: workflow_call
jobs:
  deploy:
    environment: ${{ inputs.gate }}
    steps:
      - { if: inputs.apply, with: { role-to-assume: 'arn:aws:iam::${{ vars.A }}:role/tandem-${{ inputs.environment }}-github-apply' } }
      - with: { role-to-assume: 'arn:aws:iam::${{ vars.A }}:role/tandem-${{ inputs.environment }}-github-deploy' }
";

    fn found(caller: &str, roles: &Value) -> Vec<String> {
        let workflows = [
            Workflow::parse(".github/workflows/promote.yml", caller).unwrap(),
            Workflow::parse(".github/workflows/deploy.yml", CALLED).unwrap(),
        ];
        check(&workflows, roles).unwrap()
    }

    fn deploy(git_ref: &str) -> Value {
        json!({
            "role": "tandem-prod-github-deploy", "workflow": ".github/workflows/deploy.yml", "ref": git_ref,
            "environment": "production", "pull_requests": false,
        })
    }

    #[test]
    fn a_called_job_has_the_refs_of_its_caller_and_its_own_file() {
        assert_eq!(
            found(CALLER, &json!([deploy("refs/heads/main")])),
            Vec::<String>::new()
        );
        let by_hand = CALLER.replace("[main] }", "[main] }\n  workflow_dispatch:");
        assert_eq!(
            found(&by_hand, &json!([deploy("refs/heads/main")])),
            Vec::<String>::new()
        );
        let elsewhere = found(
            &CALLER.replace("main", "develop"),
            &json!([deploy("refs/heads/main")]),
        );
        assert_eq!(
            elsewhere,
            [
                "tandem-prod-github-deploy for .github/workflows/deploy.yml at refs/heads/develop in the environment \
                 production is not trusted, see .github/roles.json",
                "tandem-prod-github-deploy for .github/workflows/deploy.yml at refs/heads/main in the environment production \
                 is trusted in .github/roles.json, and no such job asks for it",
            ]
        );
        let with_apply = found(
            &CALLER.replace("false", "true"),
            &json!([deploy("refs/heads/main")]),
        );
        assert!(
            with_apply[0].starts_with("tandem-prod-github-apply for"),
            "{with_apply:?}"
        );
    }

    #[test]
    fn code_of_a_pull_request_has_no_file_and_no_ref() {
        let caller = CALLER.replace("push: { branches: [main] }", "pull_request:");
        let role = json!({
            "role": "tandem-prod-github-deploy", "workflow": null, "ref": null, "environment": "production", "pull_requests": true,
        });
        assert_eq!(found(&caller, &json!([role])), Vec::<String>::new());
    }

    #[test]
    fn whoever_follows_the_guide_has_the_roles_of_pull_requests() {
        let root = crate::root();
        let roles: Vec<Taking> =
            serde_json::from_str(&std::fs::read_to_string(root.join(FILE)).unwrap()).unwrap();
        for guide in ["docs/deployment.md", "terraform/bootstrap/README.md"] {
            let text = std::fs::read_to_string(root.join(guide)).unwrap();
            for role in roles.iter().filter(|it| it.pull_requests) {
                let (environment, kind) = role
                    .role
                    .strip_prefix("tandem-")
                    .and_then(|it| it.split_once("-github-"))
                    .unwrap();
                let wanted = if kind == "plan" {
                    "plan_on_pull_requests = true"
                } else {
                    "unreviewed = true"
                };
                let is_made = |line: &str| {
                    let mut words = line.split_whitespace();
                    words.next() == Some(environment)
                        && words.next() == Some("=")
                        && line.contains("github_environment")
                        && line.contains(wanted)
                };
                assert!(text.lines().any(is_made), "{guide}: {environment}: {wanted}");
            }
        }
    }

    #[test]
    fn each_line_of_a_matrix_takes_its_role() {
        let text = "
on: { schedule: [{ cron: '0 0 * * *' }] }
jobs:
  drift:
    strategy: { matrix: { include: [{ name: dev }, { name: prod }] } }
    steps: [{ with: { role-to-assume: '${{ matrix.name }}' } }]
";
        let role = |name: &str| json!({"role": name, "workflow": "n.yml", "ref": "refs/heads/develop", "environment": null, "pull_requests": false});
        let workflow = [Workflow::parse("n.yml", text).unwrap()];
        assert!(
            check(&workflow, &json!([role("dev"), role("prod")]))
                .unwrap()
                .is_empty()
        );
        assert_eq!(check(&workflow, &json!([role("dev")])).unwrap().len(), 1);
    }
}
