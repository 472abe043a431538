//! What the workflows' expressions come to, by GitHub's own library: who goes to dev, and when a conclusion is that all is well.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};
use xtask::interrupt::Interrupts;
use xtask::node;
use xtask::workflows::document::{Workflow, needs};

fn workflow(name: &str) -> Workflow {
    let file = format!(".github/workflows/{name}.yml");
    Workflow::parse(
        &file,
        &std::fs::read_to_string(xtask::root().join(&file)).unwrap(),
    )
    .unwrap()
}

/// What each expression comes to, with what GitHub would know.
fn evaluated(questions: &[(&str, Value)]) -> Vec<String> {
    let questions: Vec<Value> = questions
        .iter()
        .map(|(expression, contexts)| json!({"expression": expression, "contexts": contexts}))
        .collect();
    let modules = node::ensure_modules(xtask::root(), &Interrupts::catch().unwrap()).unwrap();
    let mut node = Command::new("node")
        .arg(xtask::root().join("tools/node/expressions.mjs"))
        .env("MODULES", modules.join("node_modules"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = node.stdin.take().unwrap();
    { input }
        .write_all(Value::from(questions).to_string().as_bytes())
        .unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A pull request: whose branch, whose proposal, and the account of dev.
fn pull_request(head: &str, author: &str, account: &str) -> Value {
    json!({
        "github": {
            "repository": "acme/tandem",
            "event": {"pull_request": {"head": {"repo": {"full_name": head}}, "user": {"login": author}}},
        },
        "vars": {"DEV_ACCOUNT_ID": account},
    })
}

#[test]
fn only_what_a_person_proposes_from_here_goes_to_dev() {
    let ci = workflow("ci");
    let to_dev = ci.document["jobs"]["version"]["outputs"]["dev"].as_str().unwrap();
    let told = evaluated(&[
        (to_dev, pull_request("acme/tandem", "ann", "111122223333")),
        (to_dev, pull_request("ann/tandem", "ann", "111122223333")),
        (
            to_dev,
            pull_request("acme/tandem", "dependabot[bot]", "111122223333"),
        ),
        (to_dev, pull_request("acme/tandem", "ann", "")),
    ]);
    assert_eq!(told, ["true", "false", "false", "false"]);
}

/// The jobs that begin when all before them pass, and what goes to dev does or does not.
fn beginning(ci: &Workflow, to_dev: bool) -> BTreeSet<String> {
    let contexts = json!({"needs": {"version": {"outputs": {"dev": to_dev.to_string()}}}});
    let conditional: Vec<(&str, &str)> = ci
        .jobs()
        .filter(|(key, _)| *key != "ci")
        .filter_map(|(key, job)| Some((key, job["if"].as_str()?)))
        .collect();
    let questions: Vec<(&str, Value)> = conditional
        .iter()
        .map(|(_, condition)| (*condition, contexts.clone()))
        .collect();
    let verdicts = evaluated(&questions);
    let mut left_away: BTreeSet<&str> = conditional
        .iter()
        .zip(&verdicts)
        .filter(|(_, verdict)| *verdict == "false")
        .map(|((key, _), _)| *key)
        .collect();
    loop {
        let before = left_away.len();
        let follows =
            |job: &Value| job["if"] != "always()" && needs(job).iter().any(|it| left_away.contains(it));
        let more: Vec<&str> = ci
            .jobs()
            .filter(|(_, job)| follows(job))
            .map(|(key, _)| key)
            .collect();
        left_away.extend(more);
        if left_away.len() == before {
            break;
        }
    }
    let jobs = ci.jobs().map(|(key, _)| key);
    jobs.filter(|key| !left_away.contains(key))
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_does_not_go_to_dev_takes_no_role() {
    let ci = workflow("ci");
    let takes_a_role = |key: &&str| ci.document["jobs"][*key]["permissions"]["id-token"] == "write";
    let of_dev: BTreeSet<String> = ci
        .jobs()
        .map(|(key, _)| key)
        .filter(takes_a_role)
        .map(str::to_owned)
        .collect();
    assert_eq!(
        of_dev,
        BTreeSet::from(["dev", "plan", "publish"].map(str::to_owned))
    );
    let all: BTreeSet<String> = ci.jobs().map(|(key, _)| key.to_owned()).collect();
    assert_eq!(beginning(&ci, true), all);
    assert_eq!(beginning(&ci, false), &all - &of_dev);
}

/// How the conclusion of a workflow turns out: everything passes but what is named.
fn conclusions(name: &str, cases: &[(&[(&str, &str)], bool)]) -> Vec<String> {
    let workflow = workflow(name);
    let job = &workflow.document["jobs"][name];
    let failed = job["steps"][0]["env"]["FAILED"].as_str().unwrap();
    let contexts = |others: &[(&str, &str)], to_dev: bool| {
        let results: Map<String, Value> = needs(job)
            .into_iter()
            .map(|key| {
                let other = others.iter().find(|(other, _)| *other == key);
                let result = other.map_or("success", |(_, result)| *result);
                (
                    key.to_owned(),
                    json!({"result": result, "outputs": {"dev": to_dev.to_string()}}),
                )
            })
            .collect();
        json!({"needs": results})
    };
    let questions: Vec<(&str, Value)> = cases
        .iter()
        .map(|(others, to_dev)| (failed, contexts(others, *to_dev)))
        .collect();
    evaluated(&questions)
}

#[test]
fn ci_passes_without_dev_only_where_dev_is_not_wanted() {
    let without_dev: &[(&str, &str)] = &[("plan", "skipped"), ("publish", "skipped"), ("dev", "skipped")];
    let passing: [(&[(&str, &str)], bool); 4] = [
        (&[], true),
        // Another pull request has taken its turn.
        (&[("dev", "cancelled")], true),
        (without_dev, false),
        (&[], false),
    ];
    assert_eq!(conclusions("ci", &passing), ["false"; 4]);
    let mut failing: Vec<(&[(&str, &str)], bool)> = vec![
        (without_dev, true),
        (&[("publish", "cancelled"), ("dev", "skipped")], true),
        (&[("plan", "cancelled")], true),
        (&[("dev", "skipped")], true),
    ];
    let gates = ["version", "checks", "images", "programs"];
    let broken: Vec<[(&str, &str); 1]> = gates
        .into_iter()
        .flat_map(|gate| ["failure", "cancelled", "skipped"].map(|result| [(gate, result)]))
        .chain(["plan", "publish", "dev"].map(|key| [(key, "failure")]))
        .collect();
    for case in &broken {
        failing.extend([(&case[..], true), (&case[..], false)]);
    }
    let told = conclusions("ci", &failing);
    for (case, verdict) in failing.iter().zip(told) {
        assert_eq!(verdict, "true", "{case:?}");
    }
}

#[test]
fn other_conclusions_want_everything() {
    for name in ["release-candidate", "promote", "nightly"] {
        let workflow = workflow(name);
        let broken: Vec<[(&str, &str); 1]> = needs(&workflow.document["jobs"][name])
            .into_iter()
            .flat_map(|key| ["failure", "cancelled", "skipped"].map(|result| [(key, result)]))
            .collect();
        let mut cases: Vec<(&[(&str, &str)], bool)> = vec![(&[], false)];
        cases.extend(broken.iter().map(|case| (&case[..], false)));
        let told = conclusions(name, &cases);
        assert_eq!(told[0], "false", "{name}");
        assert!(
            told[1..].iter().all(|verdict| verdict == "true"),
            "{name}: {told:?}"
        );
    }
}
