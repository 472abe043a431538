//! Everything that can have tags has those by which costs are told apart and owners found.

use super::Planned;

const REQUIRED: [&str; 6] = [
    "Project",
    "Environment",
    "Owner",
    "CostCenter",
    "ManagedBy",
    "Repository",
];

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let mut complaints = Vec::new();
    for resource in &planned.resources {
        // What can't have tags has no such attribute.
        let Some(tags) = resource.values.get("tags_all") else {
            continue;
        };
        let missing: Vec<&str> = REQUIRED
            .into_iter()
            .filter(|tag| tags[tag].as_str().is_none_or(str::is_empty))
            .collect();
        if !missing.is_empty() {
            complaints.push(format!(
                "{} lacks the tags {}",
                resource.address,
                missing.join(", ")
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::super::tests::planned;
    use super::*;

    #[test]
    fn a_tag_that_is_missing_or_empty_is_told() {
        let mut tags: Map<_, _> = REQUIRED.iter().map(|&tag| (tag.to_owned(), json!("x"))).collect();
        let of = |tags: &Map<_, _>| {
            complaints(&planned(
                "dev",
                &[("queue.aws_sqs_queue.a", json!({"tags_all": tags}))],
            ))
        };
        assert_eq!(of(&tags), [""; 0]);
        tags.insert("Owner".to_owned(), json!(""));
        tags.remove("CostCenter");
        assert_eq!(
            of(&tags),
            ["module.platform.module.queue.aws_sqs_queue.a lacks the tags Owner, CostCenter"]
        );
        let untagged = json!({"tags_all": null});
        assert_eq!(
            complaints(&planned("dev", &[("queue.aws_sqs_queue.a", untagged)])).len(),
            1
        );
    }
}
