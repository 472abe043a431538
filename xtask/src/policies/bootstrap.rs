//! The roles for GitHub, which bootstrap makes and no environment's plan has: what they may do to everything is listed with its
//! reason, and whoever applies has what that takes, and nothing of other environments.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::interrupt::Interrupts;
use crate::terraform::{Look, declared, told_by_tests};

use super::Planned;
use super::applied::{Applier, Table};
use super::identity::{list, too_much};

const TABLE: &str = "terraform/bootstrap/tests/applied.json";
/// Who applies staging does nothing to production, and the other way round.
const APPLIED: [&str; 2] = ["prod", "staging"];

/// What begins so tells settings and no contents.
const LOOKS: [&str; 3] = ["Describe", "List", "View"];
/// What else may be allowed on everything.
const UNBOUND: [(&str, &str); 22] = [
    ("ecr:GetAuthorizationToken", "a token is for a registry"),
    (
        "ecs:RegisterTaskDefinition",
        "AWS knows no narrower resource; the roles that it hands on are named",
    ),
    ("ecs:DeregisterTaskDefinition", "AWS knows no narrower resource"),
    ("codedeploy:ContinueDeployment", "AWS knows no narrower resource"),
    ("codedeploy:GetDeploymentTarget", "AWS knows no narrower resource"),
    ("codedeploy:StopDeployment", "AWS knows no narrower resource"),
    ("cloudwatch:PutCompositeAlarm", "AWS asks for all alarms"),
    (
        "ecr:PutRegistryScanningConfiguration",
        "a registry is the account's",
    ),
    ("ecr:PutReplicationConfiguration", "a registry is the account's"),
    (
        "elasticloadbalancing:SetWebAcl",
        "AWS knows no narrower resource; wafv2 asks for the firewall by name",
    ),
    ("logs:CreateLogDelivery", "AWS knows no narrower resource"),
    ("logs:DeleteLogDelivery", "AWS knows no narrower resource"),
    ("logs:PutResourcePolicy", "AWS knows no narrower resource"),
    ("logs:UpdateLogDelivery", "AWS knows no narrower resource"),
    (
        "rds:CrossRegionCommunication",
        "AWS knows no narrower resource; the database is named as well",
    ),
    ("sns:SetSubscriptionAttributes", "AWS knows no narrower resource"),
    ("sns:Unsubscribe", "AWS knows no narrower resource"),
    (
        "ssmmessages:CreateControlChannel",
        "AWS knows no narrower resource, and within the boundary only",
    ),
    (
        "ssmmessages:CreateDataChannel",
        "AWS knows no narrower resource, and within the boundary only",
    ),
    (
        "ssmmessages:OpenControlChannel",
        "AWS knows no narrower resource, and within the boundary only",
    ),
    (
        "ssmmessages:OpenDataChannel",
        "AWS knows no narrower resource, and within the boundary only",
    ),
    (
        "tag:GetResources",
        "AWS knows no narrower resource; it tells names",
    ),
];
/// What may be allowed on everything that gets the environment's tags by it.
const TAGGED: [&str; 6] = [
    "acm:RequestCertificate",
    "ce:CreateAnomalyMonitor",
    "ce:CreateAnomalySubscription",
    "kms:CreateKey",
    "kms:PutKeyPolicy",
    "kms:TagResource",
];
/// Without a name and a tag: what whoever makes a vault is asked for.
const VAULTS: &str = "backup-storage:MountCapsule";
/// Settings of which some actions tell contents, so that they are named one by one or as families without such.
const SETTINGS: [&str; 22] = [
    "backup:GetBackupPlan",
    "backup:GetBackupSelection",
    "backup:GetBackupVault*",
    "ce:Get*",
    "cloudwatch:GetDashboard",
    "codedeploy:BatchGet*",
    "codedeploy:Get*",
    "ecr:GetLifecyclePolicy",
    "ecr:GetRegistry*",
    "ecr:GetRepositoryPolicy",
    "iam:Get*",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "lambda:GetPolicy",
    "route53:Get*",
    "s3:GetAccelerateConfiguration",
    "s3:GetBucket*",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "secretsmanager:GetResourcePolicy",
    "sns:Get*",
];
const MORE_SETTINGS: [&str; 4] = [
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sts:GetCallerIdentity",
    "wafv2:Get*",
];

