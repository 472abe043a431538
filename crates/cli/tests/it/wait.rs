//! `tandem jobs wait`.

use std::process::Stdio;

use domain::{Failure, FailureCode, Outcome};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

use crate::world::{SOON, World};

#[tokio::test]
async fn each_step_of_a_job_is_told_once_until_its_end() {
    let world = World::new().await;
    let ids = world.submit(1).await;
    let id = ids[0].to_string();
    let mut waiting = world
        .command(&["jobs", "wait", &id])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(waiting.stderr.take().unwrap()).lines();
    let mut next = async || timeout(SOON, told.next_line()).await.unwrap().unwrap();
    assert_eq!(next().await.as_deref(), Some("queued"));
    let started = world.start(&ids).await;
    assert_eq!(next().await.as_deref(), Some("running, attempt 1 of 1"));
    let failure = || Outcome::Aborted(Failure::new(FailureCode::HandlerError, "no luck"));
    world.finish(started, failure).await;
    assert_eq!(next().await, None);
    let output = waiting.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{id}  failed\n")
    );
}

#[tokio::test]
async fn who_waits_too_long_is_told_where_the_job_stands() {
    let world = World::new().await;
    let id = world.submit(1).await[0].to_string();
    let ran = world.tandem(&["jobs", "wait", &id, "--timeout", "1s"]).await;
    assert_eq!((ran.code, ran.out), (4, format!("{id}  queued\n")), "{}", ran.err);
    assert!(
        ran.err.ends_with("the job has not ended in time\n"),
        "{}",
        ran.err
    );
}
