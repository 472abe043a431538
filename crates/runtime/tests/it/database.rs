use aws_sdk_secretsmanager::Client;
use runtime::database::{DatabaseSource, DatabaseSourceError};
use runtime::env::{Env, Setting};
use runtime::{error_chain, random};

use crate::child;

const ENDPOINT: Setting =
    Setting::optional("TANDEM_TEST_SQS_ENDPOINT", "The emulator of AWS that tests use.");

/// Runs the test in a process whose standard chain leads to the emulator; true in that process.
async fn in_aws_environment(test: &str) -> bool {
    if child::is_child() {
        return true;
    }
    let endpoint: Option<String> = Env::from_process().get(&ENDPOINT);
    let endpoint = endpoint.expect("run `cargo xtask test`, which starts the emulator of AWS");
    run(test, &endpoint).await;
    false
}

async fn run(test: &str, endpoint: &str) {
    let mut command = child::rerun(test);
    command.envs([("AWS_ENDPOINT_URL", endpoint), ("AWS_REGION", "eu-central-1")]);
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    let output = command.output().await.unwrap();
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(
        output.status.success() && told[0].contains("1 passed"),
        "{}",
        told.concat()
    );
}

fn source(arn: &str, more: &[(&str, &str)]) -> DatabaseSource {
    let mut env = Env::new(|name| match name {
        "TANDEM_DATABASE_SECRET_ARN" => Some(arn.to_owned()),
        _ => more
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| (*value).to_owned()),
    });
    let source = DatabaseSource::from_env(&mut env);
    env.finish(|| source).unwrap()
}

async fn client() -> Client {
    Client::new(&aws_config::from_env().load().await)
}

/// A new secret with this value; gives its ARN.
async fn create(client: &Client, value: &str) -> String {
    let name = format!("tandem-test-{}", random::id());
    let created = client
        .create_secret()
        .name(name)
        .secret_string(value)
        .send()
        .await
        .unwrap();
    created.arn.unwrap()
}

#[tokio::test]
async fn a_rotated_secret_gives_the_new_credentials() {
    if !in_aws_environment("database::a_rotated_secret_gives_the_new_credentials").await {
        return;
    }
    let client = client().await;
    let value = |password| {
        serde_json::json!({
            "engine": "postgres", "host": "db.internal", "port": 5433, "dbname": "tandem", "username": "app",
            "password": password,
        })
        .to_string()
    };
    let arn = create(&client, &value("old/1")).await;
    let credentials = source(&arn, &[]).into_credentials();
    let url =
        |password: &str| format!("postgres://app:{password}@db.internal:5433/tandem?sslmode=verify-full");
    assert_eq!(credentials().await.unwrap(), url("old%2F1"));

    let request = client
        .put_secret_value()
        .secret_id(&arn)
        .secret_string(value("new@2"));
    let pending = request.clone().version_stages("AWSPENDING").send().await.unwrap();
    assert_eq!(
        credentials().await.unwrap(),
        url("old%2F1"),
        "a pending version is not in force yet"
    );

    let versions = client
        .update_secret_version_stage()
        .secret_id(&arn)
        .version_stage("AWSCURRENT");
    let current = client
        .get_secret_value()
        .secret_id(&arn)
        .send()
        .await
        .unwrap()
        .version_id
        .unwrap();
    let versions = versions
        .move_to_version_id(pending.version_id.unwrap())
        .remove_from_version_id(current);
    versions.send().await.unwrap();
    assert_eq!(credentials().await.unwrap(), url("new%402"));
}

#[tokio::test]
async fn a_secret_that_rds_manages_is_completed_by_the_environment() {
    if !in_aws_environment("database::a_secret_that_rds_manages_is_completed_by_the_environment").await {
        return;
    }
    let arn = create(&client().await, r#"{"username":"app","password":"p"}"#).await;
    let complete = [
        ("TANDEM_DATABASE_HOST", "db.internal"),
        ("TANDEM_DATABASE_NAME", "tandem"),
        ("TANDEM_DATABASE_SSLMODE", "require"),
    ];
    let url = source(&arn, &complete).resolve().await.unwrap();
    assert_eq!(
        url.expose(),
        "postgres://app:p@db.internal:5432/tandem?sslmode=require"
    );

    let error = source(&arn, &[]).resolve().await.unwrap_err();
    assert!(
        matches!(&error, DatabaseSourceError::Incomplete { part: "host", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_secret_is_told_by_its_arn_and_not_by_its_value() {
    if !in_aws_environment("database::a_wrong_secret_is_told_by_its_arn_and_not_by_its_value").await {
        return;
    }
    let missing = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:missing-AbCdEf";
    let error = source(missing, &[]).resolve().await.unwrap_err();
    assert!(
        matches!(&error, DatabaseSourceError::NotFound { arn } if arn == missing),
        "{error:?}"
    );

    for value in ["hunter2", r#"{"username":"app","password":["hunter2"]}"#] {
        let arn = create(&client().await, value).await;
        let error = source(&arn, &[]).resolve().await.unwrap_err();
        assert!(
            matches!(&error, DatabaseSourceError::Malformed { .. }),
            "{error:?}"
        );
        let told = format!("{} {error:?}", error_chain(&error));
        assert!(told.contains(&arn) && !told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn a_silent_secrets_manager_is_told_soon() {
    let test = "database::a_silent_secrets_manager_is_told_soon";
    if !child::is_child() {
        // Bound but not listening, so that every attempt to connect is refused.
        let nobody = tokio::net::TcpSocket::new_v4().unwrap();
        nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        run(test, &format!("http://{}", nobody.local_addr().unwrap())).await;
        return;
    }
    let error = source("arn:x", &[]).resolve().await.unwrap_err();
    assert!(
        matches!(&error, DatabaseSourceError::Unreadable { .. }),
        "{error:?}"
    );
    let told = error_chain(&error).to_string();
    assert!(
        told.starts_with("can't read the secret arn:x: ") && told.contains("refused"),
        "{told}"
    );
}
