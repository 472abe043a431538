//! The dependency rule: which of our crates may know which, and who may know the big libraries.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::metadata::elements;

/// Each crate and those it may depend on. Arrows point down only, and siblings of a layer do not see each
/// other.
const LAYERS: &[(&str, &[&str])] = &[
    ("aws-errors", &[]),
    ("domain", &[]),
    ("failpoint", &[]),
    ("store", &["domain", "failpoint"]),
    ("queue", &["aws-errors", "domain"]),
    ("client", &["domain"]),
    ("runtime", &["aws-errors", "domain"]),
    ("local-postgres", &[]),
    // Judges the product from outside, so it knows nothing of it.
    ("history", &[]),
    ("chaos", &["history", "local-postgres"]),
    ("api", &["domain", "failpoint", "queue", "runtime", "store"]),
    ("worker", &["domain", "failpoint", "queue", "runtime", "store"]),
    (
        "cli",
        &[
            "api",
            "client",
            "domain",
            "local-postgres",
            "queue",
            "runtime",
            "store",
            "worker",
        ],
    ),
    ("deploy", &["aws-errors", "client", "runtime"]),
    // No part of the product: it shows the product's parsers what strangers may send.
    ("fuzz", &["api", "client", "domain", "runtime", "worker"]),
    ("xtask", &["domain", "local-postgres"]),
    // Nothing but tests, whose dependencies are free.
    ("system-tests", &[]),
];

/// Sees everything and is seen by tests only.
const TESTKIT: &str = "testkit";

/// No part of the product, so it may use every library.
const CHAOS: &str = "chaos";

/// Families of libraries (the name alone or with a dash and more) and the crates they belong to.
const OWNED: &[(&str, &[&str])] = &[
    ("sqlx", &["queue", "store"]),
    ("axum", &["api"]),
    ("aws-sdk", &["deploy", "queue", "runtime"]),
    ("aws-smithy", &["aws-errors"]),
    ("opentelemetry", &["runtime"]),
    ("opentelemetry_sdk", &["runtime"]),
];

/// All that `domain` takes from outside: it has no input or output, no clock and no randomness.
const DOMAIN_NEEDS: &[&str] = &[
    "chrono",
    "chrono-tz",
    "croner",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "uuid",
];

/// Checks the packages of a workspace, as `cargo metadata` describes them. Dependencies of tests are free.
pub fn check(packages: &[Value]) -> Vec<String> {
    let ours: BTreeSet<&str> = packages.iter().map(name).collect();
    let mut complaints = Vec::new();
    for package in packages {
        let (inner, outer): (Vec<_>, Vec<_>) =
            product_dependencies(package).partition(|it| ours.contains(it));
        complaints.extend(inner_breaches(name(package), &inner));
        complaints.extend(outer_breaches(name(package), &outer));
    }
    complaints
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap_or_default()
}

/// What the package needs to be built, which excludes what only its tests need.
fn product_dependencies(package: &Value) -> impl Iterator<Item = &str> {
    elements(&package["dependencies"])
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(name)
}

fn inner_breaches(package: &str, dependencies: &[&str]) -> Vec<String> {
    if package == TESTKIT {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == package) else {
        return vec![format!(
            "{package} has no place in the layers; give it one in xtask/src/tidy/layers.rs"
        )];
    };
    let forbidden = dependencies.iter().filter(|it| !allowed.contains(it));
    forbidden
        .map(|dependency| match *dependency {
            TESTKIT => format!("{package} depends on {TESTKIT} outside of its tests"),
            _ => {
                format!("{package} must not depend on {dependency}: dependencies point down the layers only")
            }
        })
        .collect()
}

