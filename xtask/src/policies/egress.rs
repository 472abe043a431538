//! Who may connect to whom: as [`super::network`] lets them in, and to the internet where that is what a part is for, or where
//! what it calls of AWS is reached no other way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::network::{EDGES, groups};
use super::{Planned, Resource};

/// What must be reached besides the database, by the names of AWS' endpoints: an image's parts, the log, secrets, queues. The
/// worker pushes to anywhere, and a NAT instance lets it.
const CALLS: [(&str, &[&str]); 2] = [
    ("api", &["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"]),
    ("migrate", &["ecr.api", "ecr.dkr", "logs", "secretsmanager"]),
];
/// Who is there to reach the internet, at 443 and the ports of targets.
const PUSHES: [&str; 2] = ["worker", "network"];
/// Layers of images lie in S3, which a gateway endpoint leads to.
const TASKS: [&str; 3] = ["api", "worker", "migrate"];
const HTTPS: u64 = 443;
const EVERYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let groups = groups(planned);
    let mut complaints: Vec<String> = planned
        .of_kind("aws_vpc_security_group_egress_rule")
        .filter(|rule| !is_allowed(planned, rule, &groups))
        .map(|rule| format!("{} lets out who has no business there", rule.address))
        .collect();
    // A group that was made tells the rules beside it as its own; only what the plan says counts.
    let has_own = |group: &Resource, way: &str| {
        !group.made.contains(way) && group.values[way].as_array().is_some_and(|all| !all.is_empty())
    };
    complaints.extend(
        planned
            .of_kind("aws_security_group")
            .filter(|group| has_own(group, "ingress") || has_own(group, "egress"))
            .map(|group| format!("{} must have its rules beside it", group.address)),
    );
    complaints
}

fn is_allowed(planned: &Planned, rule: &Resource, groups: &BTreeMap<&str, &str>) -> bool {
    let port = rule.values["from_port"].as_u64();
    if rule.text("ip_protocol") != Some("tcp") || port != rule.values["to_port"].as_u64() {
        return false;
    }
    let from = match rule.text("security_group_id") {
        Some(id) => groups.get(id).copied(),
        None => Some(rule.module()),
    };
    let (Some(port), Some(from)) = (port, from) else {
        return false;
    };
    if let Some(to) = rule.text("referenced_security_group_id") {
        let to = groups.get(to).copied().unwrap_or_default();
        return EDGES
            .iter()
            .any(|(edge, at, sources)| (*edge, *at) == (to, port) && sources.contains(&from));
    }
    if rule.text("prefix_list_id").is_some() {
        return port == HTTPS && TASKS.contains(&from);
    }
    let reaches = ["cidr_ipv4", "cidr_ipv6"]
        .iter()
        .find_map(|range| rule.text(range));
    if !reaches.is_some_and(|range| EVERYWHERE.contains(&range)) {
        return false;
    }
    let is_target = planned.variable("worker")["target_ports"]
        .as_array()
        .is_some_and(|ports| ports.iter().any(|it| it.as_u64() == Some(port)));
    if PUSHES.contains(&from) {
        return port == HTTPS || is_target;
    }
    port == HTTPS && needs_internet(planned, from)
}

