use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use local_postgres::{Config, LocalPostgres, StopMode};

use crate::harness::{Scratch, query, try_query};

#[test]
fn a_new_folder_becomes_a_server_that_only_the_password_opens() {
    let scratch = Scratch::new();
    let server = scratch.start();
    let made = "select current_user, pg_encoding_to_char(encoding), datcollate \
                from pg_database where datname = current_database()";
    assert_eq!(query(&server, made), "postgres|UTF8|C");
    assert_eq!(query(&server, "show listen_addresses"), "127.0.0.1");
    let keyless = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port());
    let refused = try_query(&server, &keyless, "select 1").unwrap_err();
    assert!(refused.contains("no password supplied"), "{refused}");
    let by_socket = format!(
        "host={}/socket port={} user=postgres",
        server.data_dir().display(),
        server.port()
    );
    let refused = try_query(&server, &by_socket, "select 1").unwrap_err();
    assert!(refused.contains("no password supplied"), "{refused}");
    assert_eq!(fs::metadata(scratch.data_dir()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(
        fs::metadata(scratch.data_dir().join("password")).unwrap().mode() & 0o777,
        0o600
    );
    let password = fs::read_to_string(scratch.data_dir().join("password")).unwrap();
    assert!(server.url("postgres").contains(password.trim()));
    assert!(!format!("{server:?}").contains(password.trim()));
}

#[test]
fn a_restart_keeps_data_port_and_password() {
    let scratch = Scratch::new();
    let server = scratch.start();
    query(&server, "create table kept as select 42 as answer");
    let address = server.url("postgres");
    server.stop(StopMode::Fast).unwrap();
    let server = scratch.start();
    assert_eq!(server.url("postgres"), address);
    assert_eq!(query(&server, "select answer from kept"), "42");
    server.stop(StopMode::Immediate).unwrap();
    let server = scratch.start();
    assert_eq!(query(&server, "select answer from kept"), "42");
}

#[test]
fn a_port_that_was_taken_meanwhile_is_replaced_unless_it_was_asked_for() {
    let scratch = Scratch::new();
    let server = scratch.start();
    let port = server.port();
    server.stop(StopMode::Fast).unwrap();
    let _squatter = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let refused = LocalPostgres::start(&Config {
        port: Some(port),
        ..scratch.config()
    })
    .unwrap_err()
    .to_string();
    assert!(refused.contains("could not bind"), "{refused}");
    let server = scratch.start();
    assert_ne!(server.port(), port);
    assert_eq!(query(&server, "select 1"), "1");
}

#[test]
fn settings_reach_the_server_but_cannot_open_it_to_the_network() {
    let scratch = Scratch::new();
    let settings = [
        ("fsync", "off"),
        ("log_line_prefix", "two words "),
        ("listen_addresses", "*"),
    ];
    let settings = settings
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let server = LocalPostgres::start(&Config {
        settings,
        ..scratch.config()
    })
    .unwrap();
    assert_eq!(query(&server, "show fsync"), "off");
    assert_eq!(
        query(&server, "select current_setting('log_line_prefix') || '|'"),
        "two words |"
    );
    assert_eq!(query(&server, "show listen_addresses"), "127.0.0.1");
}

#[test]
fn a_path_too_long_for_a_socket_does_without() {
    let scratch = Scratch::new();
    let data_dir = scratch.path().join("a".repeat(120));
    let server = LocalPostgres::start(&Config {
        data_dir,
        ..Config::default()
    })
    .unwrap();
    assert_eq!(query(&server, "show unix_socket_directories"), "");
}

#[test]
fn a_folder_out_of_the_servers_reach_is_replaced_for_root_only() {
    let scratch = Scratch::new();
    let closed = scratch.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let config = Config {
        data_dir: closed.join("postgres"),
        ..Config::default()
    };
    let server = LocalPostgres::start(&config).unwrap();
    assert_eq!(query(&server, "select 1"), "1");
    if fs::metadata(scratch.path()).unwrap().uid() != 0 {
        assert_eq!((server.data_dir(), server.note()), (&*config.data_dir, None));
        return;
    }
    let instead = server.data_dir().to_owned();
    let note = server.note().unwrap().to_owned();
    server.stop(StopMode::Fast).unwrap();
    fs::remove_dir_all(&instead).unwrap();
    assert!(instead.starts_with("/var/tmp"), "{}", instead.display());
    assert!(
        note.contains(closed.to_str().unwrap()) && note.contains(instead.to_str().unwrap()),
        "{note}"
    );
}
