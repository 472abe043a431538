//! From a folder to a server that accepts connections.

use std::fs::{self, DirBuilder, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use crate::binaries::{Installation, NotFound, installations};
use crate::cluster;
use crate::error::{Attempt, Error};
use crate::folder::Folder;
use crate::postmaster::{self, POLL_INTERVAL, PidFile};
use crate::run_as::RunAs;
use crate::server::{Config, LocalPostgres};

const START_LIMIT: Duration = Duration::from_secs(30);
const LOG_TAIL_LINES: usize = 20;
/// The longest socket path that every Unix takes (macOS: 104 bytes with the final zero), less the file's
/// name.
const SOCKET_DIR_LIMIT_BYTES: usize = 103 - "/.s.PGSQL.65535.lock".len();

pub(crate) fn start(config: &Config) -> Result<LocalPostgres, Error> {
    let run_as = RunAs::determine()?;
    let folder = Folder::open(&config.data_dir, run_as)?;
    let installation = prepare(&folder, config.bin_dir.as_deref(), run_as)?;
    let password = folder.password(run_as)?;
    postmaster::clear(&folder.cluster())?;
    let launch = Launch {
        config,
        folder: &folder,
        installation: &installation,
        run_as,
    };
    let (child, port) = launch.until_ready()?;
    let server = LocalPostgres {
        child,
        port,
        password,
        bin_dir: installation.bin_dir,
        folder,
    };
    server.folder.remember_port(port)?;
    Ok(server)
}

/// Chooses the programs, and makes the cluster if there is none.
fn prepare(folder: &Folder, bin_dir: Option<&Path>, run_as: RunAs) -> Result<Installation, Error> {
    let mut installed = match bin_dir {
        Some(bin_dir) => {
            let wanted = Installation::inspect(bin_dir).filter(|it| run_as.can_enter(&it.bin_dir));
            vec![wanted.ok_or(NotFound { too_old: Vec::new() })?]
        }
        None => all_installations(run_as)?,
    };
    match cluster::major_version(folder)? {
        // A machine that got a newer version keeps serving its old clusters with the old one.
        Some(major) => {
            let same = installed.into_iter().find(|it| it.version.major == major);
            same.ok_or_else(|| Error::OtherVersion {
                dir: folder.dir().to_owned(),
                major,
            })
        }
        None => {
            let newest = installed.swap_remove(0);
            cluster::create(folder, &newest, run_as)?;
            Ok(newest)
        }
    }
}

#[cfg(not(feature = "fetch"))]
fn all_installations(run_as: RunAs) -> Result<Vec<Installation>, Error> {
    Ok(usable_installations(run_as)?)
}

#[cfg(feature = "fetch")]
fn all_installations(run_as: RunAs) -> Result<Vec<Installation>, Error> {
    usable_installations(run_as)
        .or_else(|not_found| crate::fetch::fetch(run_as, not_found).map(|fetched| vec![fetched]))
}

/// Those that the server's user can reach, which programs in root's home are not.
fn usable_installations(run_as: RunAs) -> Result<Vec<Installation>, NotFound> {
    let mut installed = installations()?;
    installed.retain(|it| run_as.can_enter(&it.bin_dir));
    if installed.is_empty() {
        Err(NotFound { too_old: Vec::new() })
    } else {
        Ok(installed)
    }
}

struct Launch<'a> {
    config: &'a Config,
    folder: &'a Folder,
    installation: &'a Installation,
    run_as: RunAs,
}

/// How one try to start ended.
enum Try {
    Ready,
    Exited(ExitStatus),
    TimedOut,
}

impl Launch<'_> {
    /// Starts the server, again if the obstacle goes away by itself.
    fn until_ready(&self) -> Result<(Child, u16), Error> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let port = self.port()?;
            let mut child = self.spawn(port)?;
            match self.wait(&mut child, deadline)? {
                Try::Ready => return Ok((child, port)),
                Try::Exited(status) => {
                    let log_tail = self.log_tail();
                    if !self.passes(&log_tail) || Instant::now() >= deadline {
                        return Err(self.failed(format!("it ended with {status}"), log_tail));
                    }
                    std::thread::sleep(POLL_INTERVAL);
                }
                Try::TimedOut => {
                    child
                        .kill()
                        .and_then(|()| child.wait())
                        .attempt("kill the server in", self.folder.dir())?;
                    let problem = format!("it was not ready after {} s", START_LIMIT.as_secs());
                    return Err(self.failed(problem, self.log_tail()));
                }
            }
        }
    }

    /// Whether an obstacle goes away by itself: the last backends of a killed server leave a moment after it,
    /// and a free port that somebody else took first is replaced by another one.
    fn passes(&self, log_tail: &str) -> bool {
        log_tail.contains("pre-existing shared memory block")
            || (self.config.port.is_none() && log_tail.contains("could not bind"))
    }

    fn port(&self) -> Result<u16, Error> {
        if let Some(port) = self.config.port {
            return Ok(port);
        }
        let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|it| it.local_addr());
        let last = self.folder.last_port().and_then(|port| free(port).ok());
        match last {
            Some(address) => Ok(address.port()),
            None => free(0)
                .map(|it| it.port())
                .attempt("find a free port for", self.folder.dir()),
        }
    }

    fn spawn(&self, port: u16) -> Result<Child, Error> {
        let log_file = self.folder.log_file();
        let log = File::create(&log_file).attempt("create", &log_file)?;
        let errors = log.try_clone().attempt("open", &log_file)?;
        let postgres = self.installation.bin_dir.join("postgres");
        let mut command = self.run_as.command(&postgres);
        command.arg("-D").arg(self.folder.cluster());
        for (name, value) in &self.config.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        // The last one wins, so what must hold comes after what was asked for.
        command
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "logging_collector=off"])
            .arg("-c")
            .arg(format!("port={port}"))
            .arg("-c")
            .arg(format!(
                "unix_socket_directories={}",
                self.socket_dir()?.display()
            ));
        command
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .attempt("run", &postgres)
    }

    /// Where the Unix socket goes; an empty path, which means none, if the real one would be too long or
    /// would be taken for a list.
    fn socket_dir(&self) -> Result<PathBuf, Error> {
        let dir = self.folder.socket_dir();
        let name = dir.as_os_str().as_encoded_bytes();
        if name.len() > SOCKET_DIR_LIMIT_BYTES || name.iter().any(|byte| b",\"".contains(byte)) {
            return Ok(PathBuf::new());
        }
        if !dir.exists() {
            DirBuilder::new()
                .mode(0o700)
                .create(&dir)
                .and_then(|()| self.run_as.own(&dir))
                .attempt("create", &dir)?;
        }
        Ok(dir)
    }

    fn wait(&self, child: &mut Child, deadline: Instant) -> Result<Try, Error> {
        let cluster = self.folder.cluster();
        // The file may still be the one of the server before.
        let pid = child.id();
        let is_ours = |file: &PidFile| u32::try_from(file.pid) == Ok(pid);
        loop {
            if PidFile::read(&cluster).is_some_and(|file| file.ready && is_ours(&file)) {
                return Ok(Try::Ready);
            }
            if let Some(status) = child
                .try_wait()
                .attempt("wait for the server in", self.folder.dir())?
            {
                return Ok(Try::Exited(status));
            }
            if Instant::now() >= deadline {
                return Ok(Try::TimedOut);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn failed(&self, problem: String, log_tail: String) -> Error {
        Error::Start {
            problem,
            log_file: self.folder.log_file(),
            log_tail,
        }
    }

    fn log_tail(&self) -> String {
        tail(&self.folder.log_file())
    }
}

fn tail(file: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}
