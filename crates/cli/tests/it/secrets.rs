//! `tandem migrate` and `tandem found-operator` without the secrets that they need: a sentence for each secret, before anything is
//! changed.

use serde_json::json;
use tokio::net::TcpSocket;
use tokio::process::Command;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::world::{run, tandem};

const API: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:api-AbCdEf";
const PEPPER: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:pepper-AbCdEf";

/// A command with credentials, and a database that would complain first if it were asked.
fn command(endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = tandem(arguments);
    command
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .env("TANDEM_PEPPER_SECRET_ARN", PEPPER)
        .env("TANDEM_KEY_ENVIRONMENT", "test")
        .envs([("AWS_ENDPOINT_URL", endpoint), ("AWS_REGION", "eu-central-1")])
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Runs both commands, and expects a line with this for each secret that they read.
async fn both_say(change: impl Fn(&mut Command), endpoint: &str, said: &str) {
    let line = |arn: &str| format!("can't read the secret {arn}: secretsmanager:GetSecretValue: {said}\n");
    for (arguments, told) in [
        (
            &["migrate", "--api-login-secret", API][..],
            format!("error: {}{}", line(API), line(PEPPER)),
        ),
        (
            &["found-operator", "--key-secret", API],
            format!("error: {}", line(PEPPER)),
        ),
    ] {
        let mut command = command(endpoint, arguments);
        change(&mut command);
        let ran = run(command).await;
        assert_eq!((ran.code, ran.out.as_str(), ran.err), (1, "", told));
    }
}

#[tokio::test]
async fn nothing_listens() {
    // Bound but not listening, so that every attempt to connect is refused.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    let said = "AWS is not reached: Connection refused (os error 111); look at the network, and at AWS_ENDPOINT_URL if it is set";
    both_say(|_| {}, &url, said).await;
}

#[tokio::test]
async fn nobody_is_logged_in() {
    let said = "no AWS credentials are found; log in and set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    let without = |command: &mut Command| {
        command.env_remove("AWS_ACCESS_KEY_ID");
    };
    both_say(without, "http://127.0.0.1:1", said).await;
}

#[tokio::test]
async fn it_is_not_allowed() {
    let refusing = MockServer::start().await;
    let refusal = json!({ "__type": "AccessDeniedException", "Message": "You may not." });
    Mock::given(any())
        .respond_with(
            ResponseTemplate::new(400).set_body_raw(refusal.to_string(), "application/x-amz-json-1.1"),
        )
        .mount(&refusing)
        .await;
    let said = "You may not. (AccessDeniedException); allow it to the role or the user that this runs as";
    both_say(|_| {}, &refusing.uri(), said).await;
}
