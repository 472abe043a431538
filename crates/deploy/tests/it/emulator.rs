//! The same commands against ministack, for what it has: rolling deployments, tasks, parameters, images and alarms. It has
//! neither CodeDeploy nor Auto Scaling, and no containers, so that tasks run which do nothing. Alarms are real ones, in states
//! that the tests set.

mod shape;

use std::cell::Cell;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use testkit::eventually;
use tokio::process::Command;

use crate::cloud::{image, sha, template};
use crate::program::{Ran, command_at, end};

const SOON: Duration = Duration::from_mins(2);
const REGISTRY: &str = "000000000000.dkr.ecr.eu-west-1.amazonaws.com";

pub(crate) const ECS: (&str, &str) = ("ecs", "AmazonEC2ContainerServiceV20141113");
pub(crate) const SSM: (&str, &str) = ("ssm", "AmazonSSM");
pub(crate) const ECR: (&str, &str) = ("ecr", "AmazonEC2ContainerRegistry_V20150921");
pub(crate) const CLOUDWATCH: (&str, &str) = ("monitoring", "GraniteServiceVersion20100801");

#[expect(
    clippy::disallowed_methods,
    reason = "the test runner says where its services are"
)]
pub(crate) fn endpoint() -> String {
    std::env::var("TANDEM_TEST_SQS_ENDPOINT")
        .expect("TANDEM_TEST_SQS_ENDPOINT must name the emulator: run `cargo xtask test`")
}

