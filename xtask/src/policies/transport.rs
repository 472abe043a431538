//! Clients speak TLS of today to us, and whoever speaks to a queue, a topic or a bucket of ours speaks TLS.

use serde_json::{Value, json};

use super::identity::list;
use super::{Planned, Resource};

/// Sets of ciphers with TLS 1.2 and forward secrecy at least.
const POLICIES: [&str; 2] = [
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
];
/// What clients reach by its URL, the kind of its policy, and what that must refuse to plain HTTP: all that can be asked of it.
/// A topic's policy may not say `sns:*`; what anybody but its owner could ask of it is to publish.
const REACHED: [(&str, &str, &str); 3] = [
    ("aws_sqs_queue", "aws_sqs_queue_policy", "sqs:*"),
    ("aws_sns_topic", "aws_sns_topic_policy", "sns:Publish"),
    ("aws_s3_bucket", "aws_s3_bucket_policy", "s3:*"),
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
    for (kind, policy, actions) in REACHED {
        for resource in planned.of_kind(kind) {
            let refuses = planned
                .at(&resource.beside(policy))
                .and_then(|policy| policy.document("policy"))
                .is_some_and(|document| refuses_plain(&document, actions));
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

/// Whether a statement denies these actions to everybody, for no other reason than that no TLS is spoken.
fn refuses_plain(document: &Value, actions: &str) -> bool {
    list(&document["Statement"]).into_iter().any(|it| {
        it["Effect"] == "Deny"
            && it["Condition"] == json!({"Bool": {"aws:SecureTransport": "false"}})
            && (it["Principal"] == "*" || it["Principal"]["AWS"] == "*")
            && list(&it["Action"]).into_iter().any(|it| it == actions)
    })
}

#[cfg(test)]
mod tests {
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
        let good = json!({
            "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "arn:a",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        });
        let queue = ("queue.aws_sqs_queue.lane", json!({}));
        let with = |statement: &Value| {
            let policy = json!({"policy": json!({"Statement": [statement]}).to_string()});
            number(&[queue.clone(), ("queue.aws_sqs_queue_policy.lane", policy)])
        };
        assert_eq!(with(&good), 0);
        for (element, bad) in [
            ("Effect", json!("Allow")),
            ("Principal", json!({"AWS": "arn:aws:iam::1:root"})),
            ("Action", json!("sqs:SendMessage")),
            (
                "Condition",
                json!({
                    "Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:SourceVpc": "vpc-1"},
                }),
            ),
        ] {
            let mut statement = good.clone();
            statement[element] = bad;
            assert_eq!(with(&statement), 1, "{element}");
        }
        assert_eq!(number(std::slice::from_ref(&queue)), 1);
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
