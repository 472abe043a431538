use runtime::database::{DatabaseSource, DatabaseSourceError};
use runtime::env::Env;
use runtime::error_chain;

use crate::aws::{client, create, in_aws_environment};
use crate::{aws, child};

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
        aws::run(test, &format!("http://{}", nobody.local_addr().unwrap())).await;
        return;
    }
    let error = source("arn:x", &[]).resolve().await.unwrap_err();
    assert!(
        matches!(&error, DatabaseSourceError::Unreadable { .. }),
        "{error:?}"
    );
    let told = error_chain(&error).to_string();
    assert_eq!(
        told,
        "can't read the secret arn:x: secretsmanager:GetSecretValue: AWS is not reached: Connection refused (os error 111); \
         look at the network, and at AWS_ENDPOINT_URL if it is set"
    );
}
