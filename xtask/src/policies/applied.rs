//! What Terraform's provider calls to make, change and delete what an environment has, type by type:
//! `terraform/bootstrap/tests/applied.json`. Whoever applies may make each of these calls about its own environment, and none
//! about another one in the same account.
//!
//! A row has a phase, actions, what they are asked about, and what conditions may ask for:
//! `keep ec2:DeleteSubnet,ModifySubnetAttribute subnet/0`. The phases are
//! - `look`: about everything, since no resource can be named;
//! - `make`: about what is not there yet, and asks for the environment's tags;
//! - `keep`: about what is there and has them;
//! - `young`: about what has been made just now, whose tags AWS may not know yet;
//! - `shared`: about what AWS can't tell apart by environment, with the reason behind a `#`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::iam::{Call, allows};

/// An environment, and what whoever applies it may do.
#[derive(Clone, Debug)]
pub(super) struct Applier {
    /// Such as `prod`.
    pub(super) environment: String,
    /// The statements by which its role looks at settings, which are told of all environments.
    pub(super) looking: Vec<Value>,
    /// Those by which it changes anything.
    pub(super) changing: Vec<Value>,
}

/// The rows by type of resource.
#[derive(Clone, Debug)]
pub(super) struct Table(BTreeMap<String, Vec<Row>>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Look,
    Make,
    Keep,
    Young,
    Shared,
}

#[derive(Clone, Debug)]
struct Row {
    phase: Phase,
    actions: Vec<String>,
    resource: String,
    context: Vec<(String, String)>,
}

/// Where all of this happens.
const ACCOUNT: &str = "111122223333";
const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];

impl Table {
    pub(super) fn read(text: &str) -> Result<Self> {
        let rows: BTreeMap<String, Vec<String>> =
            serde_json::from_str(text).context("must have a list of texts for each type")?;
        let read = |(kind, rows): (String, Vec<String>)| {
            let rows: Result<Vec<Row>> = rows
                .iter()
                .map(|row| Row::read(row).with_context(|| format!("{kind}: {row}")))
                .collect();
            Ok((kind, rows?))
        };
        Ok(Self(rows.into_iter().map(read).collect::<Result<_>>()?))
    }

    /// Types without a row, and rows without a type.
    pub(super) fn misfits(&self, kinds: &BTreeSet<String>) -> Vec<String> {
        let missing = kinds.iter().filter(|kind| !self.0.contains_key(*kind));
        let left = self.0.keys().filter(|kind| !kinds.contains(*kind));
        missing
            .map(|kind| format!("what the provider calls for {kind} is not said"))
            .chain(left.map(|kind| format!("no module has a {kind} any more")))
            .collect()
    }

    /// What an environment's applier lacks, and what it can do to the other environments.
    pub(super) fn complaints(&self, applier: &Applier, others: &[&str]) -> Result<Vec<String>> {
        let mut complaints = BTreeSet::new();
        let all = [applier.looking.as_slice(), &applier.changing].concat();
        for (kind, rows) in &self.0 {
            for row in rows {
                for call in row.calls(&applier.environment) {
                    if !allows(&all, &call)? {
                        complaints.insert(format!(
                            "whoever applies {} lacks {} on {} for {kind}",
                            applier.environment, call.action, call.resource
                        ));
                    }
                }
                for call in others
                    .iter()
                    .flat_map(|other| row.trespasses(&applier.environment, other))
                {
                    if allows(&applier.changing, &call)? {
                        complaints.insert(format!(
                            "whoever applies {} may {} on {} of another environment",
                            applier.environment, call.action, call.resource
                        ));
                    }
                }
            }
        }
        Ok(complaints.into_iter().collect())
    }
}

impl Row {
    fn read(text: &str) -> Result<Self> {
        let (row, reason) = text.split_once(" # ").unwrap_or((text, ""));
        let mut words = row.split(' ');
        let phase = match words.next() {
            Some("look") => Phase::Look,
            Some("make") => Phase::Make,
            Some("keep") => Phase::Keep,
            Some("young") => Phase::Young,
            Some("shared") => Phase::Shared,
            other => bail!("{other:?} is no phase"),
        };
        if (phase == Phase::Shared) == reason.is_empty() {
            bail!("what is shared has a reason, and nothing else has one");
        }
        let (service, actions) = words
            .next()
            .and_then(|it| it.split_once(':'))
            .context("there are no actions")?;
        let resource = words.next();
        if (phase == Phase::Look) != resource.is_none() {
            bail!("what is looked at is everything, and all else has a resource");
        }
        let resource = match resource.unwrap_or("*") {
            whole if whole == "*" || whole.starts_with("arn:") => whole.to_owned(),
            whole @ ("{repository}" | "{copied-repository}") => whole.to_owned(),
            part => format!("arn:aws:{service}:{{region}}:{{account}}:{part}"),
        };
        let context = words.map(|word| {
            let (key, value) = word.split_once('=').context("each condition is key=value")?;
            Ok((key.to_owned(), value.to_owned()))
        });
        Ok(Self {
            phase,
            actions: actions.split(',').map(|it| format!("{service}:{it}")).collect(),
            resource,
            context: context.collect::<Result<_>>()?,
        })
    }

    /// The calls about what is this environment's own.
    fn calls(&self, environment: &str) -> Vec<Call> {
        let tags: &[(&str, &str)] = match self.phase {
            Phase::Make => &[("Request", environment)],
            Phase::Keep => &[("Resource", environment)],
            Phase::Look | Phase::Young | Phase::Shared => &[],
        };
        self.made(environment, tags)
    }

