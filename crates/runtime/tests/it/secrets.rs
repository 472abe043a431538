use runtime::secrets_manager::{StoredSecret, StoredSecretError};
use runtime::{Secret, random};

use crate::aws::{client, create, in_aws_environment};

fn value(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn a_secret_is_filled_once_and_replaced_on_demand() {
    if !in_aws_environment("secrets::a_secret_is_filled_once_and_replaced_on_demand").await {
        return;
    }
    let made = client()
        .await
        .create_secret()
        .name(format!("tandem-test-{}", random::id()));
    let arn = made.send().await.unwrap().arn.unwrap();
    let secret = StoredSecret::new(&arn).await;
    assert_eq!(secret.arn(), arn);
    assert!(secret.read().await.unwrap().is_none(), "it has no value yet");
    assert_eq!(secret.fill(&value("first")).await.unwrap().expose(), "first");
    assert_eq!(secret.fill(&value("second")).await.unwrap().expose(), "first");
    secret.replace(&value("third")).await.unwrap();
    assert_eq!(secret.read().await.unwrap().unwrap().expose(), "third");
    assert_eq!(secret.fill(&value("fourth")).await.unwrap().expose(), "third");
}

#[tokio::test]
async fn a_secret_that_somebody_has_filled_keeps_its_value() {
    if !in_aws_environment("secrets::a_secret_that_somebody_has_filled_keeps_its_value").await {
        return;
    }
    let secret = StoredSecret::new(&create(&client().await, "theirs").await).await;
    assert_eq!(secret.fill(&value("ours")).await.unwrap().expose(), "theirs");
}

#[tokio::test]
async fn a_secret_that_is_missing_or_no_text_is_told() {
    if !in_aws_environment("secrets::a_secret_that_is_missing_or_no_text_is_told").await {
        return;
    }
    let missing = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:missing-AbCdEf";
    let secret = StoredSecret::new(missing).await;
    assert!(secret.read().await.unwrap().is_none());
    for error in [
        secret.fill(&value("hunter2")).await.unwrap_err(),
        secret.replace(&value("hunter2")).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, StoredSecretError::NotFound { arn } if arn == missing),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let client = client().await;
    let bytes = client
        .create_secret()
        .name(format!("tandem-test-{}", random::id()))
        .secret_binary(aws_sdk_secretsmanager::primitives::Blob::new([1, 2, 3]));
    let arn = bytes.send().await.unwrap().arn.unwrap();
    let error = StoredSecret::new(&arn).await.read().await.unwrap_err();
    assert!(matches!(error, StoredSecretError::NoText { .. }), "{error:?}");
}
