//! What an emulator has in it, by the lists that AWS gives: after a destroy it must be what it was before.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::cloud::{Call, Cloud};
use crate::emulator::Kind;

/// A list, and what in it names a thing.
struct List {
    service: &'static str,
    operation: &'static str,
    field: &'static str,
    /// Empty where the list has names only.
    id: &'static str,
}

const fn list(service: &'static str, operation: &'static str, field: &'static str, id: &'static str) -> List {
    List {
        service,
        operation,
        field,
        id,
    }
}

/// Definitions of tasks are not among them: they stay on purpose, since what runs may stand on an older one.
const LISTS: [List; 36] = [
    list(
        "acm",
        "list_certificates",
        "CertificateSummaryList",
        "CertificateArn",
    ),
    list(
        "backup",
        "list_backup_vaults",
        "BackupVaultList",
        "BackupVaultName",
    ),
    list(
        "cloudwatch",
        "list_dashboards",
        "DashboardEntries",
        "DashboardName",
    ),
    list("ec2", "describe_addresses", "Addresses", "AllocationId"),
    list("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    list("ec2", "describe_instances", "Reservations", "ReservationId"),
    list(
        "ec2",
        "describe_internet_gateways",
        "InternetGateways",
        "InternetGatewayId",
    ),
    list(
        "ec2",
        "describe_launch_templates",
        "LaunchTemplates",
        "LaunchTemplateId",
    ),
    list("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
    list("ec2", "describe_network_acls", "NetworkAcls", "NetworkAclId"),
    list(
        "ec2",
        "describe_network_interfaces",
        "NetworkInterfaces",
        "NetworkInterfaceId",
    ),
    list("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    list("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    list("ec2", "describe_subnets", "Subnets", "SubnetId"),
    list("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    list("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    list("ecr", "describe_repositories", "repositories", "repositoryName"),
    list("ecs", "list_clusters", "clusterArns", ""),
    list(
        "elbv2",
        "describe_load_balancers",
        "LoadBalancers",
        "LoadBalancerArn",
    ),
    list(
        "elbv2",
        "describe_target_groups",
        "TargetGroups",
        "TargetGroupArn",
    ),
    list("events", "list_rules", "Rules", "Name"),
    list(
        "iam",
        "list_instance_profiles",
        "InstanceProfiles",
        "InstanceProfileName",
    ),
    list("iam", "list_roles", "Roles", "RoleName"),
    list("kms", "list_aliases", "Aliases", "AliasName"),
    list("logs", "describe_log_groups", "logGroups", "logGroupName"),
    list(
        "rds",
        "describe_db_instances",
        "DBInstances",
        "DBInstanceIdentifier",
    ),
    list(
        "rds",
        "describe_db_parameter_groups",
        "DBParameterGroups",
        "DBParameterGroupName",
    ),
    list(
        "rds",
        "describe_db_subnet_groups",
        "DBSubnetGroups",
        "DBSubnetGroupName",
    ),
    list("s3", "list_buckets", "Buckets", "Name"),
    list("secretsmanager", "list_secrets", "SecretList", "Name"),
    list("sns", "list_topics", "Topics", "TopicArn"),
    list("sqs", "list_queues", "QueueUrls", ""),
    list("ssm", "describe_parameters", "Parameters", "Name"),
    list("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    list("cloudwatch", "describe_alarms", "CompositeAlarms", "AlarmName"),
    list("budgets", "describe_budgets", "Budgets", "BudgetName"),
];

/// Whether an emulator has a list: fakecloud has none of vaults, and does not know the other service.
fn is_had(list: &List, emulator: Kind) -> bool {
    emulator != Kind::Fakecloud || !matches!(list.service, "backup" | "budgets")
}

/// What is there, each thing with the service that has it.
///
/// # Errors
///
/// When a list can't be had, because then nothing would be known.
pub(super) fn everything(cloud: &Cloud) -> Result<BTreeSet<String>> {
    let lists: Vec<&List> = LISTS
        .iter()
        .filter(|list| is_had(list, cloud.emulator()))
        .collect();
    let mut calls: Vec<Call> = lists
        .iter()
        .map(|list| Call::new(list.service, list.operation, parameters(list)))
        .collect();
    calls.push(Call::new("kms", "list_keys", json!({})));
    let mut answers = cloud.calls(&calls)?;
    let keys = answers.pop().context("the list of keys has no answer")?;
    let mut found = keys_in_use(cloud, &keys?)?;
    for (list, answer) in lists.iter().zip(answers) {
        found.extend(things(list, &answer?));
    }
    ensure!(
        !found.is_empty(),
        "the emulator tells of nothing, not even of the network that each account has"
    );
    Ok(found)
}

/// The keys of a list that are in use. It says no more than their ids, so each is asked about.
fn keys_in_use(cloud: &Cloud, list: &Value) -> Result<BTreeSet<String>> {
    let keys = list["Keys"].as_array().context("the list of keys is none")?;
    let calls: Vec<Call> = keys
        .iter()
        .map(|key| Call::new("kms", "describe_key", json!({"KeyId": key["KeyId"]})))
        .collect();
    let answers = if calls.is_empty() {
        Vec::new()
    } else {
        cloud.calls(&calls)?
    };
    let keys: Vec<Option<String>> = answers
        .into_iter()
        .map(|answer| Ok(key_in_use(&answer?["KeyMetadata"])))
        .collect::<Result<_>>()?;
    Ok(keys.into_iter().flatten().collect())
}

/// What a key is called that somebody made and nobody deletes. None is gone at once: one that waits for its end is as good as
/// gone. AWS' own can't be deleted at all.
fn key_in_use(key: &Value) -> Option<String> {
    let state = &key["KeyState"];
    let is_gone = state == "PendingDeletion" || state == "PendingReplicaDeletion";
    if is_gone || key["KeyManager"] == "AWS" {
        return None;
    }
    let state = state.as_str().unwrap_or_default();
    Some(format!("kms Keys {} {state}", key["KeyId"].as_str()?))
}

fn parameters(list: &List) -> Value {
    match list.operation {
        "describe_alarms" => json!({"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}),
        "describe_budgets" => json!({"AccountId": "000000000000"}),
        _ => json!({}),
    }
}

/// What a list has in it; without what is gone already, and only still told of for a while.
fn things(list: &List, answer: &Value) -> Vec<String> {
    let all = answer[list.field].as_array().into_iter().flatten();
    all.filter(|thing| !is_gone(thing) && !comes_with_its_network(thing))
        .filter_map(|thing| {
            let id = if list.id.is_empty() {
                thing
            } else {
                &thing[list.id]
            };
            Some(format!("{} {} {}", list.service, list.field, id.as_str()?))
        })
        .collect()
}

/// Whether a network has it by itself: it goes with the network, which is in a list of its own.
fn comes_with_its_network(thing: &Value) -> bool {
    let associations = thing["Associations"].as_array();
    let is_main = associations.is_some_and(|associations| associations.iter().any(|it| it["Main"] == true));
    let is_default = thing["NetworkAclId"].is_string() && thing["IsDefault"] == true;
    is_main || is_default || (thing["GroupId"].is_string() && thing["GroupName"] == "default")
}

fn is_gone(thing: &Value) -> bool {
    let instances = thing["Instances"].as_array();
    thing["State"] == "deleted"
        || instances.is_some_and(|instances| instances.iter().all(|it| it["State"]["Name"] == "terminated"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_gone_once_it_waits_for_its_end() {
        let key = |state: &str, manager: &str| {
            key_in_use(&json!({"KeyId": "1", "KeyState": state, "KeyManager": manager}))
        };
        assert_eq!(key("Enabled", "CUSTOMER").unwrap(), "kms Keys 1 Enabled");
        assert!(key("Disabled", "CUSTOMER").is_some());
        assert_eq!(key("PendingDeletion", "CUSTOMER"), None);
        assert_eq!(key("Enabled", "AWS"), None);
    }

    #[test]
    fn what_is_gone_is_not_there_and_the_rest_has_its_name() {
        let gateways = list("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId");
        let answer = json!({"NatGateways": [
            {"NatGatewayId": "nat-1", "State": "deleted"}, {"NatGatewayId": "nat-2", "State": "available"},
        ]});
        assert_eq!(things(&gateways, &answer), ["ec2 NatGateways nat-2"]);
        let instances = list("ec2", "describe_instances", "Reservations", "ReservationId");
        let answer = json!({"Reservations": [
            {"ReservationId": "r-1", "Instances": [{"State": {"Name": "terminated"}}]},
            {"ReservationId": "r-2", "Instances": [{"State": {"Name": "running"}}]},
        ]});
        assert_eq!(things(&instances, &answer), ["ec2 Reservations r-2"]);
        let queues = list("sqs", "list_queues", "QueueUrls", "");
        assert_eq!(
            things(&queues, &json!({"QueueUrls": ["http://a"]})),
            ["sqs QueueUrls http://a"]
        );
        assert_eq!(things(&queues, &json!({})), [""; 0]);
    }
}
