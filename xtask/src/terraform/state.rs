//! A state, as `terraform show -json` tells it.

use std::collections::BTreeMap;

use serde_json::Value;

/// The values of all resources of a state, by address.
pub fn resources(state: &Value) -> BTreeMap<&str, &Value> {
    let mut found = BTreeMap::new();
    collect(&state["values"]["root_module"], &mut found);
    found
}

fn collect<'a>(module: &'a Value, into: &mut BTreeMap<&'a str, &'a Value>) {
    let resources = module["resources"].as_array().into_iter().flatten();
    into.extend(resources.filter_map(|it| Some((it["address"].as_str()?, &it["values"]))));
    for child in module["child_modules"].as_array().into_iter().flatten() {
        collect(child, into);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn resources_are_found_at_any_depth() {
        let resource = |address: &str| json!({"address": address, "values": {"name": address}});
        let state = json!({"values": {"root_module": {
            "resources": [resource("a")],
            "child_modules": [{"child_modules": [{"resources": [resource("b")]}]}],
        }}});
        let found = resources(&state);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(found["b"]["name"], "b");
        assert!(resources(&json!({"format_version": "1.0"})).is_empty());
    }
}
