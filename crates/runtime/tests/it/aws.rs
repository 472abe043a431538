//! The emulator of AWS that tests use.

use aws_sdk_secretsmanager::Client;
use runtime::env::{Env, Setting};
use runtime::random;

use crate::child;

const ENDPOINT: Setting =
    Setting::optional("TANDEM_TEST_SQS_ENDPOINT", "The emulator of AWS that tests use.");

/// Runs the test in a process whose standard chain leads to the emulator; true in that process.
pub(crate) async fn in_aws_environment(test: &str) -> bool {
    if child::is_child() {
        return true;
    }
    let endpoint: Option<String> = Env::from_process().get(&ENDPOINT);
    let endpoint = endpoint.expect("run `cargo xtask test`, which starts the emulator of AWS");
    run(test, &endpoint).await;
    false
}

pub(crate) async fn run(test: &str, endpoint: &str) {
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

pub(crate) async fn client() -> Client {
    Client::new(&aws_config::from_env().load().await)
}

/// A new secret with this value; gives its ARN.
pub(crate) async fn create(client: &Client, value: &str) -> String {
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
