//! What was started ends with the program, whatever ends that.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};

use chaos::GUARD_ARGUMENT;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn sleeping(group: i32) -> Child {
    Command::new("sleep")
        .arg("600")
        .process_group(group)
        .spawn()
        .unwrap()
}

#[test]
fn the_guard_kills_its_group_and_what_pid_files_tell_when_its_input_ends() {
    let mut guard = Command::new(env!("CARGO_BIN_EXE_chaos"))
        .arg(GUARD_ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(guard.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    let group = i32::try_from(guard.id()).unwrap();
    let (mut member, mut server, mut stranger) = (sleeping(group), sleeping(0), sleeping(0));
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("postmaster.pid");
    std::fs::write(&pid_file, format!("{}\n/data\n", server.id())).unwrap();
    let mut told = guard.stdin.take().unwrap();
    writeln!(told, "{}\n/no/such/file", pid_file.display()).unwrap();
    // What the system sends to a group of which one is stopped, when we die.
    kill(Pid::from_raw(group), Signal::SIGHUP).unwrap();
    drop(told);
    for ended in [&mut guard, &mut member, &mut server] {
        assert_eq!(ended.wait().unwrap().signal(), Some(9));
    }
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}
