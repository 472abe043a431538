//! Clients speak TLS of today to us, and whoever speaks to a queue, a topic or a bucket of ours speaks TLS.

use serde_json::Value;

use super::{Planned, Resource};

/// Sets of ciphers with TLS 1.2 and forward secrecy at least.
const POLICIES: [&str; 2] = [
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
];
/// Whose policies are about a resource that clients reach by its URL.
const REACHED: [(&str, &str); 3] = [
    ("aws_sqs_queue", "aws_sqs_queue_policy"),
    ("aws_sns_topic", "aws_sns_topic_policy"),
    ("aws_s3_bucket", "aws_s3_bucket_policy"),
];

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let mut complaints: Vec<String> = planned
        .of_kind("aws_lb_listener")
        .filter(|listener| !is_safe(listener))
        .map(|listener| {
            format!(
                "{} must speak TLS 1.2 or newer, or lead to who does",
                listener.address
            )
        })
        .collect();
    for (kind, policy) in REACHED {
        for resource in planned.of_kind(kind) {
            let refuses = planned
                .at(&resource.beside(policy))
                .and_then(|policy| policy.document("policy"))
                .is_some_and(|document| refuses_plain(&document));
            if !refuses {
                complaints.push(format!(
                    "{} must have a policy that refuses who speaks no TLS",
                    resource.address
                ));
            }
        }
    }
    for parameters in planned.of_kind("aws_db_parameter_group") {
        let all = parameters.values["parameter"].as_array().into_iter().flatten();
        if !all
            .into_iter()
            .any(|it| it["name"] == "rds.force_ssl" && it["value"] == "1")
        {
            complaints.push(format!(
                "{} must refuse connections without TLS",
                parameters.address
            ));
        }
    }
    complaints
}

fn is_safe(listener: &Resource) -> bool {
    match listener.text("protocol") {
        Some("HTTPS") => listener
            .text("ssl_policy")
            .is_some_and(|it| POLICIES.contains(&it)),
        Some("HTTP") => {
            let action = &listener.values["default_action"][0];
            action["type"] == "redirect" && action["redirect"][0]["protocol"] == "HTTPS"
        }
        _ => false,
    }
}

fn refuses_plain(document: &Value) -> bool {
    let statements = document["Statement"].as_array().into_iter().flatten();
    statements.into_iter().any(|it| {
        it["Effect"] == "Deny"
            && it["Condition"]["Bool"]["aws:SecureTransport"] == "false"
            && (it["Principal"] == "*" || it["Principal"]["AWS"] == "*")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::planned;
    use super::*;

    fn number(resources: &[(&str, Value)]) -> usize {
        complaints(&planned("dev", resources)).len()
    }

    #[test]
    fn old_ciphers_and_plain_http_are_refused() {
        let address = "load_balancer.aws_lb_listener.this[\"https\"]";
        let https = |policy: &str| (address, json!({"protocol": "HTTPS", "ssl_policy": policy}));
        let redirect = |to: &str| {
            let action = json!({"type": "redirect", "redirect": [{"protocol": to}]});
            (address, json!({"protocol": "HTTP", "default_action": [action]}))
        };
        assert_eq!(number(&[https(POLICIES[0])]), 0);
        assert_eq!(number(&[https("ELBSecurityPolicy-2016-08")]), 1);
        assert_eq!(number(&[redirect("HTTPS")]), 0);
        assert_eq!(number(&[redirect("HTTP")]), 1);
        assert_eq!(
            number(&[(
                address,
                json!({"protocol": "HTTP", "default_action": [{"type": "forward"}]})
            )]),
            1
        );
    }

    #[test]
    fn a_queue_refuses_who_speaks_no_tls() {
        let policy = |effect: &str| {
            let statement = json!({
                "Effect": effect, "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            });
            let policy = json!({"policy": json!({"Statement": [statement]}).to_string()});
            ("queue.aws_sqs_queue_policy.lane", policy)
        };
        let queue = ("queue.aws_sqs_queue.lane", json!({}));
        assert_eq!(number(&[queue.clone(), policy("Deny")]), 0);
        assert_eq!(number(&[queue.clone(), policy("Allow")]), 1);
        assert_eq!(number(&[queue]), 1);
    }

    #[test]
    fn a_database_refuses_who_speaks_no_tls() {
        let address = "database.aws_db_parameter_group.this";
        let with = |value: &str| {
            (
                address,
                json!({"parameter": [{"name": "rds.force_ssl", "value": value}]}),
            )
        };
        assert_eq!(number(&[with("1")]), 0);
        assert_eq!(number(&[with("0")]), 1);
        assert_eq!(number(&[(address, json!({}))]), 1);
    }
}