fn outer_breaches(package: &str, dependencies: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    if package != TESTKIT && package != CHAOS {
        for (family, owners) in OWNED.iter().filter(|(_, owners)| !owners.contains(&package)) {
            let foreign = dependencies.iter().filter(|it| in_family(it, family));
            complaints.extend(foreign.map(|it| {
                format!(
                    "{package} must not depend on {it}, which belongs to {}",
                    owners.join(" and ")
                )
            }));
        }
    }
    let mut sorted = dependencies.to_vec();
    sorted.sort_unstable();
    if package == "domain" && sorted != DOMAIN_NEEDS {
        complaints.push(format!(
            "domain must depend on {} exactly, but depends on {}",
            DOMAIN_NEEDS.join(", "),
            sorted.join(", ")
        ));
    }
    complaints
}

fn in_family(library: &str, family: &str) -> bool {
    library
        .strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A package with dependencies, each written as `name` or `dev:name`.
    fn package(name: &str, dependencies: &[&str]) -> Value {
        let dependency = |it: &&str| match it.split_once(':') {
            Some((kind, name)) => json!({ "name": name, "kind": kind }),
            None => json!({ "name": it, "kind": null }),
        };
        json!({ "name": name, "dependencies": dependencies.iter().map(dependency).collect::<Vec<_>>() })
    }

    fn workspace(changed: Value) -> Vec<Value> {
        let mut packages = vec![
            package("domain", DOMAIN_NEEDS),
            package("store", &["domain", "sqlx", "dev:testkit"]),
            package("queue", &["domain", "sqlx", "aws-sdk-sqs", "dev:store"]),
            package("runtime", &["domain", "aws-sdk-secretsmanager"]),
            package(
                "api",
                &["domain", "queue", "runtime", "store", "axum", "dev:sqlx"],
            ),
            package("worker", &["domain", "queue", "runtime", "store", "dev:axum"]),
            package("testkit", &["store", "api", "sqlx", "axum"]),
        ];
        packages.retain(|it| name(it) != name(&changed));
        packages.push(changed);
        packages
    }

    fn breach(changed: Value) -> String {
        check(&workspace(changed)).join("\n")
    }

    #[test]
    fn a_workspace_that_keeps_the_rule_gets_no_complaint() {
        assert_eq!(breach(package("local-postgres", &["nix"])), "");
    }

    #[test]
    fn siblings_and_upward_arrows_are_found() {
        let sibling = breach(package("store", &["domain", "queue"]));
        assert_eq!(
            sibling,
            "store must not depend on queue: dependencies point down the layers only"
        );
        let upward = breach(package("runtime", &["api"]));
        assert_eq!(
            upward,
            "runtime must not depend on api: dependencies point down the layers only"
        );
    }

    #[test]
    fn the_testkit_stays_out_of_the_product() {
        assert_eq!(
            breach(package("worker", &["testkit"])),
            "worker depends on testkit outside of its tests"
        );
        let build_script = breach(package("worker", &["build:testkit"]));
        assert_eq!(build_script, "worker depends on testkit outside of its tests");
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert!(breach(package("utils", &[])).starts_with("utils has no place in the layers"));
    }

    #[test]
    fn libraries_stay_with_their_owners() {
        let sql = breach(package("api", &["sqlx", "axum"]));
        assert_eq!(
            sql,
            "api must not depend on sqlx, which belongs to queue and store"
        );
        let http = breach(package("worker", &["axum-extra"]));
        assert_eq!(http, "worker must not depend on axum-extra, which belongs to api");
        let aws = breach(package("store", &["aws-sdk-sqs"]));
        assert_eq!(
            aws,
            "store must not depend on aws-sdk-sqs, which belongs to deploy and queue and runtime"
        );
    }

    #[test]
    fn the_domain_takes_nothing_more_and_nothing_less() {
        let more = breach(package(
            "domain",
            &["chrono", "rand", "serde", "serde_json", "thiserror", "uuid"],
        ));
        assert!(
            more.ends_with("but depends on chrono, rand, serde, serde_json, thiserror, uuid"),
            "{more}"
        );
        assert!(!breach(package("domain", &["chrono"])).is_empty());
    }
}
