//! The local server that speaks the protocol of SQS.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::http;

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How often a free port may be lost to somebody else between finding and taking it.
const TRIES: u32 = 3;
const LOG: &str = "server.log";
/// How many this process has started: each has a folder of its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A running server. It ends when this value is dropped or this process dies, whichever way.
#[derive(Debug)]
pub struct Ministack {
    child: Child,
    port: u16,
    /// Its log and temporary files: of its own, because two invocations may have a server each.
    folder: PathBuf,
}

impl Ministack {
    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it does not; the message ends with its log.
    pub fn start(root: &Path, python: &Path) -> Result<Self> {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = root.join(format!(".testenv/ministack/{}-{number}", std::process::id()));
        let mut log = String::new();
        for _ in 0..TRIES {
            fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
            match Self::try_start(root, python, &folder)? {
                Ok(started) => return Ok(started),
                Err(said) => log = said,
            }
        }
        bail!("ministack did not start. Its log:\n{}", log.trim_end());
    }

    /// Where clients find it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers with what the server said when it has ended instead.
    fn try_start(root: &Path, python: &Path, folder: &Path) -> Result<Result<Self, String>> {
        let log_file = folder.join(LOG);
        let log =
            File::create(&log_file).with_context(|| format!("could not create {}", log_file.display()))?;
        let errors = log.try_clone().context("could not open ministack's log")?;
        let port = http::free_port().context("could not find a free port")?;
        let child = Command::new(python)
            .arg(root.join("tools/sqs_server.py"))
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("LOG_LEVEL", "WARNING")
            .env("TMPDIR", folder)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .context("could not run Python")?;
        let mut started = Self {
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
            if self
                .child
                .try_wait()
                .context("could not wait for ministack")?
                .is_some()
            {
                return Ok(false);
            }
            if http::is_fine(self.port, "/_ministack/health") {
                return Ok(true);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        bail!("ministack did not answer within {} s", START_LIMIT.as_secs());
    }
}

impl Drop for Ministack {
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
