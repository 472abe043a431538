//! What comes before what: nothing is pushed or deployed before its gates, and one job says how all others went.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Workflow, needs};

/// What has to have passed before a job that pushes or deploys: workflow, job, its gates.
const GATES: [(&str, &str, &[&str]); 7] = [
    ("ci.yml", "publish", &["version", "checks", "images"]),
    ("ci.yml", "dev", &["version", "checks", "images", "publish"]),
    ("release-candidate.yml", "publish", &["facts", "images"]),
    ("release-candidate.yml", "staging", &["images", "publish"]),
    (
        "release-candidate.yml",
        "passed",
        &["checks", "images", "publish", "provenance", "staging"],
    ),
    (
        "release-candidate.yml",
        "tree",
        &["publish", "provenance", "staging", "passed"],
    ),
    ("promote.yml", "production", &["find"]),
];
/// What pushes and deploys.
const GATED: [&str; 2] = [
    "./.github/workflows/publish.yml",
    "./.github/workflows/deploy.yml",
];

/// Finds jobs that come too early, and workflows whose end nobody tells.
pub(super) fn check(workflows: &[Workflow], rulesets: &[Value]) -> Vec<String> {
    let mut complaints = Vec::new();
    for workflow in workflows {
        let name = workflow.name();
        for (key, job) in workflow.jobs() {
            let gates = GATES
                .iter()
                .find(|(file, gated, _)| *file == name && *gated == key);
            let is_gated = job["uses"].as_str().is_some_and(|uses| GATED.contains(&uses));
            match gates {
                Some((_, _, gates)) => {
                    let before = before(workflow, key);
                    let missing = gates.iter().filter(|gate| !before.contains(**gate));
                    complaints.extend(missing.map(|gate| format!("{name}: {key} does not wait for {gate}")));
                    let goes_on = ["always()", "failure()", "cancelled()"];
                    if goes_on
                        .iter()
                        .any(|it| job["if"].as_str().unwrap_or_default().contains(it))
                    {
                        complaints.push(format!("{name}: {key} goes on when a gate has failed"));
                    }
                }
                None if is_gated => complaints.push(format!("{name}: nobody says what {key} must wait for")),
                None => {}
            }
        }
        if !workflow.triggers().contains(&"workflow_call") {
            complaints.extend(conclusion(workflow));
        }
    }
    for (file, gated, _) in GATES {
        let there = workflows.iter().find(|it| it.name() == file);
        if !there.is_some_and(|it| it.jobs().any(|(key, _)| key == gated)) {
            complaints.push(format!(
                "{file} has no job {gated}, which was to wait for its gates"
            ));
        }
    }
    complaints.extend(required(workflows, rulesets));
    complaints
}

/// All jobs that end before a job begins.
fn before<'a>(workflow: &'a Workflow, key: &str) -> BTreeSet<&'a str> {
    let job = workflow.jobs().find(|(it, _)| *it == key).map(|(_, job)| job);
    let mut waiting: Vec<&str> = job.map(needs).unwrap_or_default();
    let mut before = BTreeSet::new();
    while let Some(next) = waiting.pop() {
        if before.insert(next) {
            waiting.extend(
                workflow
                    .jobs()
                    .filter(|(it, _)| *it == next)
                    .flat_map(|(_, job)| needs(job)),
            );
        }
    }
    before
}

/// The job that is called as the workflow's file waits for all others, whatever becomes of them.
fn conclusion(workflow: &Workflow) -> Option<String> {
    let name = workflow.name();
    let stem = name.trim_end_matches(".yml");
    let Some((_, job)) = workflow.jobs().find(|(key, _)| *key == stem) else {
        return Some(format!(
            "{name}: there is no job {stem} that tells how the others went"
        ));
    };
    let told = needs(job);
    let others = workflow.jobs().map(|(key, _)| key).filter(|key| *key != stem);
    let missing: Vec<&str> = others.filter(|key| !told.contains(key)).collect();
    if !missing.is_empty() {
        return Some(format!("{name}: {stem} does not wait for {}", missing.join(", ")));
    }
    (job["if"] != "always()")
        .then(|| format!("{name}: {stem} is skipped when another job fails, which counts as success"))
}

