//! Ctrl-C and its relatives: the running command ends, and what was started is still stopped in order.

use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How often a download is tried.
const DOWNLOAD_TRIES: u32 = 3;

/// Passes interrupting signals on to the command that is running, and remembers that there was one.
#[derive(Debug)]
pub struct Interrupts {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    count: u32,
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug)]
enum Running {
    /// A command in a process group of its own, with all that it starts.
    Group(Pid),
    /// A command in our group, which hears the terminal's Ctrl-C by itself.
    Neighbour(Pid),
}

impl Interrupts {
    /// Takes over SIGINT, SIGTERM and SIGHUP.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn catch() -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("could not take over Ctrl-C")?;
        let heard = Arc::clone(&shared);
        std::thread::spawn(move || {
            for signal in signals.forever() {
                heard.interrupted(signal);
            }
        });
        Ok(Self { shared })
    }

    /// Runs a command to its end, in a process group of its own.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or there was an interrupt. A command that fails is not an error here.
    pub fn run(&self, command: &mut Command) -> Result<ExitStatus> {
        let child = self.spawn(command.stdin(Stdio::null()).process_group(0), Running::Group)?;
        self.wait(child)
    }

    /// Runs a command that downloads, and up to twice again when it fails: a connection may have broken off.
    ///
    /// # Errors
    ///
    /// Like [`Self::run`].
    pub fn run_download(&self, command: &mut Command) -> Result<ExitStatus> {
        let mut status = self.run(command)?;
        for _ in 1..DOWNLOAD_TRIES {
            if status.success() {
                break;
            }
            status = self.run(command)?;
        }
        Ok(status)
    }

    /// Runs a command to its end and shows each line of its output to the caller.
    ///
    /// # Errors
    ///
    /// Like [`Self::run`].
    pub fn run_by_line(&self, command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut child = self.spawn(command, Running::Group)?;
        let mut output = BufReader::new(child.stdout.take().expect("the output was asked for"));
        let mut line = Vec::new();
        while output
            .read_until(b'\n', &mut line)
            .context("could not read the command's output")?
            > 0
        {
            on_line(String::from_utf8_lossy(&line).trim_end_matches('\n'));
            line.clear();
        }
        self.wait(child)
    }

    /// Runs a command that talks with the user.
    ///
    /// # Errors
    ///
    /// Like [`Self::run`].
    pub fn run_interactive(&self, command: &mut Command) -> Result<ExitStatus> {
        let child = self.spawn(command, Running::Neighbour)?;
        self.wait(child)
    }

    /// Blocks until there is an interrupt.
    pub fn wait_for_one(&self) {
        let state = self.shared.lock();
        drop(self.shared.changed.wait_while(state, |state| state.count == 0));
    }

    /// Fails once there was an interrupt.
    ///
    /// # Errors
    ///
    /// That there was one.
    pub fn check(&self) -> Result<()> {
        if self.shared.lock().count > 0 {
            bail!("interrupted");
        }
        Ok(())
    }

    fn spawn(&self, command: &mut Command, running: impl FnOnce(Pid) -> Running) -> Result<Child> {
        // The lock is held until the child is known, so that a signal at this moment reaches it.
        let mut state = self.shared.lock();
        if state.count > 0 {
            bail!("interrupted");
        }
        let child = command
            .spawn()
            .with_context(|| format!("could not run {}", command.get_program().display()))?;
        let pid = child.id().try_into().expect("the system's pids are positive i32");
        state.running = Some(running(Pid::from_raw(pid)));
        Ok(child)
    }

    fn wait(&self, mut child: Child) -> Result<ExitStatus> {
        let ended = child.wait();
        self.shared.lock().running = None;
        let status = ended.context("could not wait for a command")?;
        self.check()?;
        Ok(status)
    }
}

impl Shared {
    fn interrupted(&self, signal: i32) {
        let mut state = self.lock();
        state.count += 1;
        // Whoever asks a second time does not want to wait any more.
        let signal = if state.count > 1 {
            Ok(Signal::SIGKILL)
        } else {
            Signal::try_from(signal)
        };
        if let (Some(running), Ok(signal)) = (state.running, signal) {
            let sent = match running {
                Running::Group(pid) => killpg(pid, signal),
                Running::Neighbour(_) if signal == Signal::SIGINT => Ok(()),
                Running::Neighbour(pid) => kill(pid, signal),
            };
            // The only failure is that the command has just ended, which is what was wanted.
            sent.ok();
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exit code that a shell would give for a status.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Interrupts {
        Interrupts {
            shared: Arc::default(),
        }
    }

    #[test]
    fn lines_arrive_one_by_one_and_the_status_last() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        let command = command.args(["-c", "echo one; printf 'two'; exit 3"]);
        let status = quiet()
            .run_by_line(command, |line| lines.push(line.to_owned()))
            .unwrap();
        assert_eq!(
            (lines, exit_code(status)),
            (vec!["one".to_owned(), "two".to_owned()], 3)
        );
    }

    #[test]
    fn an_interrupt_ends_the_running_command_and_forbids_the_next() {
        let interrupts = quiet();
        let mut command = Command::new("sh");
        let shared = Arc::clone(&interrupts.shared);
        let ended = interrupts.run_by_line(command.args(["-c", "echo started; sleep 600"]), |line| {
            assert_eq!(line, "started");
            shared.interrupted(SIGTERM);
        });
        assert_eq!(ended.unwrap_err().to_string(), "interrupted");
        let next = interrupts.run(&mut Command::new("true"));
        assert_eq!(next.unwrap_err().to_string(), "interrupted");
        interrupts.wait_for_one();
    }
}
