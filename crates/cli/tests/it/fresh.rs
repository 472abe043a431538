//! Servers that nobody has used before, as RDS makes them.

use std::path::{Path, PathBuf};

use local_postgres::{Config, LocalPostgres};

use crate::setup::Account;

/// A folder that is removed with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    #[expect(clippy::disallowed_methods, reason = "tests need no repeatable names")]
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tandem-tls-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A server of its own, with the programs in this folder or the machine's.
pub(crate) async fn start(folder: &Folder, bin_dir: Option<PathBuf>) -> LocalPostgres {
    let config = Config {
        data_dir: folder.0.join("server"),
        bin_dir,
        ..Config::default()
    };
    let starting = tokio::task::spawn_blocking(move || LocalPostgres::start(&config).unwrap());
    starting.await.unwrap()
}

/// Stopping waits for the server's end.
pub(crate) async fn stop(server: LocalPostgres) {
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
}

/// From nothing to programs that log in, without a superuser.
async fn an_environment_is_set_up_with(bin_dir: Option<PathBuf>) {
    let folder = Folder::new();
    let server = start(&folder, bin_dir).await;
    let account = Account::on(&server.url("postgres")).await;
    for _ in 0..2 {
        let ran = account.migrate().await;
        assert!(account.works(&account.api, "tandem_api").await, "{ran:?}");
        assert!(account.works(&account.worker, "tandem_worker").await, "{ran:?}");
        let ran = account.tandem(&["found-operator"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_is_set_up_on_the_machine_s_postgres() {
    an_environment_is_set_up_with(None).await;
}

/// From 16 on, whoever makes a role may not use it unless that is asked for.
#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by whoever runs them"
)]
async fn an_environment_is_set_up_on_postgres_17() {
    let bin_dir = std::env::var("TANDEM_TEST_POSTGRES_17");
    let bin_dir = bin_dir.expect("run `cargo xtask test`, which brings Postgres 17");
    // Nobody builds it for this machine.
    if bin_dir.is_empty() {
        return;
    }
    let bin_dir = Path::new(&bin_dir).to_owned();
    an_environment_is_set_up_with(Some(bin_dir)).await;
}
