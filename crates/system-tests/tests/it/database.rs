//! The database of a system: one of the tests' shared server, or a server of its own that a test may stop and restore.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use local_postgres::{Config, LocalPostgres, StopMode};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use testkit::TestDb;

pub(crate) enum Database {
    Shared(TestDb),
    Private(PrivatePostgres),
}

impl Database {
    /// Its URL, as the superuser.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Shared(db) => db.url(),
            Self::Private(postgres) => postgres.url.clone(),
        }
    }

    pub(crate) async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    pub(crate) fn private(&mut self) -> &mut PrivatePostgres {
        match self {
            Self::Private(postgres) => postgres,
            Self::Shared(_) => panic!("the server is shared"),
        }
    }
}

/// A Postgres server of one's own, on one port for all its life.
pub(crate) struct PrivatePostgres {
    server: Option<LocalPostgres>,
    url: String,
    port: u16,
    // Last, because the server must have ended when its folder goes.
    folder: TempDir,
}

impl PrivatePostgres {
    /// Starts a server with an empty database.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // For the user that the server runs as when the tests run as root.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let server = start(folder.path(), None).await;
        let mut superuser = PgConnection::connect(&server.url("postgres")).await.unwrap();
        superuser.execute("create database tandem").await.unwrap();
        Self {
            url: server.url("tandem"),
            port: server.port(),
            server: Some(server),
            folder,
        }
    }

    pub(crate) async fn stop(&mut self, mode: StopMode) {
        let server = self.server.take().unwrap();
        blocking(move || server.stop(mode).unwrap()).await;
    }

    /// Starts the server again; it accepts connections when this returns.
    pub(crate) async fn start_again(&mut self) {
        self.server = Some(start(self.folder.path(), Some(self.port)).await);
    }

    /// Keeps what the server holds now; it must be stopped.
    pub(crate) fn back_up(&self) {
        assert!(self.server.is_none());
        copy(&self.cluster(), &self.backup());
    }

    /// Replaces what the server holds by what was kept; it must be stopped.
    pub(crate) fn restore(&self) {
        assert!(self.server.is_none());
        std::fs::remove_dir_all(self.cluster()).unwrap();
        copy(&self.backup(), &self.cluster());
    }

    fn cluster(&self) -> PathBuf {
        self.folder.path().join("postgres").join("cluster")
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }
}

async fn start(folder: &Path, port: Option<u16>) -> LocalPostgres {
    let config = Config {
        data_dir: folder.join("postgres"),
        port,
        // Its files need not survive a power cut; a crash of the server alone loses nothing without it.
        settings: vec![("fsync".to_owned(), "off".to_owned())],
        ..Config::default()
    };
    blocking(move || LocalPostgres::start(&config).unwrap()).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// With owners and rights, which Postgres insists on.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}
