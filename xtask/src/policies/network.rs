//! Who gets in where: clients at the load balancer, it at the api, the programs at the database, and tasks at a NAT instance
//! in their own network, or the endpoints of AWS there. Nobody else.

use std::collections::BTreeMap;

use super::{Planned, Resource};

/// The ports that a part is reached at, and the parts that may.
pub(super) const EDGES: [(&str, u64, &[&str]); 3] = [
    ("api", 8080, &["load_balancer"]),
    ("database", 5432, &["api", "worker", "migrate"]),
    // Interface endpoints, where there are any.
    ("network", 443, &["api", "worker", "migrate"]),
];
/// Where the world may come in.
const FRONT_DOOR: (&str, u64) = ("load_balancer", 443);
/// Kinds that would open a door without being seen by the rules below.
const OTHER_DOORS: [&str; 2] = ["aws_security_group_rule", "aws_network_interface_sg_attachment"];

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let groups = groups(planned);
    // The function that rotates passwords is the account's own, and so is its group.
    let rotates = planned.variable("secret_rotation")["sg_id"].as_str();
    let ranges: Vec<&str> = ["aws_vpc", "aws_subnet"]
        .into_iter()
        .flat_map(|kind| planned.of_kind(kind))
        .filter_map(|it| it.text("cidr_block"))
        .collect();
    let mut complaints: Vec<String> = planned
        .of_kind("aws_vpc_security_group_ingress_rule")
        .filter(|rule| !is_allowed(rule, &groups, &ranges) && !is_rotation(rule, rotates))
        .map(|rule| format!("{} lets in who has no business there", rule.address))
        .collect();
    for kind in OTHER_DOORS {
        complaints.extend(
            planned
                .of_kind(kind)
                .map(|it| format!("{} must be a rule of its own kind", it.address)),
        );
    }
    for group in planned.of_kind("aws_default_security_group") {
        if ["ingress", "egress"]
            .iter()
            .any(|way| group.values[way].as_array().is_some_and(|all| !all.is_empty()))
        {
            complaints.push(format!(
                "{} must be empty: nobody says what it is for",
                group.address
            ));
        }
    }
    complaints
}

/// The parts by the ids of their groups.
pub(super) fn groups(planned: &Planned) -> BTreeMap<&str, &str> {
    planned
        .of_kind("aws_security_group")
        .filter_map(|group| Some((group.text("id")?, group.module())))
        .collect()
}

/// Whether the database lets in the function that rotates, and nobody but it.
fn is_rotation(rule: &Resource, rotates: Option<&str>) -> bool {
    let source = rule.text("referenced_security_group_id");
    source.is_some()
        && source == rotates
        && rule.module() == "database"
        && rule.text("ip_protocol") == Some("tcp")
        && [&rule.values["from_port"], &rule.values["to_port"]]
            .iter()
            .all(|port| **port == 5432)
}

