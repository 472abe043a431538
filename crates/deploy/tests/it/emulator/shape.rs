//! What the tests' own server answers looks like what the emulator answers, where both have the call: the emulator tells more,
//! but each field that we tell is there, and of the same kind.

use serde_json::{Value, json};

use super::{CLOUDWATCH, ECR, ECS, Emulated, SSM, call};
use crate::cloud::{Cloud, NAME, sha};

/// The fields of ours that are not in theirs, or are something else there.
fn differences(ours: &Value, theirs: &Value, path: &str, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, value) in ours {
                match theirs.get(name) {
                    Some(other) => differences(value, other, &format!("{path}.{name}"), found),
                    None => found.push(format!("{path}.{name} is not there")),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(ours), Some(theirs)) = (ours.first(), theirs.first()) {
                differences(ours, theirs, &format!("{path}[]"), found);
            }
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, _)
        | (_, Value::Null) => {}
        (ours, theirs) => found.push(format!("{path} is {ours} here and {theirs} there")),
    }
}

#[tokio::test]
async fn answers_look_as_the_emulators() {
    const THEIRS: &str = "tandem-em5";
    let (cloud, it) = (Cloud::new().await, Emulated::new(THEIRS).await);
    cloud.world().is_lean();
    cloud
        .world()
        .tags
        .insert(("tandem/api".to_owned(), "t".to_owned()), sha('1'));
    let mut found = Vec::new();
    let calls = [
        (
            ECS,
            "DescribeTaskDefinition",
            json!({ "taskDefinition": format!("{THEIRS}-api") }),
        ),
        (
            ECS,
            "ListTaskDefinitions",
            json!({ "familyPrefix": format!("{THEIRS}-api"), "sort": "DESC" }),
        ),
        (
            ECS,
            "DescribeServices",
            json!({ "cluster": THEIRS, "services": ["api"] }),
        ),
        (
            ECS,
            "DescribeServices",
            json!({ "cluster": THEIRS, "services": ["nobody"] }),
        ),
        (
            ECS,
            "UpdateService",
            json!({ "cluster": THEIRS, "service": "worker", "desiredCount": 1 }),
        ),
        (
            ECS,
            "RunTask",
            json!({
                "cluster": THEIRS, "taskDefinition": format!("{THEIRS}-migrate"), "launchType": "FARGATE", "clientToken": "t", "count": 1,
                "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1", "subnet-2"], "assignPublicIp": "DISABLED" } },
            }),
        ),
        (
            SSM,
            "GetParameters",
            json!({ "Names": [format!("/{THEIRS}/api/digest"), "/nothing"] }),
        ),
        (
            SSM,
            "PutParameter",
            json!({ "Name": format!("/{THEIRS}/api/digest"), "Value": sha('1'), "Type": "String", "Overwrite": true }),
        ),
        (
            CLOUDWATCH,
            "DescribeAlarms",
            json!({ "AlarmNamePrefix": THEIRS, "StateValue": "ALARM" }),
        ),
    ];
    for (service, name, body) in calls {
        let ours = body.to_string().replace(THEIRS, NAME);
        let ours = call(&cloud.url, service, name, &serde_json::from_str(&ours).unwrap()).await;
        let theirs = it.call(service, name, &body).await;
        differences(&ours, &theirs, name, &mut found);
    }
    for digest in [sha('1'), sha('f')] {
        let body = |repository: &str, registry: &str| json!({ "repositoryName": repository, "registryId": registry, "imageIds": [{ "imageDigest": digest }] });
        let ours = call(
            &cloud.url,
            ECR,
            "BatchGetImage",
            &body("tandem/api", "111122223333"),
        )
        .await;
        let theirs = it
            .call(
                ECR,
                "BatchGetImage",
                &body(&format!("{THEIRS}/api"), "000000000000"),
            )
            .await;
        differences(&ours, &theirs, "BatchGetImage", &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_difference_is_found() {
    let mut found = Vec::new();
    let ours = json!({ "a": [{ "b": "x", "c": 1 }], "d": null });
    differences(
        &ours,
        &json!({ "a": [{ "b": 2 }], "d": 1, "e": 0 }),
        "It",
        &mut found,
    );
    assert_eq!(
        found,
        ["It.a[].b is \"x\" here and 2 there", "It.a[].c is not there"]
    );
}
