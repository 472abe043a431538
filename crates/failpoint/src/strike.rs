//! What happens at a point that is armed.

use std::env::VarError;
use std::io::Write as _;
use std::sync::LazyLock;

use nix::sys::signal::{Signal, raise};

use crate::NAMES;

/// Says what happens where.
const VARIABLE: &str = "TANDEM_FAILPOINTS";

/// The exit code of a process whose variable can't be understood.
const MISUSED: i32 = 2;

pub(crate) fn hit(name: &str) {
    static ARMED: LazyLock<()> = LazyLock::new(arm);
    LazyLock::force(&ARMED);
    if let Some(action) = fail::eval(name, Option::unwrap_or_default) {
        strike(name, &action);
    }
}

/// A test that arms nothing by mistake would pass, so a mistake ends the process.
fn arm() {
    #[expect(
        clippy::disallowed_methods,
        reason = "not a setting: no product has it, and it must work before there are settings"
    )]
    let wanted = match std::env::var(VARIABLE) {
        Ok(wanted) => wanted,
        Err(VarError::NotPresent) => return,
        Err(VarError::NotUnicode(_)) => refuse("it is not UTF-8"),
    };
    for point in wanted.split(';').map(str::trim).filter(|it| !it.is_empty()) {
        let Some((name, actions)) = point.split_once('=') else {
            refuse(&format!("{point} names no action"));
        };
        if !NAMES.contains(&name) {
            refuse(&format!("there is no point {name}"));
        }
        if let Err(why) = fail::cfg(name, actions) {
            refuse(&format!("{actions}: {why}"));
        }
    }
}

fn strike(name: &str, action: &str) {
    tell(&format!("failpoint: {name} {action}"));
    // Raised on this thread, so that it goes no further.
    let raised = match action {
        "abort" => std::process::abort(),
        "kill" => raise(Signal::SIGKILL),
        "pause" => raise(Signal::SIGSTOP),
        _ => refuse(&format!("{action} is neither abort, kill nor pause")),
    };
    if let Err(error) = raised {
        refuse(&format!("{action}: {error}"));
    }
}

fn refuse(why: &str) -> ! {
    tell(&format!("{VARIABLE}: {why}"));
    std::process::exit(MISUSED);
}

/// In one write: what reads the lines may have others of this process between them, but not within.
fn tell(line: &str) {
    // With standard error closed nobody reads the line, and the point strikes all the same.
    drop(std::io::stderr().write_all(format!("{line}\n").as_bytes()));
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::{Child, Command, Stdio};

    use nix::sys::signal::kill;
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    use nix::unistd::Pid;

    use super::*;

    /// This test program again, in which only [`reaches_two_points`] runs.
    struct Victim {
        child: Child,
        pid: Pid,
    }

    impl Victim {
        fn armed(points: &str) -> Self {
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["strike::tests::reaches_two_points", "--exact"])
                .args(["--nocapture", "--test-threads=1"])
                .env(VARIABLE, points)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let pid = Pid::from_raw(child.id().try_into().unwrap());
            Self { child, pid }
        }

        /// Waits until it has ended or stopped.
        fn status(&self) -> WaitStatus {
            waitpid(self.pid, Some(WaitPidFlag::WUNTRACED)).unwrap()
        }

        /// What it has told, once it has ended.
        fn told(mut self) -> String {
            let mut told = String::new();
            self.child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut told)
                .unwrap();
            told
        }
    }

    /// In a process of its own, what the other tests arm; among them, nothing.
    #[test]
    fn reaches_two_points() {
        for _ in 0..3 {
            crate::hit("after_claim");
        }
        crate::hit("in_heartbeat");
    }

    #[test]
    fn a_process_is_killed_where_it_is_told() {
        let victim = Victim::armed("in_heartbeat=return(kill)");
        assert_eq!(
            victim.status(),
            WaitStatus::Signaled(victim.pid, Signal::SIGKILL, false)
        );
        assert_eq!(victim.told(), "failpoint: in_heartbeat kill\n");
    }

    #[test]
    fn a_process_aborts_at_the_first_of_its_points() {
        let victim = Victim::armed("in_heartbeat=return(kill); after_claim=return(abort)");
        let status = victim.status();
        assert!(
            matches!(status, WaitStatus::Signaled(_, Signal::SIGABRT, _)),
            "{status:?}"
        );
        assert_eq!(victim.told(), "failpoint: after_claim abort\n");
    }

    #[test]
    fn a_process_stops_as_often_as_it_is_told_and_goes_on() {
        let victim = Victim::armed("after_claim=2*return(pause)");
        for _ in 0..2 {
            assert_eq!(victim.status(), WaitStatus::Stopped(victim.pid, Signal::SIGSTOP));
            kill(victim.pid, Signal::SIGCONT).unwrap();
        }
        assert_eq!(victim.status(), WaitStatus::Exited(victim.pid, 0));
        assert_eq!(
            victim.told(),
            "failpoint: after_claim pause\nfailpoint: after_claim pause\n"
        );
    }

    #[test]
    fn a_point_that_never_strikes_is_passed() {
        let victim = Victim::armed("after_claim=0%return(kill)");
        assert_eq!(victim.status(), WaitStatus::Exited(victim.pid, 0));
        assert_eq!(victim.told(), "");
    }

    #[test]
    fn a_process_that_is_armed_by_mistake_ends() {
        for (points, why) in [
            ("after_claim", "after_claim names no action"),
            ("before_claim=return(kill)", "there is no point before_claim"),
            ("after_claim=explode", "explode: unrecognized command \"explode\""),
            (
                "after_claim=return(explode)",
                "explode is neither abort, kill nor pause",
            ),
        ] {
            let victim = Victim::armed(points);
            assert_eq!(
                victim.status(),
                WaitStatus::Exited(victim.pid, MISUSED),
                "{points}"
            );
            let told = victim.told();
            assert!(told.ends_with(&format!("{VARIABLE}: {why}\n")), "{told}");
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "before_claim is not among the failpoints")]
    fn a_point_without_a_place_among_the_names_is_a_defect() {
        crate::hit("before_claim");
    }
}
