//! What roles may do is bound to things by name. What AWS can't bind is named action by action here, with the reason.

use serde_json::Value;

use super::Planned;

/// Policies of roles.
const OF_ROLES: [&str; 3] = ["aws_iam_policy", "aws_iam_role_policy", "aws_iam_user_policy"];
/// Policies of things, which say who may.
const OF_THINGS: [&str; 5] = [
    "aws_ecr_repository_policy",
    "aws_s3_bucket_policy",
    "aws_secretsmanager_secret_policy",
    "aws_sns_topic_policy",
    "aws_sqs_queue_policy",
];
/// Actions that may be allowed on everything.
const UNBOUND: [(&str, &str); 5] = [
    (
        "ecr:GetAuthorizationToken",
        "a token is for a registry, and AWS knows no narrower resource",
    ),
    ("elasticloadbalancing:DescribeListeners", READ_AS_A_WHOLE),
    ("elasticloadbalancing:DescribeRules", READ_AS_A_WHOLE),
    ("elasticloadbalancing:DescribeTargetGroups", READ_AS_A_WHOLE),
    ("elasticloadbalancing:DescribeTargetHealth", READ_AS_A_WHOLE),
];
const READ_AS_A_WHOLE: &str = "CodeDeploy reads what it moves, and AWS knows no resource of these calls";
/// Policies that neither a plan nor an emulator tells.
const NOT_KNOWN: [(&str, &str); 1] = [(
    "module.platform.module.api.aws_iam_role_policy.codedeploy[0]",
    "ministack makes no canary; fakecloud does, and the tests of the module ecs-service read it",
)];

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let mut complaints = Vec::new();
    for resource in &planned.resources {
        let kind = resource.kind.as_str();
        let is_of_role = OF_ROLES.contains(&kind);
        if !is_of_role && !OF_THINGS.contains(&kind) {
            continue;
        }
        let Some(document) = resource.document("policy") else {
            if !NOT_KNOWN.iter().any(|(address, _)| *address == resource.address) {
                complaints.push(format!("what {} allows is not known", resource.address));
            }
            continue;
        };
        let allowed = list(&document["Statement"])
            .into_iter()
            .filter(|it| it["Effect"] == "Allow");
        for statement in allowed {
            let found = if is_of_role {
                too_much(statement, |action| {
                    UNBOUND.iter().any(|(listed, _)| *listed == action)
                })
            } else {
                to_anybody(statement)
            };
            complaints.extend(found.map(|what| format!("{} {what}", resource.address)));
        }
    }
    complaints
}

/// What a statement of a role allows on everything without being listed.
pub(super) fn too_much(statement: &Value, is_listed: impl Fn(&str) -> bool) -> Option<String> {
    if !list(&statement["NotAction"]).is_empty() || !list(&statement["NotResource"]).is_empty() {
        return Some("allows all but what it names".to_owned());
    }
    let actions: Vec<&str> = list(&statement["Action"])
        .into_iter()
        .filter_map(Value::as_str)
        .collect();
    if actions.contains(&"*") {
        return Some("allows every action".to_owned());
    }
    if !list(&statement["Resource"]).iter().any(|it| *it == "*") {
        return None;
    }
    let unlisted: Vec<&str> = actions.into_iter().filter(|action| !is_listed(action)).collect();
    (!unlisted.is_empty()).then(|| format!("allows {} on everything", unlisted.join(", ")))
}

/// Whether a statement of a thing lets in anybody at all.
fn to_anybody(statement: &Value) -> Option<String> {
    let principal = &statement["Principal"];
    let is_anybody = principal == "*" || list(&principal["AWS"]).iter().any(|it| *it == "*");
    (is_anybody && statement["Condition"].is_null()).then(|| "lets in anybody".to_owned())
}

/// What may be one or a list of them.
pub(super) fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::planned;
    use super::*;

    fn said(kind: &str, statement: &Value) -> usize {
        let policy = json!({"policy": json!({"Statement": [statement]}).to_string()});
        complaints(&planned("dev", &[(&format!("api.{kind}.this"), policy)])).len()
    }

    #[test]
    fn a_role_gets_no_unlisted_action_on_everything() {
        let of = |action: Value, resource: Value| {
            said(
                "aws_iam_role_policy",
                &json!({"Effect": "Allow", "Action": action, "Resource": resource}),
            )
        };
        assert_eq!(of(json!("*"), json!("*")), 1);
        assert_eq!(of(json!("*"), json!("arn:aws:sqs:::a")), 1);
        assert_eq!(of(json!(["ecr:GetAuthorizationToken", "sqs:*"]), json!(["*"])), 1);
        assert_eq!(of(json!("s3:GetObject"), json!("*")), 1);
        assert_eq!(of(json!("ecr:GetAuthorizationToken"), json!("*")), 0);
        assert_eq!(of(json!("sqs:SendMessage"), json!("arn:aws:sqs:::a")), 0);
        let but = json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"});
        assert_eq!(said("aws_iam_policy", &but), 1);
        assert_eq!(
            said(
                "aws_iam_policy",
                &json!({"Effect": "Deny", "Action": "*", "Resource": "*"})
            ),
            0
        );
    }

    #[test]
    fn a_thing_does_not_let_in_anybody() {
        let of = |principal: Value, condition: Value| {
            let statement = json!({"Effect": "Allow", "Principal": principal, "Condition": condition});
            said("aws_sqs_queue_policy", &statement)
        };
        assert_eq!(of(json!("*"), json!(null)), 1);
        assert_eq!(of(json!({"AWS": ["*"]}), json!(null)), 1);
        assert_eq!(
            of(
                json!({"AWS": "*"}),
                json!({"StringEquals": {"aws:SourceAccount": "1"}})
            ),
            0
        );
        assert_eq!(of(json!({"AWS": "arn:aws:iam::1:role/a"}), json!(null)), 0);
    }

    #[test]
    fn a_policy_that_is_not_known_is_told() {
        let unknown = |address: &str| complaints(&planned("dev", &[(address, json!({}))])).len();
        assert_eq!(unknown("api.aws_iam_role_policy.other"), 1);
        assert_eq!(unknown("api.aws_iam_role_policy.codedeploy[0]"), 0);
    }
}
