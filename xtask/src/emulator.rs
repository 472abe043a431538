//! Servers on this machine that answer as AWS does.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::http;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How often a free port may be lost to somebody else between finding and taking it.
const TRIES: u32 = 3;
const LOG: &str = "server.log";
/// How many this process has started: each has a folder of its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// Which emulator of AWS.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Kind {
    /// Small and quick to install, so all tests use it. It knows no autoscaling and no CodeDeploy, and its databases are none.
    #[default]
    Ministack,
    /// Knows nearly all that environments are made of, but takes half an hour to build:
    /// `cargo install fakecloud --version 0.51.0 --locked`. Its databases are Postgres.
    Fakecloud,
}

impl Kind {
    /// Its name, as in folders and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ministack => "ministack",
            Self::Fakecloud => "fakecloud",
        }
    }

    fn health_path(self) -> &'static str {
        match self {
            Self::Ministack => "/_ministack/health",
            Self::Fakecloud => "/_fakecloud/health",
        }
    }

    /// The command that runs it at a port of this machine until its input ends.
    fn command(self, root: &Path, python: &Path, port: u16, folder: &Path) -> Command {
        let mut command = Command::new(python);
        match self {
            Self::Ministack => command
                .arg(root.join("tools/sqs_server.py"))
                .env("BIND_HOST", "127.0.0.1")
                .env("GATEWAY_PORT", port.to_string())
                .env("LOG_LEVEL", "WARNING"),
            Self::Fakecloud => command
                .arg(root.join("tools/until_input_ends.py"))
                .args(["fakecloud", "--log-level", "warn", "--addr"])
                .arg(format!("127.0.0.1:{port}"))
                // The same with and without Docker: an image of ours is not to be had, and Postgres is on this machine.
                .env("FAKECLOUD_CONTAINER_CLI", root.join("tools/containers.py"))
                .env("CONTAINERS_FOLDER", folder.join("containers")),
        };
        command
    }
}

/// A running server. It ends when this value is dropped or this process dies, whichever way.
#[derive(Debug)]
pub struct Emulator {
    kind: Kind,
    child: Child,
    port: u16,
    /// Its log and temporary files: of its own, because two invocations may have a server each.
    folder: PathBuf,
}

impl Emulator {
    /// Starts ministack and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it does not; the message ends with its log.
    pub fn start(root: &Path, python: &Path) -> Result<Self> {
        Self::start_with(Kind::Ministack, false, root, python)
    }

    /// Starts one of this kind that Terraform can talk to, and waits until it answers.
    ///
    /// Terraform's provider now and then hangs up on an answer that comes before it is back from writing the request
    /// (aws/aws-sdk-go-v2#2737), and asks once more for something to be made, which is there by then. AWS is never that
    /// fast, but ministack is, in four of 5,000 requests. So it answers each invocation once, and repeats the answer to
    /// whoever asks again. fakecloud, which sends an answer's head and body together, got none of 5,000 twice.
    ///
    /// # Errors
    ///
    /// When it does not, or is not installed; the message ends with its log.
    pub fn start_for_terraform(kind: Kind, root: &Path, python: &Path) -> Result<Self> {
        Self::start_with(kind, true, root, python)
    }

    fn start_with(kind: Kind, answer_once: bool, root: &Path, python: &Path) -> Result<Self> {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = format!(".testenv/{}/{}-{number}", kind.as_str(), std::process::id());
        let folder = root.join(folder);
        let mut log = String::new();
        for _ in 0..TRIES {
            fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
            match Self::try_start(kind, answer_once, root, python, &folder)? {
                Ok(started) => return Ok(started),
                Err(said) => log = said,
            }
        }
        bail!("{} did not start. Its log:\n{}", kind.as_str(), log.trim_end());
    }

    /// Which one it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where clients find it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has said so far: its complaints, or nothing.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join(LOG)).unwrap_or_default()
    }

    /// Answers with what the server said when it has ended instead.
    fn try_start(
        kind: Kind,
        answer_once: bool,
        root: &Path,
        python: &Path,
        folder: &Path,
    ) -> Result<Result<Self, String>> {
        let log_file = folder.join(LOG);
        let log =
            File::create(&log_file).with_context(|| format!("could not create {}", log_file.display()))?;
        let errors = log.try_clone().context("could not open an emulator's log")?;
        let port = http::free_port().context("could not find a free port")?;
        let mut command = kind.command(root, python, port, folder);
        if answer_once {
            command.env("ANSWER_ONCE", "1");
        }
        let child = command
            .env("TMPDIR", folder)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .context("could not run Python")?;
        let mut started = Self {
            kind,
            child,
            port,
            folder: folder.to_owned(),
        };
        if started.answers_in_time()? {
            return Ok(Ok(started));
        }
        Ok(Err(fs::read_to_string(&log_file).unwrap_or_default()))
    }

    /// Answers false when the server has ended instead, and fails when it does neither.
    fn answers_in_time(&mut self) -> Result<bool> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            let ended = self.child.try_wait().context("could not wait for an emulator")?;
            if ended.is_some() {
                return Ok(false);
            }
            if http::is_fine(self.port, self.kind.health_path()) {
                return Ok(true);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        bail!(
            "{} did not answer within {} s",
            self.kind.as_str(),
            START_LIMIT.as_secs()
        );
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // The end of its input is its signal to end.
        drop(self.child.stdin.take());
        let deadline = Instant::now() + STOP_LIMIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(POLL_INTERVAL);
        }
        // All of it fails only if it has ended by itself, or somebody has tidied up, after all.
        drop(self.child.kill().and_then(|()| self.child.wait()));
        drop(fs::remove_dir_all(&self.folder));
    }
}