/// A call without the SDK, so that what it would not read is seen as well.
pub(crate) async fn call(url: &str, (service, target): (&str, &str), name: &str, body: &Value) -> Value {
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let request = Client::new()
        .post(url)
        .header("authorization", credential)
        .header("x-amz-target", format!("{target}.{name}"));
    let answer = request
        .header("content-type", "application/x-amz-json-1.1")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{name}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// An environment in the emulator, before its first release.
pub(crate) struct Emulated {
    url: String,
    name: &'static str,
}

impl Emulated {
    pub(crate) async fn new(name: &'static str) -> Self {
        let it = Self {
            url: endpoint(),
            name,
        };
        it.call(ECS, "CreateCluster", &json!({ "clusterName": name }))
            .await;
        let mut templates = Vec::new();
        for program in ["api", "worker", "migrate"] {
            let mut template = template(program);
            template["family"] = json!(format!("{name}-{program}"));
            let answer = it.call(ECS, "RegisterTaskDefinition", &template).await;
            templates.push(
                answer["taskDefinition"]["taskDefinitionArn"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        for (program, template) in ["api", "worker"].into_iter().zip(&templates) {
            let service = json!({
                "cluster": name, "serviceName": program, "taskDefinition": template, "desiredCount": 0, "launchType": "FARGATE",
                "deploymentConfiguration": {
                    "maximumPercent": 200, "minimumHealthyPercent": 100,
                    "deploymentCircuitBreaker": { "enable": true, "rollback": true },
                    "alarms": { "alarmNames": [format!("{name}-rollback")], "enable": true, "rollback": true },
                },
            });
            it.call(ECS, "CreateService", &service).await;
            it.call(
                ECR,
                "CreateRepository",
                &json!({ "repositoryName": format!("{name}/{program}"), "imageTagMutability": "IMMUTABLE" }),
            )
            .await;
            for digit in ['1', '2'] {
                let manifest = json!({ "schemaVersion": 2, "config": { "digest": sha('c') } }).to_string();
                let put = json!({ "repositoryName": format!("{name}/{program}"), "imageManifest": manifest, "imageDigest": sha(digit), "imageTag": format!("tree-{}", digit.to_string().repeat(40)) });
                it.call(ECR, "PutImage", &put).await;
            }
            for parameter in ["digest", "previous_digest"] {
                it.put(&format!("/{name}/{program}/{parameter}"), "none").await;
            }
        }
        it.put(&format!("/{name}/deploy"), &it.facts(&templates).to_string())
            .await;
        it
    }

    fn facts(&self, templates: &[String]) -> Value {
        let name = self.name;
        let service = |program: &str, template: &str| {
            json!({
                "name": program, "family": format!("{name}-{program}"), "template": template, "codedeploy": null, "least_tasks": 2,
                "repository_url": format!("{REGISTRY}/{name}/{program}"),
                "digest_parameters": { "digest": format!("/{name}/{program}/digest"), "previous_digest": format!("/{name}/{program}/previous_digest") },
            })
        };
        json!({
            "environment": "dev", "cluster": name, "url": null, "is_scaled": false,
            "services": { "api": service("api", &templates[0]), "worker": service("worker", &templates[1]) },
            "migrate": {
                "template": templates[2], "repository_url": format!("{REGISTRY}/{name}/api"), "subnet_ids": ["subnet-1"], "sg_ids": ["sg-1"],
                "assign_public_ip": true, "log_group": format!("/{name}/migrate"),
            },
        })
    }

    async fn put(&self, parameter: &str, value: &str) {
        self.call(
            SSM,
            "PutParameter",
            &json!({ "Name": parameter, "Value": value, "Type": "String", "Overwrite": true }),
        )
        .await;
    }

    pub(crate) async fn call(&self, service: (&str, &str), name: &str, body: &Value) -> Value {
        call(&self.url, service, name, body).await
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command_at(&self.url, self.name, arguments)
    }

    /// Has an alarm of the environment be there, in this state.
    async fn alarm(&self, name: &str, state: &str) {
        let name = format!("{}-{name}", self.name);
        let alarm = json!({
            "AlarmName": name, "Namespace": "Tandem", "MetricName": "errors", "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
        });
        self.call(CLOUDWATCH, "PutMetricAlarm", &alarm).await;
        let state = json!({ "AlarmName": name, "StateValue": state, "StateReason": "too many errors" });
        self.call(CLOUDWATCH, "SetAlarmState", &state).await;
    }

    async fn deploy(&self, arguments: &[&str]) -> Ran {
        end(self.command(arguments).spawn().unwrap()).await
    }

    async fn releases(&self, digit: char, more: &[&str]) -> Ran {
        let digests = format!("{},{}", image("api", digit), image("worker", digit));
        let arguments = [
            "release",
            "--skip-migrate",
            "--digest",
            &digests,
            "--poll-interval",
            "20ms",
            "--limit",
            "20s",
        ];
        self.deploy(&[&arguments, more].concat()).await
    }

    /// By program: what it runs, what is recorded, what was before, by their first digits; and its tasks.
    async fn status(&self) -> Vec<(String, i64)> {
        let ran = self.deploy(&["status", "--json"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let status: Value = serde_json::from_str(&ran.out).unwrap();
        let digit = |it: &Value| it.as_str().map_or("-".to_owned(), |it| it[7..8].to_owned());
        let programs = status["programs"].as_array().unwrap().iter();
        programs
            .map(|it| {
                (
                    ["digest", "released", "previous"]
                        .map(|field| digit(&it[field]))
                        .concat(),
                    it["tasks_running"].as_i64().unwrap(),
                )
            })
            .collect()
    }
}

#[tokio::test]
async fn releases_and_going_back_are_the_same_there() {
    let it = Emulated::new("tandem-em1").await;
    let both = |digits: &str, tasks| vec![(digits.to_owned(), tasks), (digits.to_owned(), tasks)];
    assert_eq!(it.status().await, both("---", 0));
    let ran = it.releases('1', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(it.status().await, both("11-", 2));
    let ran = it.releases('1', &[]).await;
    assert!(ran.code == 0 && ran.out.starts_with("runs already"), "{ran:?}");
    let ran = it.releases('2', &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(it.status().await, both("221", 2));
    let ran = it.releases('3', &[]).await;
    assert!(ran.code == 3 && ran.err.contains("there is no image"), "{ran:?}");
    let ran = it.deploy(&["rollback", "--poll-interval", "20ms"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(it.status().await, both("111", 2));
}

#[tokio::test]
async fn a_raised_alarm_that_a_service_names_keeps_a_release_away() {
    let it = Emulated::new("tandem-em2").await;
    for name in ["rollback", "other"] {
        it.alarm(name, "ALARM").await;
    }
    let ran = it.releases('1', &[]).await;
    assert!(
        ran.code == 3 && ran.err.contains("the alarm tandem-em2-rollback is raised"),
        "{ran:?}"
    );
    assert!(
        ran.err.contains("too many errors") && !ran.err.contains("tandem-em2-other"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn an_alarm_counts_against_the_release_after_which_it_was_raised() {
    let it = Emulated::new("tandem-em6").await;
    it.alarm("dead-letters", "ALARM").await;
    it.alarm("rollback", "ALARM").await;
    let verifies = async || {
        it.deploy(&["verify", "--url", "http://127.0.0.1:1", "--api-key", "none"])
            .await
    };
    // Times are told in whole seconds, so the first release may be in the alarm's.
    let digit = Cell::new('2');
    let ran = eventually("a release after the alarm", SOON, async || {
        digit.set(if digit.get() == '1' { '2' } else { '1' });
        let ran = it.releases(digit.get(), &["--despite-alarms"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let ran = verifies().await;
        ran.out.contains("was raised before the release").then_some(ran)
    })
    .await;
    assert!(
        ran.out.contains("ok      no alarm that releases look at")
            && ran
                .out
                .contains("tandem-em6-rollback was raised before the release: too many errors")
            && ran
                .out
                .contains("tandem-em6-dead-letters, which releases do not look at, is raised"),
        "{ran:?}"
    );
    eventually("the alarm is raised a second later", SOON, async || {
        it.alarm("rollback", "OK").await;
        it.alarm("rollback", "ALARM").await;
        let ran = verifies().await;
        ran.err
            .contains("the alarm tandem-em6-rollback is raised: too many errors")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_is_stopped_has_failed() {
    let it = Emulated::new("tandem-em3").await;
    let digest = image("api", '1');
    let migrating = it
        .command(&["migrate", "--digest", &digest, "--poll-interval", "20ms"])
        .spawn()
        .unwrap();
    let task = eventually("the task runs", SOON, async || {
        let tasks = it.call(ECS, "ListTasks", &json!({ "cluster": it.name })).await;
        tasks["taskArns"][0].as_str().map(str::to_owned)
    })
    .await;
    it.call(
        ECS,
        "StopTask",
        &json!({ "cluster": it.name, "task": task, "reason": "stopped by hand" }),
    )
    .await;
    let ran = end(migrating).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("the migration failed") && ran.err.contains("stopped by hand"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn images_that_can_not_be_looked_into_are_not_promoted() {
    // The emulator keeps manifests, and no blobs.
    let it = Emulated::new("tandem-em4").await;
    let tree = "1".repeat(40);
    let ran = it
        .deploy(&[
            "promote",
            "--tree",
            &tree,
            "--version",
            "1.0.0",
            "--attestations",
            "skip",
        ])
        .await;
    assert!(ran.code == 3 && ran.err.contains("can't be looked at"), "{ran:?}");
    let tree = "3".repeat(40);
    let ran = it
        .deploy(&[
            "promote",
            "--tree",
            &tree,
            "--version",
            "1.0.0",
            "--attestations",
            "skip",
        ])
        .await;
    assert!(
        ran.code == 3 && ran.err.contains("staging has not tested this tree"),
        "{ran:?}"
    );
}