/// Looks at what bootstrap would make, as its tests plan it.
///
/// # Errors
///
/// When Terraform is missing, or the table can't be read.
pub fn looks(root: &Path, interrupts: &Interrupts) -> Result<Vec<Look>> {
    let output = told_by_tests(root, interrupts, "bootstrap", "tests/bootstrap.tftest.hcl")?;
    let plan = first_plan(&String::from_utf8_lossy(&output.stdout))?;
    let planned = Planned::of(&plan);
    let text = fs::read_to_string(root.join(TABLE)).with_context(|| format!("could not read {TABLE}"))?;
    let table = Table::read(&text).context(TABLE)?;
    let mut looks = vec![
        Look::at(
            "roles for GitHub may do nothing to everything",
            on_everything(&planned),
        ),
        Look::at("what the provider calls is known", table.misfits(&kinds(root)?)),
    ];
    for environment in APPLIED {
        let applier = Applier {
            environment: environment.to_owned(),
            looking: statements(&planned, environment, |name| name == "read")?,
            changing: statements(&planned, environment, |name| {
                name == "state" || name.starts_with("apply-")
            })?,
        };
        let others: Vec<&str> = APPLIED.into_iter().filter(|it| *it != environment).collect();
        looks.push(Look::at(
            format!("{environment} can be applied, and reaches no other"),
            table.complaints(&applier, &others)?,
        ));
    }
    Ok(looks)
}

/// The first plan among the lines that a test tells.
fn first_plan(told: &str) -> Result<Value> {
    let line = told
        .lines()
        .find(|line| line.contains("\"type\":\"test_plan\""))
        .context("the tests of bootstrap made no plan")?;
    let mut event: Value = serde_json::from_str(line).context("Terraform told a plan of another form")?;
    Ok(event["test_plan"].take())
}

/// What policies allow on everything, and no list has.
fn on_everything(planned: &Planned) -> Vec<String> {
    let mut complaints = Vec::new();
    for policy in planned.of_kind("aws_iam_policy") {
        let Some(document) = policy.document("policy") else {
            complaints.push(format!("what {} allows is not known", policy.address));
            continue;
        };
        for statement in list(&document["Statement"]) {
            if statement["Effect"] == "Allow" {
                let found = too_much(statement, |action| is_listed(action, statement));
                complaints.extend(found.map(|what| format!("{} {what}", policy.address)));
            }
        }
    }
    if complaints.is_empty() && planned.of_kind("aws_iam_policy").next().is_none() {
        complaints.push("bootstrap makes no policy".to_owned());
    }
    complaints
}

fn is_listed(action: &str, statement: &Value) -> bool {
    let verb = action.split_once(':').map_or("", |(_, verb)| verb);
    let gets_tags = statement["Condition"]["StringEquals"]["aws:RequestTag/Environment"].is_string();
    LOOKS.iter().any(|look| verb.starts_with(look))
        || UNBOUND.iter().any(|(listed, _)| *listed == action)
        || SETTINGS
            .iter()
            .chain(&MORE_SETTINGS)
            .any(|listed| *listed == action)
        || action == VAULTS
        || (TAGGED.contains(&action) && gets_tags)
}

/// What the policies of an environment say that have these names.
fn statements(planned: &Planned, environment: &str, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for policy in planned.of_kind("aws_iam_policy") {
        let of = format!("module.github[\"{environment}\"].aws_iam_policy.this[\"");
        let Some(name) = policy
            .address
            .strip_prefix(&of)
            .and_then(|it| it.strip_suffix("\"]"))
        else {
            continue;
        };
        if is_wanted(name) {
            let document = policy.document("policy").context("a policy is not known")?;
            found.extend(list(&document["Statement"]).into_iter().cloned());
        }
    }
    if found.is_empty() {
        bail!("a policy of whoever applies {environment} is missing");
    }
    Ok(found)
}

/// The types of what the modules of environments make.
fn kinds(root: &Path) -> Result<BTreeSet<String>> {
    let modules = root.join("terraform/modules");
    let mut kinds = BTreeSet::new();
    for entry in fs::read_dir(&modules).with_context(|| format!("could not read {}", modules.display()))? {
        let path = entry?.path();
        // Bootstrap makes these, and a person applies it.
        if !path.is_dir() || path.ends_with("github-oidc") {
            continue;
        }
        for text in declared::files(&path)?.values() {
            let heads = text.lines().filter_map(|line| line.strip_prefix("resource \""));
            kinds.extend(heads.filter_map(|head| Some(head.split_once('"')?.0.to_owned())));
        }
    }
    Ok(kinds)
}
