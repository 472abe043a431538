//! Rules that every environment keeps, read from its plan: what may be reached from where, what is encrypted, what is kept.
//!
//! A plan knows no value that AWS gives, so policies of roles, whose resources are ARNs, are not in it. Those are taken from
//! the state of an environment that was made in an emulator; what an emulator can't make is in the plan alone.

mod alarms;
mod applied;
pub mod bootstrap;
mod database;
mod egress;
mod iam;
mod identity;
mod images;
mod logs;
mod network;
mod storage;
mod tags;
mod tasks;
mod transport;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::terraform::{Look, state};

/// A rule: what is said of resources that break it.
type Policy = fn(&Planned) -> Vec<String>;

const POLICIES: [(&str, Policy); 11] = [
    ("roles may do nothing to everything", identity::complaints),
    ("what is stored is encrypted", storage::complaints),
    ("the database is kept", database::complaints),
    ("logs end", logs::complaints),
    ("only who must gets in", network::complaints),
    ("only who must gets out", egress::complaints),
    ("images stay what they are", images::complaints),
    ("tasks are confined", tasks::complaints),
    ("everything is tagged", tags::complaints),
    ("what is sent is encrypted", transport::complaints),
    ("alarms see what there is", alarms::complaints),
];

/// Looks at all of it by each rule.
pub fn looks(planned: &Planned) -> Vec<Look> {
    POLICIES
        .iter()
        .map(|(name, policy)| Look::at(*name, policy(planned)))
        .collect()
}

/// A resource, with the values that are known of it.
#[derive(Clone, Debug)]
pub struct Resource {
    address: String,
    kind: String,
    values: Value,
    /// The names of values that the plan does not know, and that were taken from what was made.
    made: BTreeSet<String>,
}

impl Resource {
    /// The module of the platform that it belongs to, such as `database`.
    fn module(&self) -> &str {
        let inner = self
            .address
            .strip_prefix("module.platform.module.")
            .unwrap_or_default();
        inner.split(['.', '[']).next().unwrap_or_default()
    }

    /// An attribute that is text and not empty.
    fn text(&self, attribute: &str) -> Option<&str> {
        self.values[attribute].as_str().filter(|text| !text.is_empty())
    }

    fn is_true(&self, attribute: &str) -> bool {
        self.values[attribute] == Value::Bool(true)
    }

    /// An attribute that is JSON in text, if it is known.
    fn document(&self, attribute: &str) -> Option<Value> {
        serde_json::from_str(self.text(attribute)?).ok()
    }

    /// The address of the resource of another kind that belongs to this one by having its name.
    fn beside(&self, kind: &str) -> String {
        self.address
            .replace(&format!(".{}.", self.kind), &format!(".{kind}."))
    }
}

/// An environment as it would be.
#[derive(Clone, Debug)]
pub struct Planned {
    variables: Value,
    resources: Vec<Resource>,
}

impl Planned {
    /// What a plan makes.
    pub fn of(plan: &Value) -> Self {
        let changes = plan["resource_changes"].as_array().into_iter().flatten();
        let resources = changes
            .filter(|it| it["mode"] == "managed")
            .filter_map(|resource| {
                Some(Resource {
                    address: resource["address"].as_str()?.to_owned(),
                    kind: resource["type"].as_str()?.to_owned(),
                    values: resource["change"]["after"].clone(),
                    made: BTreeSet::new(),
                })
            });
        Self {
            variables: plan["variables"].clone(),
            resources: resources.collect(),
        }
    }

    /// Adds what is known only after an apply. What the plan says itself is not touched.
    #[must_use]
    pub fn with_made(mut self, state: &Value) -> Self {
        let made = state::resources(state);
        for resource in &mut self.resources {
            let Some(known) = made.get(resource.address.as_str()).and_then(|it| it.as_object()) else {
                continue;
            };
            if let Some(values) = resource.values.as_object_mut() {
                for (name, value) in known {
                    if !values.contains_key(name) {
                        values.insert(name.clone(), value.clone());
                        resource.made.insert(name.clone());
                    }
                }
            }
        }
        self
    }

    fn is_production(&self) -> bool {
        *self.variable("environment") == "prod"
    }

    /// What the environment's root is told.
    fn variable(&self, name: &str) -> &Value {
        &self.variables[name]["value"]
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources
            .iter()
            .filter(move |resource| resource.kind == kind)
    }

    fn at(&self, address: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.address == address)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// Resources of a platform, by what follows `module.platform.module.` in their addresses.
    pub(crate) fn planned(environment: &str, resources: &[(&str, Value)]) -> Planned {
        told(&json!({"environment": {"value": environment}}), resources)
    }

    /// The same of a root that is told more than its name.
    pub(crate) fn told(variables: &Value, resources: &[(&str, Value)]) -> Planned {
        let changes: Vec<Value> = resources
            .iter()
            .map(|(address, values)| {
                let kind = address.split('.').find(|part| part.starts_with("aws_"));
                json!({
                    "address": format!("module.platform.module.{address}"),
                    "type": kind,
                    "mode": "managed",
                    "change": {"after": values},
                })
            })
            .collect();
        Planned::of(&json!({
            "variables": variables,
            "resource_changes": changes,
        }))
    }

    #[test]
    fn what_a_plan_does_not_know_is_taken_from_what_was_made() {
        let state = json!({"values": {"root_module": {"child_modules": [{"resources": [{
            "address": "module.platform.module.x.aws_sqs_queue.a",
            "values": {"name": "forgotten", "arn": "arn:aws:sqs:::a"},
        }]}]}}});
        let planned = planned("dev", &[("x.aws_sqs_queue.a", json!({"name": "asked"}))]).with_made(&state);
        let queue = planned.of_kind("aws_sqs_queue").next().unwrap();
        assert_eq!(
            (queue.text("name"), queue.text("arn")),
            (Some("asked"), Some("arn:aws:sqs:::a"))
        );
        assert_eq!(queue.module(), "x");
    }

    #[test]
    fn a_plan_without_anything_breaks_no_rule_and_each_rule_has_a_name() {
        let looks = looks(&planned("dev", &[]));
        assert_eq!(looks.len(), POLICIES.len());
        assert!(looks.iter().all(|look| look.complaints.is_empty()));
    }
}
