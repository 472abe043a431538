//! A process of ours: started with exactly the environment that is given, told to stop or killed, its output kept.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::eventually;

pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts one of the workspace's binaries, which lie beside the tests'.
    pub(crate) fn start(name: &str, environment: &[(String, String)]) -> Self {
        let log = std::env::temp_dir().join(format!("tandem-{name}-{}.log", uuid()));
        let output = std::fs::File::create(&log).unwrap();
        let binary = binary(name);
        let child = Command::new(&binary)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{} can't be started: {error}; run `cargo xtask test`",
                    binary.display()
                )
            });
        Self { child, log }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// The processor time that it has used, in milliseconds, where the system tells it in `/proc`.
    pub(crate) fn cpu_ms(&self) -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // After the name, which may have blanks in it, user and system time are the 12th and 13th, in hundredths of a second.
        let times = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
        Some(times.filter_map(|time| time.parse::<u64>().ok()).sum::<u64>() * 10)
    }

    /// Ends it like a power cut.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for it to end by itself.
    pub(crate) async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let child = std::sync::Mutex::new(&mut self.child);
        eventually("the process's end", limit, || async {
            child.lock().unwrap().try_wait().unwrap()
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            print_log(&self.log());
        }
        drop(std::fs::remove_file(&self.log));
    }
}

#[expect(clippy::print_stderr, reason = "a failed test shows what the processes said")]
fn print_log(log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    eprintln!(
        "--- the last lines of a process:\n{}",
        lines[lines.len().saturating_sub(40)..].join("\n")
    );
}

/// One of the workspace's programs.
pub(crate) fn binary(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.ancestors().nth(2).unwrap().join(name)
}

/// An address that was free a moment ago.
pub(crate) fn free_addr() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "tests need no repeatable names")]
pub(crate) fn uuid() -> String {
    sqlx::types::Uuid::new_v4().to_string()
}
