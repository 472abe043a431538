//! What an emulator gets wrong: attributes that a plan wants to change again right after an apply.
//! `terraform/emulated/defects.json` lists what is known.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wildmatch::WildMatch;

/// Attributes by the address of the resource that has them.
pub type Differences = BTreeMap<String, BTreeSet<String>>;

/// What a plan wants that has no attribute: to make a resource, or to delete one.
const WHOLE: &str = "(all of it)";

/// A known defect of the emulator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Defect {
    /// The environments in which it shows.
    environments: Vec<String>,
    /// The resources that have it; `*` stands for anything.
    address: String,
    /// The attributes that it is seen by.
    attributes: BTreeSet<String>,
}

impl Defect {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// When it has another form, or a defect has no reason.
    pub fn list(text: &str) -> Result<Vec<Self>> {
        let list: Vec<Value> = serde_json::from_str(text).context("must be a list")?;
        list.iter().map(Self::read).collect()
    }

    fn read(value: &Value) -> Result<Self> {
        let texts = |field: &str| -> Option<Vec<String>> {
            let texts = value[field].as_array()?.iter();
            texts.map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let fields = (
            texts("environments"),
            value["address"].as_str(),
            texts("attributes"),
            value["reason"].as_str(),
        );
        match fields {
            (Some(environments), Some(address), Some(attributes), Some(reason)) if !reason.is_empty() => {
                Ok(Self {
                    environments,
                    address: address.to_owned(),
                    attributes: attributes.into_iter().collect(),
                })
            }
            _ => bail!(
                "each defect must have environments, address, attributes and a reason, which {value} has not"
            ),
        }
    }

    fn explains(&self, address: &str, attribute: &str) -> bool {
        self.attributes.contains(attribute) && matches(&self.address, address)
    }
}

/// What a plan wants to change, by attribute. Nothing and empty are the same, as emulators mix them up.
pub fn differences(plan: &Value) -> Differences {
    let changes = plan["resource_changes"].as_array().into_iter().flatten();
    changes
        .filter_map(|resource| {
            let change = &resource["change"];
            let actions: Vec<&str> = change["actions"]
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let attributes = match actions[..] {
                ["no-op" | "read"] => return None,
                ["create" | "delete"] => BTreeSet::from([WHOLE.to_owned()]),
                _ => changed(change, actions.len() > 1),
            };
            Some((resource["address"].as_str()?.to_owned(), attributes))
        })
        .collect()
}

/// The attributes of a change. Of a resource that is made anew, those that AWS gives it are new as well, and say nothing.
fn changed(change: &Value, is_made_anew: bool) -> BTreeSet<String> {
    let (before, after, unknown) = (&change["before"], &change["after"], &change["after_unknown"]);
    let names = [before, after, unknown]
        .into_iter()
        .filter_map(Value::as_object)
        .flat_map(|attributes| attributes.keys());
    names
        .filter(|name| {
            let is_unknown = unknown[name.as_str()] == Value::Bool(true);
            if is_unknown {
                return !is_made_anew;
            }
            let (before, after) = (&before[name.as_str()], &after[name.as_str()]);
            before != after && !(is_empty(before) && is_empty(after))
        })
        .cloned()
        .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The differences that no defect explains.
pub fn unexplained(defects: &[Defect], environment: &str, differences: &Differences) -> Vec<String> {
    let defects: Vec<&Defect> = of(defects, environment).collect();
    let mut complaints = Vec::new();
    for (address, attributes) in differences {
        let left: Vec<&str> = attributes
            .iter()
            .map(String::as_str)
            .filter(|attribute| !defects.iter().any(|defect| defect.explains(address, attribute)))
            .collect();
        if !left.is_empty() {
            complaints.push(format!(
                "{address} is not as it was asked for: {}",
                left.join(", ")
            ));
        }
    }
    complaints
}

/// The defects of an environment that do not show any more, by attribute.
pub fn vanished(defects: &[Defect], environment: &str, differences: &Differences) -> Vec<String> {
    let mut complaints = Vec::new();
    for defect in of(defects, environment) {
        let shows = |attribute: &str| {
            let mut all = differences.iter();
            all.any(|(address, attributes)| {
                attributes.contains(attribute) && defect.explains(address, attribute)
            })
        };
        for attribute in defect.attributes.iter().filter(|attribute| !shows(attribute)) {
            complaints.push(format!(
                "the list of defects has {attribute} of {}, which is in order now",
                defect.address
            ));
        }
    }
    complaints
}

fn of<'a>(defects: &'a [Defect], environment: &str) -> impl Iterator<Item = &'a Defect> {
    defects
        .iter()
        .filter(move |defect| defect.environments.iter().any(|it| it == environment))
}