/// The branches' rules ask for the conclusion of ci by the name that it has. To `develop` nothing is merged that was tried with
/// an older `develop`. `main` can't ask for that: its merges are commits that `develop` never has, so after the first one
/// `develop` would be out of date for ever. What `main` asks for in its place is the tree that staging has tested.
fn required(workflows: &[Workflow], rulesets: &[Value]) -> Vec<String> {
    let ci = workflows.iter().find(|it| it.name() == "ci.yml");
    let name = ci
        .and_then(|it| it.document["jobs"]["ci"]["name"].as_str())
        .unwrap_or("CI");
    let mut complaints = Vec::new();
    for (branch, must_be_newest) in [("refs/heads/develop", true), ("refs/heads/main", false)] {
        let of_branch = rulesets.iter().filter(|it| {
            let included = it["conditions"]["ref_name"]["include"].as_array();
            included.is_some_and(|refs| refs.iter().any(|it| it == branch))
        });
        let asking: Vec<&Value> = of_branch
            .filter_map(|ruleset| ruleset["rules"].as_array())
            .flatten()
            .filter(|rule| rule["type"] == "required_status_checks")
            .map(|rule| &rule["parameters"])
            .filter(|it| {
                let checks = it["required_status_checks"].as_array();
                checks.is_some_and(|it| it.iter().any(|check| check["context"] == name))
            })
            .collect();
        if asking.is_empty() {
            complaints.push(format!(
                ".github/rulesets: nothing asks for the check {name:?} on {branch}"
            ));
        }
        if asking
            .iter()
            .any(|it| it["strict_required_status_checks_policy"] != must_be_newest)
        {
            complaints.push(format!(
                ".github/rulesets: strict_required_status_checks_policy must be {must_be_newest} on {branch}"
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workflow(name: &str, jobs: &str) -> Workflow {
        Workflow::parse(name, &format!("on: push\njobs:\n{jobs}")).unwrap()
    }

    #[test]
    fn a_deployment_waits_for_its_gates_also_by_others() {
        let with = |needs: &str, more: &str| {
            workflow(
                "promote.yml",
                &format!(
                    "  find: {{}}\n  programs: {{needs: find}}\n  \
                     production: {{needs: {needs}, uses: ./.github/workflows/deploy.yml{more}}}\n  \
                     promote: {{needs: [find, programs, production], if: always()}}\n"
                ),
            )
        };
        let about = |workflow: Workflow| {
            let mut found = check(&[workflow], &[]);
            found.retain(|it| it.starts_with("promote.yml"));
            found
        };
        assert!(about(with("[programs]", "")).is_empty());
        assert_eq!(
            about(with("[]", "")),
            ["promote.yml: production does not wait for find"]
        );
        assert_eq!(
            about(with("find", ", if: always()")),
            ["promote.yml: production goes on when a gate has failed"]
        );
        let other = workflow(
            "other.yml",
            "  a: {uses: ./.github/workflows/deploy.yml}\n  other: {needs: a, if: always()}\n",
        );
        let found = check(&[other], &[]);
        assert_eq!(found[0], "other.yml: nobody says what a must wait for");
        assert!(
            found.contains(&"promote.yml has no job production, which was to wait for its gates".to_owned())
        );
    }

    #[test]
    fn one_job_tells_how_all_others_went() {
        let told = |jobs: &str| conclusion(&workflow("a.yml", jobs));
        assert_eq!(told("  b: {}\n  a: {needs: [b], if: always()}\n"), None);
        for (jobs, complaint) in [
            (
                "  b: {}\n",
                "a.yml: there is no job a that tells how the others went",
            ),
            (
                "  b: {}\n  c: {}\n  a: {needs: [b], if: always()}\n",
                "a.yml: a does not wait for c",
            ),
            (
                "  b: {}\n  a: {needs: b}\n",
                "a.yml: a is skipped when another job fails, which counts as success",
            ),
        ] {
            assert_eq!(told(jobs).as_deref(), Some(complaint));
        }
    }

    #[test]
    fn branches_ask_for_the_conclusion() {
        let ci = workflow("ci.yml", "  ci: {name: CI}\n");
        let ruleset = |branch: &str, context: &str, is_strict: bool| {
            json!({
                "conditions": {"ref_name": {"include": [branch]}},
                "rules": [{"type": "required_status_checks", "parameters": {
                    "strict_required_status_checks_policy": is_strict,
                    "required_status_checks": [{"context": context}],
                }}],
            })
        };
        let found = |develop: (&str, bool), main: (&str, bool)| {
            let rulesets = [
                ruleset("refs/heads/develop", develop.0, develop.1),
                ruleset("refs/heads/main", main.0, main.1),
            ];
            required(std::slice::from_ref(&ci), &rulesets)
        };
        assert!(found(("CI", true), ("CI", false)).is_empty());
        assert_eq!(
            found(("CI", true), ("Ci", false)),
            [".github/rulesets: nothing asks for the check \"CI\" on refs/heads/main"]
        );
        assert_eq!(
            found(("CI", false), ("CI", true)),
            [
                ".github/rulesets: strict_required_status_checks_policy must be true on refs/heads/develop",
                ".github/rulesets: strict_required_status_checks_policy must be false on refs/heads/main",
            ]
        );
    }
}