    /// The same calls about what is another's, which must be refused: also when they ask for the caller's own tags.
    fn trespasses(&self, own: &str, other: &str) -> Vec<Call> {
        let ways: &[&[(&str, &str)]] = match self.phase {
            Phase::Make => &[&[("Request", other)], &[("Request", own), ("Resource", other)]],
            Phase::Keep => &[&[("Resource", other)], &[("Request", own), ("Resource", other)]],
            Phase::Young => &[&[("Resource", other)]],
            Phase::Look | Phase::Shared => &[],
        };
        let calls = ways.iter().flat_map(|tags| self.made(other, tags));
        // Nothing can be told of what AWS does not name, but for the tags that are asked for.
        calls
            .filter(|call| call.resource != "*" || !call.context.keys().any(|it| it.contains("ResourceTag")))
            .collect()
    }

    fn made(&self, environment: &str, tags: &[(&str, &str)]) -> Vec<Call> {
        let whole = |text: &str, region: &str| {
            let (here, there) = (REGIONS[1], REGIONS[0]);
            text.replace(
                "{repository}",
                &format!("arn:aws:ecr:{here}:{{account}}:repository/tandem/api"),
            )
            .replace(
                "{copied-repository}",
                &format!("arn:aws:ecr:{there}:{{account}}:repository/tandem/api"),
            )
            .replace(
                "{boundary}",
                "arn:aws:iam::{account}:policy/{name}-github-boundary",
            )
            .replace("{zone}", "Z0123456789ABC")
            .replace("{region}", region)
            .replace("{account}", ACCOUNT)
            .replace("{name}", &format!("tandem-{environment}"))
        };
        let mut calls = Vec::new();
        for region in REGIONS {
            for action in &self.actions {
                let own = self
                    .context
                    .iter()
                    .map(|(key, value)| (key.clone(), whole(value, region)));
                let tags = tags.iter().flat_map(|(of, environment)| {
                    [("Project", "tandem"), ("Environment", environment)]
                        .map(|(tag, value)| (format!("aws:{of}Tag/{tag}"), value.to_owned()))
                });
                calls.push(Call {
                    action: action.clone(),
                    resource: whole(&self.resource, region),
                    context: own
                        .chain(tags)
                        .chain([("aws:RequestedRegion".to_owned(), region.to_owned())])
                        .collect(),
                });
            }
        }
        calls
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(rows: &[&str]) -> Table {
        Table::read(&json!({"aws_thing": rows}).to_string()).unwrap()
    }

    fn said(rows: &[&str], statement: Value) -> Vec<String> {
        let applier = Applier {
            environment: "prod".to_owned(),
            looking: Vec::new(),
            changing: vec![statement],
        };
        table(rows).complaints(&applier, &["staging"]).unwrap()
    }

    fn allow(action: &str, resource: &str, condition: &Value) -> Value {
        json!({"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition})
    }

    #[test]
    fn what_is_lacking_is_told_and_so_is_what_is_too_wide() {
        let row = ["keep sqs:CreateQueue,DeleteQueue {name}-default"];
        let ours = "arn:aws:sqs:*:111122223333:tandem-prod-*";
        assert_eq!(said(&row, allow("sqs:*", ours, &json!({}))), [""; 0]);
        assert_eq!(
            said(
                &row,
                allow(
                    "sqs:*",
                    "arn:aws:sqs:eu-west-1:111122223333:tandem-prod-*",
                    &json!({})
                )
            ),
            [
                "whoever applies prod lacks sqs:CreateQueue on arn:aws:sqs:eu-central-1:111122223333:tandem-prod-default for aws_thing",
                "whoever applies prod lacks sqs:DeleteQueue on arn:aws:sqs:eu-central-1:111122223333:tandem-prod-default for aws_thing",
            ]
        );
        let wide = said(
            &row,
            allow("sqs:*", "arn:aws:sqs:*:111122223333:tandem-*", &json!({})),
        );
        assert_eq!(wide.len(), 4);
        assert!(wide[0].contains("of another environment"), "{wide:?}");
    }

    #[test]
    fn what_has_no_name_is_told_apart_by_its_tags() {
        let row = ["keep kms:PutKeyPolicy key/0"];
        let ours = json!({"StringEquals": {"aws:ResourceTag/Environment": "prod"}});
        assert_eq!(said(&row, allow("kms:*", "*", &ours)), [""; 0]);
        assert_eq!(said(&row, allow("kms:*", "*", &json!({}))).len(), 2);
    }

    #[test]
    fn nobody_takes_what_is_anothers_by_tagging_it() {
        let row = ["make kms:TagResource key/0"];
        let mut condition = json!({"StringEquals": {"aws:RequestTag/Environment": "prod"}});
        assert_eq!(said(&row, allow("kms:*", "*", &condition)).len(), 2);
        condition["StringEqualsIfExists"] = json!({"aws:ResourceTag/Environment": "prod"});
        assert_eq!(said(&row, allow("kms:*", "*", &condition)), [""; 0]);
    }

    #[test]
    fn each_type_has_a_row_and_each_row_a_type() {
        let kinds = BTreeSet::from(["aws_other".to_owned()]);
        assert_eq!(
            table(&[]).misfits(&kinds),
            [
                "what the provider calls for aws_other is not said",
                "no module has a aws_thing any more"
            ]
        );
    }

    #[test]
    fn a_row_is_understood_or_refused() {
        for wrong in [
            "see sqs:GetQueueUrl x",
            "look sqs:GetQueueUrl x",
            "keep sqs:GetQueueUrl",
            "keep sqs x",
            "shared sqs:GetQueueUrl x",
            "keep sqs:GetQueueUrl x # why",
            "keep sqs:GetQueueUrl x condition",
        ] {
            Row::read(wrong).unwrap_err();
        }
    }
}