/// Whether a text is as a pattern has it, in which `*` stands for anything and `?` for a character.
fn matches(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(actions: &[&str], before: &Value, after: &Value, unknown: &Value) -> Value {
        json!({"resource_changes": [{
            "address": "module.platform.module.api.aws_ecs_service.rolling[0]",
            "change": {"actions": actions, "before": before, "after": after, "after_unknown": unknown},
        }]})
    }

    fn attributes(plan: &Value) -> Vec<String> {
        differences(plan).into_values().flatten().collect()
    }

    fn defect(attributes: &[&str]) -> Vec<Defect> {
        let list = json!([{
            "environments": ["dev"],
            "address": "module.platform.module.*.aws_ecs_service.*",
            "attributes": attributes,
            "reason": "It forgets them.",
        }]);
        Defect::list(&list.to_string()).unwrap()
    }

    #[test]
    fn attributes_that_would_change_are_found_and_nothing_is_as_good_as_empty() {
        let (before, after) = (
            json!({"a": 1, "b": null, "c": "same", "d": []}),
            json!({"a": 2, "b": {}, "c": "same"}),
        );
        let (update, anew) = (&["update"], &["delete", "create"]);
        assert_eq!(
            attributes(&plan(update, &before, &after, &json!({"arn": true}))),
            ["a", "arn"]
        );
        assert_eq!(
            attributes(&plan(anew, &before, &after, &json!({"arn": true}))),
            ["a"]
        );
        assert_eq!(
            attributes(&plan(&["create"], &json!(null), &after, &json!({}))),
            [WHOLE]
        );
        assert_eq!(
            attributes(&plan(&["no-op"], &before, &after, &json!({}))),
            [""; 0]
        );
    }

    #[test]
    fn only_what_is_listed_for_the_environment_is_explained() {
        let found = differences(&plan(
            &["update"],
            &json!({"a": 1, "b": 1}),
            &json!({"a": 2, "b": 2}),
            &json!({}),
        ));
        let said = "module.platform.module.api.aws_ecs_service.rolling[0] is not as it was asked for: b";
        assert_eq!(unexplained(&defect(&["a"]), "dev", &found), [said]);
        assert_eq!(unexplained(&defect(&["a", "b"]), "dev", &found), [""; 0]);
        assert_eq!(unexplained(&defect(&["a", "b"]), "prod", &found).len(), 1);
    }

    #[test]
    fn a_defect_that_does_not_show_is_told_where_it_should() {
        let found = differences(&plan(&["update"], &json!({"a": 1}), &json!({"a": 2}), &json!({})));
        let said =
            "the list of defects has b of module.platform.module.*.aws_ecs_service.*, which is in order now";
        assert_eq!(vanished(&defect(&["a", "b"]), "dev", &found), [said]);
        assert_eq!(vanished(&defect(&["a", "b"]), "prod", &found), [""; 0]);
    }

    #[test]
    fn a_defect_needs_a_reason() {
        let list = r#"[{"environments": ["dev"], "address": "a", "attributes": ["b"], "reason": ""}]"#;
        Defect::list(list).unwrap_err();
        Defect::list("{}").unwrap_err();
    }

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches(
            "module.*.aws_x.this[*]",
            "module.a.module.b.aws_x.this[\"c\"]"
        ));
        assert!(matches("a*", "a"));
        assert!(!matches("a*b", "ac"));
        assert!(!matches("a", "ab"));
    }
}
