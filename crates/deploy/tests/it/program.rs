//! `tandem-deploy`, as a workflow runs it.

use std::process::Stdio;
use std::sync::Arc;

use tokio::process::{Child, Command};
use tokio::sync::Notify;

use crate::cloud::{Cloud, Kill, NAME, When, image};

/// What it printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A command that knows this cloud and nothing else.
pub(crate) fn command(cloud: &Cloud, arguments: &[&str]) -> Command {
    command_at(&cloud.url, NAME, arguments)
}

/// A command that knows an environment at an endpoint.
pub(crate) fn command_at(url: &str, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem-deploy"));
    command
        .args(arguments)
        .env_clear()
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("TANDEM_DEPLOY_NAME", name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs it to its end.
pub(crate) async fn run(cloud: &Cloud, arguments: &[&str]) -> Ran {
    end(start(cloud, arguments)).await
}

pub(crate) fn start(cloud: &Cloud, arguments: &[&str]) -> Child {
    command(cloud, arguments).spawn().unwrap()
}

/// Waits for its end. A process that was killed has no code; -1, then.
pub(crate) async fn end(child: Child) -> Ran {
    let output = child.wait_with_output().await.unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The command line that releases a digit, with whatever is special.
pub(crate) fn release(digit: char, more: &[&str]) -> Vec<String> {
    let digests = format!("{},{}", image("api", digit), image("worker", digit));
    let arguments = [
        "release",
        "--digest",
        &digests,
        "--poll-interval",
        "5ms",
        "--limit",
        "20s",
    ];
    arguments.iter().chain(more).map(|&it| it.to_owned()).collect()
}

/// Releases a digit.
pub(crate) async fn releases(cloud: &Cloud, digit: char, more: &[&str]) -> Ran {
    let arguments = release(digit, more);
    run(cloud, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Runs a command and kills it at its change number `at`; answers whether there was one.
pub(crate) async fn killed(cloud: &Cloud, arguments: &[&str], at: usize, when: When) -> bool {
    let now = Arc::new(Notify::new());
    cloud.kill(Some(Kill {
        at,
        when,
        now: now.clone(),
    }));
    let mut child = start(cloud, arguments);
    let was_killed = tokio::select! {
        () = now.notified() => {
            child.start_kill().unwrap();
            true
        }
        status = child.wait() => {
            assert!(status.unwrap().success());
            false
        }
    };
    drop(end(child).await);
    cloud.kill(None);
    was_killed
}
