//! Whatever keeps data keeps it encrypted, and buckets are closed to the world.

use serde_json::Value;

use super::{Planned, Resource};

/// Kinds that keep data and that no rule here knows: who adds one adds a rule.
const UNKNOWN: [&str; 7] = [
    "aws_docdb_cluster",
    "aws_dynamodb_table",
    "aws_ebs_volume",
    "aws_efs_file_system",
    "aws_elasticache_replication_group",
    "aws_kinesis_stream",
    "aws_rds_cluster",
];

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let complaints = planned.resources.iter().filter_map(|resource| {
        let what = complaint(planned, resource)?;
        Some(format!("{} {what}", resource.address))
    });
    complaints.collect()
}

fn complaint(planned: &Planned, resource: &Resource) -> Option<&'static str> {
    let in_order = match resource.kind.as_str() {
        "aws_db_instance" => resource.is_true("storage_encrypted"),
        "aws_sqs_queue" => {
            resource.is_true("sqs_managed_sse_enabled") || resource.text("kms_master_key_id").is_some()
        }
        "aws_sns_topic" => resource.text("kms_master_key_id").is_some(),
        "aws_instance" => all_encrypted(&resource.values["root_block_device"]),
        "aws_launch_template" => {
            let disks = resource.values["block_device_mappings"].as_array()?;
            disks.iter().all(|disk| all_encrypted(&disk["ebs"]))
        }
        "aws_secretsmanager_secret" => {
            // AWS encrypts all of them. What is lost by mistake is gone, and with it what only it opens.
            let days = resource.values["recovery_window_in_days"].as_u64();
            return (planned.is_production() && days.is_none_or(|days| days < 7))
                .then_some("must be there for a week after somebody has deleted it");
        }
        "aws_s3_bucket" => return bucket(planned, resource),
        kind if UNKNOWN.contains(&kind) => return Some("keeps data, and no rule says how"),
        _ => return None,
    };
    (!in_order).then_some("must keep what it has encrypted")
}

/// Disks count as encrypted only when it is said; the account's default is not known here.
fn all_encrypted(disks: &Value) -> bool {
    disks.as_array().is_some_and(|disks| {
        !disks.is_empty()
            && disks
                .iter()
                .all(|disk| disk["encrypted"] == true || disk["encrypted"] == "true")
    })
}

fn bucket(planned: &Planned, bucket: &Resource) -> Option<&'static str> {
    let encryption = planned.at(&bucket.beside("aws_s3_bucket_server_side_encryption_configuration"));
    let algorithm = encryption
        .map(|it| &it.values["rule"][0]["apply_server_side_encryption_by_default"][0]["sse_algorithm"]);
    if !algorithm.is_some_and(|algorithm| algorithm == "AES256" || algorithm == "aws:kms") {
        return Some("must have its encryption said beside it");
    }
    let doors = [
        "block_public_acls",
        "block_public_policy",
        "ignore_public_acls",
        "restrict_public_buckets",
    ];
    let lock = planned.at(&bucket.beside("aws_s3_bucket_public_access_block"));
    if !lock.is_some_and(|lock| doors.iter().all(|door| lock.is_true(door))) {
        return Some("must be closed to the world in all four ways");
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::planned;
    use super::*;

    fn number(environment: &str, address: &str, values: Value) -> usize {
        complaints(&planned(environment, &[(address, values)])).len()
    }

    #[test]
    fn each_kind_of_store_says_that_it_encrypts() {
        for (address, good) in [
            ("database.aws_db_instance.a", json!({"storage_encrypted": true})),
            ("queue.aws_sqs_queue.a", json!({"sqs_managed_sse_enabled": true})),
            ("queue.aws_sqs_queue.a", json!({"kms_master_key_id": "alias/x"})),
            (
                "observability.aws_sns_topic.a",
                json!({"kms_master_key_id": "alias/x"}),
            ),
            (
                "network.aws_instance.a",
                json!({"root_block_device": [{"encrypted": true}]}),
            ),
            (
                "network.aws_launch_template.a",
                json!({"block_device_mappings": [{"ebs": [{"encrypted": "true"}]}]}),
            ),
        ] {
            assert_eq!(number("dev", address, good), 0, "{address}");
            let without = if address.contains("template") {
                json!({"block_device_mappings": [{"ebs": [{"encrypted": "false"}]}]})
            } else {
                json!({"storage_encrypted": false, "root_block_device": []})
            };
            assert_eq!(number("dev", address, without), 1, "{address}");
        }
    }

    #[test]
    fn a_bucket_is_encrypted_and_closed_by_what_stands_beside_it() {
        let bucket = ("lb.aws_s3_bucket.logs[0]", json!({}));
        let encryption = (
            "lb.aws_s3_bucket_server_side_encryption_configuration.logs[0]",
            json!({"rule": [{"apply_server_side_encryption_by_default": [{"sse_algorithm": "AES256"}]}]}),
        );
        let closed = json!({
            "block_public_acls": true, "block_public_policy": true,
            "ignore_public_acls": true, "restrict_public_buckets": true,
        });
        let lock = ("lb.aws_s3_bucket_public_access_block.logs[0]", closed);
        let open = (
            "lb.aws_s3_bucket_public_access_block.logs[0]",
            json!({"block_public_acls": true}),
        );
        let said = |resources: &[(&str, Value)]| complaints(&planned("dev", resources)).len();
        assert_eq!(said(&[bucket.clone(), encryption.clone(), lock]), 0);
        assert_eq!(said(&[bucket.clone(), encryption.clone(), open]), 1);
        assert_eq!(said(&[bucket.clone(), encryption]), 1);
        assert_eq!(said(&[bucket]), 1);
    }

    #[test]
    fn secrets_of_production_can_be_brought_back_and_other_stores_need_a_rule() {
        let address = "secrets.aws_secretsmanager_secret.a";
        assert_eq!(number("prod", address, json!({"recovery_window_in_days": 0})), 1);
        assert_eq!(number("prod", address, json!({"recovery_window_in_days": 30})), 0);
        assert_eq!(number("dev", address, json!({"recovery_window_in_days": 0})), 0);
        assert_eq!(number("dev", "x.aws_dynamodb_table.a", json!({})), 1);
    }
}
