//! What a plan would do, by a digest: the same for a plan that was reviewed and the one that is applied, or else another change
//! has come between.
//!
//! A plan has the whole state and all variables in it, with secrets in clear, so it is not handed from job to job. What is
//! handed over is 64 digits.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Whether a plan would do nothing, from what `terraform show -json` says about it.
pub(super) fn are_none(plan: &Value) -> bool {
    changes(plan) == changes(&Value::Null)
}

/// The digest of what a plan would do.
pub(super) fn digest(plan: &Value) -> Result<String> {
    let format = plan["format_version"]
        .as_str()
        .context("terraform does not tell the plan's format")?;
    ensure!(
        format.starts_with("1."),
        "the plan's format {format} is not known"
    );
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(changes(plan).to_string()) {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// All that a reviewer sees change. What stays as it is has no part in it, although a plan tells that as well: the time of a
/// deployment or the number of tasks may have moved on since.
fn changes(plan: &Value) -> Value {
    let resources = plan["resource_changes"].as_array().map_or(&[][..], Vec::as_slice);
    let resources: Vec<Value> = resources
        .iter()
        .filter(|it| is_told(&it["change"], &it["previous_address"]))
        .map(resource)
        .collect();
    let outputs = plan["output_changes"].as_object().into_iter().flatten();
    let outputs: Map<String, Value> = outputs
        .filter(|(_, change)| is_told(change, &Value::Null))
        .map(|(name, change)| (name.clone(), json!([change["actions"], attributes(change)])))
        .collect();
    json!({"resources": resources, "outputs": outputs})
}

fn is_told(change: &Value, previous_address: &Value) -> bool {
    change["actions"] != json!(["no-op"]) || !change["importing"].is_null() || !previous_address.is_null()
}

fn resource(it: &Value) -> Value {
    let change = &it["change"];
    json!({
        "address": it["address"],
        "previous_address": it["previous_address"],
        "deposed": it["deposed"],
        "importing": change["importing"],
        "actions": change["actions"],
        "replace_paths": change["replace_paths"],
        // What is deleted is the thing of that name, whatever has become of it.
        "id": change["before"]["id"],
        "attributes": if change["actions"] == json!(["delete"]) { Value::Null } else { attributes(change) },
    })
}

/// What is another value afterwards, or one that only the apply will tell.
fn attributes(change: &Value) -> Value {
    let sides = ["before", "after", "after_unknown"].map(|side| &change[side]);
    if !sides.iter().any(|side| side.is_object()) {
        return json!(sides);
    }
    let tables = sides.iter().filter_map(|side| side.as_object());
    let names: BTreeSet<&String> = tables.flat_map(Map::keys).collect();
    let changed = names.into_iter().filter_map(|name| {
        let [before, after, unknown] = sides.map(|side| &side[name]);
        (before != after || has_a_truth(unknown)).then(|| (name.clone(), json!([before, after, unknown])))
    });
    Value::Object(changed.collect())
}

fn has_a_truth(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Array(values) => values.iter().any(has_a_truth),
        Value::Object(values) => values.values().any(has_a_truth),
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(change: &Value) -> Value {
        json!({
            "format_version": "1.2",
            "resource_changes": [
                {"address": "a.kept", "change": {"actions": ["no-op"], "before": {"n": 1}, "after": {"n": 1}, "after_unknown": {}}},
                {"address": "a.changed", "change": change},
            ],
            "output_changes": {"url": {"actions": ["no-op"], "before": 1, "after": 1, "after_unknown": false}},
        })
    }

    fn update() -> Value {
        json!({
            "actions": ["update"],
            "before": {"id": "i", "size": 1, "tasks": 2, "arn": "old"},
            "after": {"id": "i", "size": 2, "tasks": 2},
            "after_unknown": {"arn": true, "list": [{}]},
        })
    }

    fn digest_with(path: &str, value: Value) -> String {
        let mut plan = plan(&update());
        *plan.pointer_mut(path).unwrap() = value;
        digest(&plan).unwrap()
    }

    #[test]
    fn what_a_reviewer_sees_is_in_the_digest() {
        let reviewed = digest(&plan(&update())).unwrap();
        assert_eq!(reviewed.len(), "sha256:".len() + 64);
        for (path, value) in [
            ("/resource_changes/1/address", json!("a.other")),
            ("/resource_changes/1/change/actions", json!(["delete", "create"])),
            ("/resource_changes/1/change/after/size", json!(3)),
            ("/resource_changes/1/change/before/size", json!(0)),
            ("/resource_changes/1/change/before/id", json!("j")),
            (
                "/resource_changes/1/change/after_unknown/list",
                json!([{"x": true}]),
            ),
            ("/resource_changes/0/change/actions", json!(["delete"])),
            ("/output_changes/url/actions", json!(["delete"])),
        ] {
            assert_ne!(digest_with(path, value), reviewed, "{path}");
        }
    }

    #[test]
    fn what_stays_may_have_moved_on() {
        let reviewed = digest(&plan(&update())).unwrap();
        let mut later = update();
        later["before"]["tasks"] = json!(5);
        later["after"]["tasks"] = json!(5);
        assert_eq!(digest(&plan(&later)).unwrap(), reviewed);
        let kept = json!({"actions": ["no-op"], "before": {"n": 9}, "after": {"n": 9}, "after_unknown": {}});
        assert_eq!(digest_with("/resource_changes/0/change", kept.clone()), reviewed);
        assert!(are_none(&plan(&kept)) && !are_none(&plan(&update())));
        let deletion =
            |n: u8| plan(&json!({"actions": ["delete"], "before": {"id": "i", "n": n}, "after": null}));
        assert_eq!(digest(&deletion(1)).unwrap(), digest(&deletion(2)).unwrap());
    }

    #[test]
    fn moved_and_adopted_resources_are_changes() {
        let kept = json!({"actions": ["no-op"], "before": {"n": 1}, "after": {"n": 1}, "after_unknown": {}});
        let nothing = digest(&plan(&kept)).unwrap();
        let mut moved = plan(&kept);
        moved["resource_changes"][1]["previous_address"] = json!("a.before");
        let mut adopted = plan(&kept);
        adopted["resource_changes"][1]["change"]["importing"] = json!({"id": "i"});
        let digests = [moved, adopted].map(|it| digest(&it).unwrap());
        assert!(!digests.contains(&nothing) && digests[0] != digests[1]);
    }

    #[test]
    fn a_plan_of_another_format_is_no_plan() {
        for wrong in [json!({}), json!({"format_version": "2.0"})] {
            assert!(digest(&wrong).is_err(), "{wrong}");
        }
    }
}
