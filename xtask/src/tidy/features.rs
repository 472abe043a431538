//! What makes the product misbehave for chaos tests is turned on by a command line, and by nothing that is built
//! otherwise.

use serde_json::Value;

use crate::metadata::elements;

/// The crates and those of their features that only chaos tests build with.
const FOR_CHAOS: &[(&str, &str)] = &[
    ("api", "failpoints"),
    ("failpoint", "enabled"),
    ("queue", "faulty"),
    ("worker", "failpoints"),
];

/// Features of this name may turn on the others: they do nothing else.
const BUNDLE: &str = "failpoints";

/// Checks the packages of a workspace, as `cargo metadata` describes them.
pub fn check(packages: &[Value]) -> Vec<String> {
    packages.iter().flat_map(breaches).collect()
}

fn breaches(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let complain = |(of, feature): &(&str, &str), place: &str| {
        format!("{name} turns on {of}/{feature} in {place}; only chaos tests do, by their command line")
    };
    let mut complaints = Vec::new();
    for it in FOR_CHAOS {
        if elements(&package["dependencies"])
            .iter()
            .any(|dependency| asks_for(name, dependency, it))
        {
            complaints.push(complain(it, "its dependencies"));
        }
        for (feature, parts) in package["features"].as_object().into_iter().flatten() {
            if feature != BUNDLE && elements(parts).iter().any(|part| is_part(name, part, it)) {
                complaints.push(complain(it, &format!("its feature {feature}")));
            }
        }
    }
    complaints
}

/// Whether a dependency asks for the feature. A crate's own tests may do so of their own crate.
fn asks_for(package: &str, dependency: &Value, (of, feature): &(&str, &str)) -> bool {
    let is_own_test = package == *of && dependency["kind"] == "dev";
    dependency["name"] == *of
        && elements(&dependency["features"]).iter().any(|it| it == feature)
        && !is_own_test
}

/// Whether one entry of a feature turns the other one on: `crate/feature`, `crate?/feature`, or the name alone of a
/// feature of the same crate.
fn is_part(package: &str, part: &Value, (of, feature): &(&str, &str)) -> bool {
    match part.as_str().unwrap_or_default().split_once('/') {
        Some((of_part, feature_part)) => of_part.trim_end_matches('?') == *of && feature_part == *feature,
        None => package == *of && part == feature,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(name: &str, dependencies: &Value, features: &Value) -> Vec<String> {
        check(&[json!({ "name": name, "dependencies": dependencies, "features": features })])
    }

    fn dependency(name: &str, kind: Option<&str>, features: &[&str]) -> Value {
        json!([{ "name": name, "kind": kind, "features": features }])
    }

    #[test]
    fn the_bundles_and_the_tests_of_a_crate_itself_are_fine() {
        let bundle = json!({ "failpoints": ["failpoint/enabled", "queue/faulty"], "enabled": ["dep:fail"] });
        assert_eq!(
            found("worker", &dependency("queue", None, &[]), &bundle),
            Vec::<String>::new()
        );
        let own_test = dependency("queue", Some("dev"), &["conformance", "faulty"]);
        assert_eq!(
            found("queue", &own_test, &json!({ "faulty": ["dep:rand"] })),
            Vec::<String>::new()
        );
        // Others call features of their own the same.
        let library = dependency("fail", None, &["failpoints", "enabled"]);
        assert_eq!(
            found("failpoint", &library, &json!({ "enabled": ["dep:fail"] })),
            Vec::<String>::new()
        );
    }

    #[test]
    fn dependencies_that_turn_chaos_on_are_found() {
        for (package, of, kind, feature) in [
            ("cli", "worker", None, "failpoints"),
            ("system-tests", "api", Some("dev"), "failpoints"),
            ("store", "failpoint", None, "enabled"),
            ("worker", "queue", Some("dev"), "faulty"),
            ("queue", "queue", None, "faulty"),
        ] {
            let complaint = format!(
                "{package} turns on {of}/{feature} in its dependencies; only chaos tests do, by their command line"
            );
            assert_eq!(
                found(package, &dependency(of, kind, &[feature]), &json!({})),
                [complaint]
            );
        }
    }

    #[test]
    fn other_features_that_turn_chaos_on_are_found() {
        for (package, part, shown) in [
            ("api", "failpoints", "api/failpoints"),
            ("cli", "worker/failpoints", "worker/failpoints"),
            ("cli", "failpoint?/enabled", "failpoint/enabled"),
            ("queue", "faulty", "queue/faulty"),
        ] {
            let complaint = format!(
                "{package} turns on {shown} in its feature default; only chaos tests do, by their command line"
            );
            assert_eq!(
                found(package, &json!([]), &json!({ "default": [part] })),
                [complaint]
            );
        }
    }
}
