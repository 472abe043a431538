use std::fs;

use local_postgres::{Error, LocalPostgres, StopMode};

use crate::harness::{Scratch, query};

#[test]
fn a_folder_in_use_names_its_owner_and_leaves_the_server_alone() {
    let scratch = Scratch::new();
    let server = scratch.start();
    let refused = LocalPostgres::start(&scratch.config()).unwrap_err();
    assert!(
        matches!(&refused, Error::InUse { owner_pid, .. } if *owner_pid == std::process::id().to_string())
    );
    assert!(refused.to_string().contains("is in use by process"), "{refused}");
    assert_eq!(query(&server, "select 1"), "1");
}

#[test]
fn a_folder_with_other_files_is_refused_untouched() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.data_dir()).unwrap();
    fs::write(scratch.data_dir().join("thesis.txt"), "years of work").unwrap();
    let refused = LocalPostgres::start(&scratch.config()).unwrap_err();
    assert!(matches!(refused, Error::Foreign { .. }), "{refused}");
    assert_eq!(fs::read_dir(scratch.data_dir()).unwrap().count(), 1);
}

#[test]
fn a_cluster_without_a_version_is_called_damaged() {
    let scratch = Scratch::new();
    scratch.start().stop(StopMode::Fast).unwrap();
    fs::remove_file(scratch.data_dir().join("cluster/PG_VERSION")).unwrap();
    let refused = LocalPostgres::start(&scratch.config()).unwrap_err();
    assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
    assert!(refused.to_string().contains("PG_VERSION"), "{refused}");
}

#[test]
fn a_cluster_of_a_version_that_is_not_installed_says_which() {
    let scratch = Scratch::new();
    scratch.start().stop(StopMode::Fast).unwrap();
    fs::write(scratch.data_dir().join("cluster/PG_VERSION"), "9\n").unwrap();
    let refused = LocalPostgres::start(&scratch.config()).unwrap_err();
    assert!(
        matches!(refused, Error::OtherVersion { major: 9, .. }),
        "{refused}"
    );
}

#[test]
fn a_server_that_does_not_start_shows_its_log() {
    let scratch = Scratch::new();
    scratch.start().stop(StopMode::Fast).unwrap();
    fs::write(scratch.data_dir().join("cluster/global/pg_control"), "garbage").unwrap();
    let refused = LocalPostgres::start(&scratch.config()).unwrap_err();
    assert!(matches!(refused, Error::Start { .. }), "{refused}");
    assert!(refused.to_string().contains("pg_control"), "{refused}");
    assert_eq!(refused.unusable_folder(), Some(&*scratch.data_dir()));
}
