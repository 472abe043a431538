use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use runtime::shutdown::{DrainLimits, Shutdown};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::child;

/// Far more than it takes, far less than forever.
const DEADLINE: Duration = Duration::from_secs(30);

/// A process that drains, under the eyes of a test.
struct Draining {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Draining {
    fn start(test: &str) -> Self {
        let mut process = child::rerun(test).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    async fn wait_for(&mut self, said: &str) {
        let heard = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.ends_with(said) {
                    return;
                }
            }
            panic!("the process ended and never said {said:?}");
        };
        timeout(DEADLINE, heard)
            .await
            .expect("the process says it in time");
    }

    async fn signal(&self, name: &str) {
        let id = self.process.id().unwrap().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .await
            .unwrap();
        assert!(status.success());
    }

    async fn exit_code(mut self) -> Option<i32> {
        timeout(DEADLINE, self.process.wait())
            .await
            .expect("the process ends in time")
            .unwrap()
            .code()
    }
}

fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}").unwrap();
    stdout.flush().unwrap();
}

/// A process with one task, which ends with draining or never.
async fn drain(task_ends: bool) -> ! {
    let shutdown = Shutdown::on_signals().unwrap();
    let draining = shutdown.draining().clone();
    shutdown.tasks().spawn(async move {
        draining.cancelled().await;
        say("draining");
        if !task_ends {
            std::future::pending::<()>().await;
        }
    });
    say("ready");
    let hour = Duration::from_secs(3600);
    let end = shutdown
        .wait_for_tasks(DrainLimits {
            finish: hour,
            hand_back: hour,
        })
        .await;
    std::process::exit(end.exit_code());
}

#[tokio::test]
async fn sigterm_drains_and_ends_with_0() {
    if child::is_child() {
        drain(true).await;
    }
    let mut process = Draining::start("shutdown::sigterm_drains_and_ends_with_0");
    process.wait_for("ready").await;
    process.signal("TERM").await;
    process.wait_for("draining").await;
    assert_eq!(process.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_at_once_with_130() {
    if child::is_child() {
        drain(false).await;
    }
    let mut process = Draining::start("shutdown::a_second_signal_ends_at_once_with_130");
    process.wait_for("ready").await;
    process.signal("INT").await;
    process.wait_for("draining").await;
    process.signal("TERM").await;
    assert_eq!(process.exit_code().await, Some(130));
}