fn is_allowed(rule: &Resource, groups: &BTreeMap<&str, &str>, ranges: &[&str]) -> bool {
    let port = rule.values["from_port"].as_u64();
    if rule.text("ip_protocol") != Some("tcp") || port != rule.values["to_port"].as_u64() {
        return false;
    }
    // A group that no emulator makes has no id. Modules have rules for groups of their own only.
    let target = match rule.text("security_group_id") {
        Some(id) => groups.get(id).copied(),
        None => Some(rule.module()),
    };
    let (Some(port), Some(target)) = (port, target) else {
        return false;
    };
    if let Some(source) = rule.text("referenced_security_group_id") {
        let source = groups.get(source).copied().unwrap_or_default();
        return EDGES
            .iter()
            .any(|(to, at, from)| (*to, *at) == (target, port) && from.contains(&source));
    }
    if (target, port) == FRONT_DOOR {
        return true;
    }
    // A NAT instance has no door for who is outside.
    target == "network"
        && rule
            .text("cidr_ipv4")
            .is_some_and(|range| ranges.contains(&range))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::planned;
    use super::*;

    fn said(module: &str, rule: &Value) -> usize {
        let mut resources: Vec<(String, Value)> =
            ["api", "worker", "migrate", "database", "load_balancer", "network"]
                .iter()
                .map(|name| {
                    (
                        format!("{name}.aws_security_group.this"),
                        json!({"id": format!("sg-{name}")}),
                    )
                })
                .collect();
        resources.push((
            "network.aws_subnet.private[\"a\"]".to_owned(),
            json!({"cidr_block": "10.0.1.0/24"}),
        ));
        let mut rule = rule.clone();
        rule["security_group_id"] = json!(format!("sg-{module}"));
        rule["to_port"] = rule["from_port"].clone();
        resources.push((format!("{module}.aws_vpc_security_group_ingress_rule.this"), rule));
        let resources: Vec<(&str, Value)> = resources
            .iter()
            .map(|(it, values)| (it.as_str(), values.clone()))
            .collect();
        complaints(&planned("dev", &resources)).len()
    }

    fn from(source: &str, port: u64) -> Value {
        json!({"ip_protocol": "tcp", "from_port": port, "referenced_security_group_id": format!("sg-{source}")})
    }

    fn range(range: &str, port: u64) -> Value {
        json!({"ip_protocol": "tcp", "from_port": port, "cidr_ipv4": range})
    }

    #[test]
    fn parts_reach_each_other_as_they_must_and_no_further() {
        assert_eq!(said("database", &from("worker", 5432)), 0);
        assert_eq!(said("database", &from("load_balancer", 5432)), 1);
        assert_eq!(said("database", &from("worker", 22)), 1);
        assert_eq!(said("database", &from("nobody", 5432)), 1);
        assert_eq!(said("api", &from("load_balancer", 8080)), 0);
        assert_eq!(said("api", &from("worker", 8080)), 1);
    }

    #[test]
    fn who_rotates_passwords_reaches_the_database_and_nothing_else() {
        let variables = json!({"secret_rotation": {"value": {"sg_id": "sg-rotation"}}});
        let said = |module: &str, port: u64, source: &str| {
            let mut rule = from(source, port);
            rule["to_port"] = json!(port);
            let address = format!("{module}.aws_vpc_security_group_ingress_rule.client[\"rotation\"]");
            complaints(&super::super::tests::told(&variables, &[(&address, rule)])).len()
        };
        assert_eq!(said("database", 5432, "rotation"), 0);
        assert_eq!(said("database", 22, "rotation"), 1);
        assert_eq!(said("api", 5432, "rotation"), 1);
        assert_eq!(said("database", 5432, "other"), 1);
    }

    #[test]
    fn the_world_comes_in_by_one_door() {
        assert_eq!(said("load_balancer", &range("0.0.0.0/0", 443)), 0);
        assert_eq!(said("load_balancer", &range("0.0.0.0/0", 80)), 1);
        assert_eq!(said("database", &range("0.0.0.0/0", 5432)), 1);
        assert_eq!(said("network", &range("0.0.0.0/0", 443)), 1);
        assert_eq!(said("network", &range("10.0.1.0/24", 443)), 0);
        assert_eq!(
            said(
                "load_balancer",
                &json!({"ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0"})
            ),
            1
        );
    }

    #[test]
    fn a_group_that_is_not_made_yet_is_its_modules() {
        let subnet = (
            "network.aws_subnet.private[\"a\"]",
            json!({"cidr_block": "10.0.1.0/24"}),
        );
        let mut rule = range("10.0.1.0/24", 443);
        rule["to_port"] = json!(443);
        let in_module = |module: &str| {
            let address = format!("{module}.aws_vpc_security_group_ingress_rule.nat");
            complaints(&planned("dev", &[subnet.clone(), (&address, rule.clone())])).len()
        };
        assert_eq!(in_module("network"), 0);
        assert_eq!(in_module("database"), 1);
    }

    #[test]
    fn there_is_no_other_door() {
        let found = |address: &str, values: Value| complaints(&planned("dev", &[(address, values)])).len();
        assert_eq!(found("api.aws_security_group_rule.this", json!({})), 1);
        assert_eq!(
            found(
                "network.aws_default_security_group.this",
                json!({"ingress": [{"from_port": 0}]})
            ),
            1
        );
        assert_eq!(
            found("network.aws_default_security_group.this", json!({"ingress": []})),
            0
        );
        assert_eq!(
            found(
                "api.aws_vpc_security_group_ingress_rule.this",
                json!({"ip_protocol": "tcp"})
            ),
            1
        );
    }
}
