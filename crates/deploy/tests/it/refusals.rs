//! What an operator reads when AWS is out of reach or refuses: one sentence with the call, what was said, and what to do. Nothing
//! of the SDK's insides.

use tokio::net::TcpSocket;
use tokio::process::Command;

use crate::cloud::{Cloud, Fault, NAME, image};
use crate::program::{Ran, command, command_at, end};

/// Each command, with as little as it takes.
fn commands() -> Vec<Vec<String>> {
    let digests = format!("{},{}", image("api", '2'), image("worker", '2'));
    let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    [
        &["status"][..],
        &["verify", "--url", "http://127.0.0.1:1", "--api-key", "x"],
        &["rollback"],
        &["release", "--digest", &digests],
        &["migrate", "--digest", &digests],
        &["promote", "--tree", tree, "--version", "1.4.0"],
    ]
    .iter()
    .map(|it| it.iter().map(|&word| word.to_owned()).collect())
    .collect()
}

/// An address that is taken, and that nothing listens at.
fn nowhere() -> (TcpSocket, String) {
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    (nobody, url)
}

/// Runs every command at once, and expects of each this one line.
async fn all_say(command: impl Fn(&[&str]) -> Command, sentence: &str) {
    let started = commands().into_iter().map(|arguments| {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let child = command(&words).spawn().unwrap();
        async move { (arguments, end(child).await) }
    });
    for (arguments, ran) in futures::future::join_all(started).await {
        assert_eq!(ran.code, 1, "{arguments:?}: {ran:?}");
        says(&ran, sentence);
    }
}

fn says(ran: &Ran, sentence: &str) {
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("", format!("error: {sentence}\n").as_str())
    );
}

#[tokio::test]
async fn nothing_listens() {
    let (_nobody, url) = nowhere();
    all_say(
        |arguments| command_at(&url, NAME, arguments),
        "ssm:GetParameters: AWS is not reached: Connection refused (os error 111); look at the network, and at \
         AWS_ENDPOINT_URL if it is set",
    )
    .await;
}

#[tokio::test]
async fn nobody_is_logged_in() {
    let (_nobody, url) = nowhere();
    for profile in [None, Some("nobody")] {
        let without = |arguments: &[&str]| {
            let mut command = command_at(&url, NAME, arguments);
            command
                .env_remove("AWS_ACCESS_KEY_ID")
                .env_remove("AWS_SECRET_ACCESS_KEY")
                .envs(profile.map(|it| ("AWS_PROFILE", it)));
            command
        };
        all_say(
            without,
            "ssm:GetParameters: no AWS credentials are found; log in and set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY",
        )
        .await;
    }
}

#[tokio::test]
async fn credentials_that_somebody_else_must_give_can_not_be_had() {
    let (_nobody, url) = nowhere();
    let mut command = command_at(&url, NAME, &["status"]);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env(
            "AWS_ROLE_ARN",
            "arn:aws:iam::111122223333:role/tandem-test-github-deploy",
        )
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", "/dev/null");
    let ran = end(command.spawn().unwrap()).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    says(
        &ran,
        "ssm:GetParameters: AWS credentials can't be had: Connection refused (os error 111); log in again, and look at \
         AWS_PROFILE",
    );
}

#[tokio::test]
async fn no_region_is_set() {
    let cloud = Cloud::running('1').await;
    for url in [Some(cloud.url.as_str()), None] {
        let without = |arguments: &[&str]| {
            let mut command = command(&cloud, arguments);
            command.env_remove("AWS_REGION");
            if url.is_none() {
                command.env_remove("AWS_ENDPOINT_URL");
            }
            command
        };
        all_say(
            without,
            "ssm:GetParameters: no AWS region is set; set AWS_REGION, or choose a profile that has a region with AWS_PROFILE",
        )
        .await;
    }
}

#[tokio::test]
async fn every_call_is_refused() {
    for (fault, said) in [
        (
            Fault::Denied,
            "not authorized (AccessDeniedException); allow it to the role or the user that this runs as",
        ),
        (
            Fault::Throttled,
            "Rate exceeded (ThrottlingException); AWS is asked too often: try again in a minute",
        ),
        (
            Fault::Stranger,
            "The security token included in the request is invalid. (UnrecognizedClientException); AWS does not take these \
             credentials: look at AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            Fault::Broken,
            "it failed without a reason (HTTP 500); try again in a minute",
        ),
    ] {
        let cloud = Cloud::running('1').await;
        cloud.fault("*", fault, u32::MAX);
        all_say(
            |arguments| command(&cloud, arguments),
            &format!("ssm:GetParameters: {said}"),
        )
        .await;
    }
}

#[tokio::test]
async fn a_page_in_place_of_an_answer_is_none_of_aws() {
    let cloud = Cloud::running('1').await;
    cloud.fault("*", Fault::Page, u32::MAX);
    let ran = end(command(&cloud, &["status"]).spawn().unwrap()).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let begins = "error: ssm:GetParameters: the answer can't be read (HTTP 200): ";
    let ends = "; try again, and look at what may answer in AWS' place: a proxy, or AWS_ENDPOINT_URL\n";
    assert!(
        ran.err.starts_with(begins) && ran.err.ends_with(ends) && ran.err.lines().count() == 1,
        "{ran:?}"
    );
}

#[tokio::test]
async fn the_call_that_was_refused_is_named() {
    let cloud = Cloud::running('1').await;
    for call in [
        "ecs:DescribeServices",
        "codedeploy:ListDeployments",
        "ecs:DescribeTaskDefinition",
        "application-autoscaling:DescribeScalableTargets",
        "cloudwatch:DescribeAlarms",
    ] {
        let (_, operation) = call.split_once(':').unwrap();
        cloud.fault(operation, Fault::Denied, 1);
        let ran = end(command(&cloud, &["status"]).spawn().unwrap()).await;
        assert_eq!(ran.code, 1, "{call}: {ran:?}");
        says(
            &ran,
            &format!(
                "{call}: not authorized (AccessDeniedException); allow it to the role or the user that this runs as"
            ),
        );
    }
}