/// Whether a part calls something of AWS, or somebody who takes traces, that it reaches over the internet only.
fn needs_internet(planned: &Planned, part: &str) -> bool {
    let Some((_, calls)) = CALLS.iter().find(|(name, _)| *name == part) else {
        return false;
    };
    let endpoints: BTreeSet<&str> = planned
        .of_kind("aws_vpc_endpoint")
        .filter(|endpoint| endpoint.text("vpc_endpoint_type") == Some("Interface"))
        .filter_map(|endpoint| endpoint.text("service_name")?.splitn(4, '.').nth(3))
        .collect();
    let sends_traces = part == "api" && !matches!(planned.variable("traces"), Value::Null);
    sends_traces || !calls.iter().all(|call| endpoints.contains(call))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::told;
    use super::*;

    const PARTS: [&str; 6] = ["api", "worker", "migrate", "database", "load_balancer", "network"];

    /// How many complaints there are about one rule of a part, in a root with these variables and endpoints.
    fn said(variables: &Value, endpoints: &[&str], part: &str, rule: &Value) -> usize {
        let groups = PARTS.iter().map(|name| {
            let id = json!({"id": format!("sg-{name}")});
            (format!("{name}.aws_security_group.this"), id)
        });
        let endpoints = endpoints.iter().map(|name| {
            let endpoint = json!({
                "vpc_endpoint_type": "Interface", "service_name": format!("com.amazonaws.eu-west-1.{name}"),
            });
            (
                format!("network.aws_vpc_endpoint.interface[\"{name}\"]"),
                endpoint,
            )
        });
        let mut rule = rule.clone();
        rule["security_group_id"] = json!(format!("sg-{part}"));
        rule["to_port"] = rule["from_port"].clone();
        let rule = (format!("{part}.aws_vpc_security_group_egress_rule.this"), rule);
        let resources: Vec<(String, Value)> = groups.chain(endpoints).chain([rule]).collect();
        let resources: Vec<(&str, Value)> = resources
            .iter()
            .map(|(address, values)| (address.as_str(), values.clone()))
            .collect();
        complaints(&told(variables, &resources)).len()
    }

    fn to_internet(port: u64) -> Value {
        json!({"ip_protocol": "tcp", "from_port": port, "cidr_ipv4": "0.0.0.0/0"})
    }

    fn to(part: &str, port: u64) -> Value {
        json!({"ip_protocol": "tcp", "from_port": port, "referenced_security_group_id": format!("sg-{part}")})
    }

    #[test]
    fn each_part_connects_to_what_it_needs_and_no_further() {
        let plain = |part: &str, rule: &Value| said(&json!({}), &[], part, rule);
        for (part, rule, complaints) in [
            ("api", to("database", 5432), 0),
            ("api", to("database", 22), 1),
            ("api", to("load_balancer", 443), 1),
            ("worker", to("database", 5432), 0),
            ("worker", to("api", 8080), 1),
            ("load_balancer", to("api", 8080), 0),
            ("load_balancer", to("database", 5432), 1),
            ("load_balancer", to_internet(443), 1),
            ("database", to("api", 8080), 1),
            ("database", to_internet(443), 1),
            ("network", to_internet(443), 0),
            ("network", to_internet(22), 1),
            ("api", json!({"ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0"}), 1),
            (
                "api",
                json!({"ip_protocol": "tcp", "from_port": 443, "cidr_ipv4": "10.0.0.0/8"}),
                1,
            ),
            (
                "api",
                json!({"ip_protocol": "tcp", "from_port": 443, "prefix_list_id": "pl-s3"}),
                0,
            ),
            (
                "database",
                json!({"ip_protocol": "tcp", "from_port": 443, "prefix_list_id": "pl-s3"}),
                1,
            ),
        ] {
            assert_eq!(plain(part, &rule), complaints, "{part} {rule}");
        }
    }

    #[test]
    fn a_port_of_targets_is_the_workers_alone() {
        let variables = json!({"worker": {"value": {"target_ports": [8443]}}});
        for (part, complaints) in [("worker", 0), ("network", 0), ("api", 1), ("migrate", 1)] {
            assert_eq!(
                said(&variables, &[], part, &to_internet(8443)),
                complaints,
                "{part}"
            );
        }
        assert_eq!(said(&json!({}), &[], "worker", &to_internet(8443)), 1);
    }

    #[test]
    fn who_has_all_endpoints_needs_no_internet() {
        let all = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"];
        let traces = json!({"traces": {"value": {"otlp_endpoint": "https://otlp.example.com"}}});
        for (variables, endpoints, part, complaints) in [
            (json!({}), &all[..], "api", 1),
            (json!({}), &all[..4], "api", 0),
            (json!({}), &all[..4], "migrate", 1),
            (json!({}), &all[..3], "migrate", 0),
            (json!({}), &all[..], "worker", 0),
            (traces.clone(), &all[..], "api", 0),
            (traces, &all[..], "migrate", 1),
        ] {
            assert_eq!(
                said(&variables, endpoints, part, &to_internet(443)),
                complaints,
                "{part} {endpoints:?}"
            );
        }
    }

    #[test]
    fn a_group_has_no_rule_within() {
        let group = json!({"egress": [{"from_port": 0}]});
        let inline =
            |values: Value| complaints(&told(&json!({}), &[("api.aws_security_group.this", values)])).len();
        assert_eq!(inline(group), 1);
        assert_eq!(inline(json!({"egress": []})), 0);
    }
}
