use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::harness::{Scratch, eventually, query};

#[test]
fn a_killed_server_starts_again_with_its_data() {
    let scratch = Scratch::new();
    let server = scratch.start();
    query(&server, "create table kept as select 42 as answer");
    server.kill().unwrap();
    assert!(
        scratch.data_dir().join("cluster/postmaster.pid").exists(),
        "nothing stale to test with"
    );
    let server = scratch.start();
    assert_eq!(query(&server, "select answer from kept"), "42");
}

#[test]
fn a_stale_pid_that_is_now_another_server_harms_neither() {
    let (scratch, other) = (Scratch::new(), Scratch::new());
    scratch.start().kill().unwrap();
    let neighbour = other.start();
    let pid_file = scratch.data_dir().join("cluster/postmaster.pid");
    let stale = fs::read_to_string(&pid_file).unwrap();
    let lines = stale.split_once('\n').unwrap().1;
    fs::write(&pid_file, format!("{}\n{lines}", neighbour.pid())).unwrap();
    let server = scratch.start();
    assert_eq!(query(&server, "select 1"), "1");
    assert_eq!(query(&neighbour, "select 1"), "1");
}

#[test]
fn the_server_of_a_killed_owner_is_stopped_and_replaced() {
    let scratch = Scratch::new();
    let mut owner = Command::new(env!("CARGO_BIN_EXE_local-postgres"))
        .arg(scratch.data_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(owner.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    assert!(address.starts_with("postgres://"), "{address:?}");
    let pid_file = scratch.data_dir().join("cluster/postmaster.pid");
    let orphan = fs::read_to_string(&pid_file)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    owner.kill().unwrap();
    owner.wait().unwrap();
    let server = scratch.start();
    assert_ne!(server.pid().to_string(), orphan);
    assert_eq!(server.url("postgres"), address.trim());
    assert_eq!(query(&server, "select 1"), "1");
}

#[test]
fn the_program_stops_its_server_when_its_input_ends() {
    let scratch = Scratch::new();
    let mut owner = Command::new(env!("CARGO_BIN_EXE_local-postgres"))
        .arg(scratch.data_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid_file = scratch.data_dir().join("cluster/postmaster.pid");
    eventually("the server is ready", || {
        fs::read_to_string(&pid_file).is_ok_and(|text| text.contains("ready"))
    });
    drop(owner.stdin.take());
    assert!(owner.wait().unwrap().success());
    assert!(!pid_file.exists());
}
