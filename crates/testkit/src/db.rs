//! A database per test: a clone of a template that is migrated once per schema and server.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use domain::TenantId;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use store::{MIGRATOR, NewTenant, PoolConfig, Role, Store, TenantLimits};
use uuid::Uuid;

/// Names the server that tests make their databases on.
const SERVER_URL: &str = "TANDEM_TEST_POSTGRES_URL";

/// A migrated database of its own; dropped with the value. In it, a trigger refuses every change of a job's state that
/// is not in the transition table, so each test that uses a database checks that too.
#[derive(Debug)]
pub struct TestDb {
    server_url: String,
    name: String,
}

impl TestDb {
    /// Makes the database.
    ///
    /// # Panics
    /// When there is no server to make it on.
    pub async fn create() -> Self {
        let server_url = server_url();
        let template = ensure_template(&server_url).await;
        let name = format!("tandem_test_{}", random().simple());
        let mut server = PgConnection::connect(&server_url).await.unwrap();
        server
            .execute(AssertSqlSafe(format!(
                "create database {name} template {template}"
            )))
            .await
            .unwrap();
        Self { server_url, name }
    }

    /// Its URL, as the superuser that migrated it.
    #[must_use]
    pub fn url(&self) -> String {
        with_database(&self.server_url, &self.name)
    }

    /// The store as a role sees it, with a small pool.
    ///
    /// # Panics
    /// When the URL is no Postgres URL.
    pub async fn store(&self, role: Role) -> Store {
        Store::open_url(&self.url(), role, Self::pool_config())
            .await
            .unwrap()
    }

    /// Bounds of a small pool. On a busy machine many wait for it, and for locks that a test holds.
    #[must_use]
    pub fn pool_config() -> PoolConfig {
        PoolConfig {
            max_connections: 5,
            min_connections: 0,
            acquire_timeout: Duration::from_mins(1),
            lock_timeout: Duration::from_secs(30),
            ..PoolConfig::default()
        }
    }

    /// Makes a tenant.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn tenant(&self) -> TenantId {
        self.found(false).await
    }

    /// Makes a tenant that operates the others.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn operator_tenant(&self) -> TenantId {
        self.found(true).await
    }

    async fn found(&self, operator: bool) -> TenantId {
        let id = TenantId(random());
        let owner = self.store(Role::Owner).await;
        let name = format!("tenant {id}");
        // 24 bytes, the shortest that Standard Webhooks allows.
        let new = NewTenant {
            id,
            name: &name,
            webhook_secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            limits: TenantLimits::default(),
        };
        owner.found_tenant(&new, operator).await.unwrap();
        owner.close().await;
        id
    }

    /// A plain connection as the superuser, who sees everything.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let (server_url, name) = (self.server_url.clone(), self.name.clone());
        // Dropping can't await, and nobody waits for it: Postgres may take a minute, until each of its processes has
        // noticed. What is left when the tests end goes with the server, or before the next run.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                // A server that is gone has dropped more than this database.
                let Ok(mut server) = PgConnection::connect(&server_url).await else {
                    return;
                };
                let statement = format!("drop database if exists {name} with (force)");
                drop(server.execute(AssertSqlSafe(statement)).await);
            });
        });
    }
}

/// The server's URL.
///
/// # Panics
/// When it is not set.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by whoever runs them"
)]
pub fn server_url() -> String {
    std::env::var(SERVER_URL).unwrap_or_else(|_| {
        panic!("{SERVER_URL} is not set: run `cargo xtask test`, or `cargo xtask services`")
    })
}

/// The template of this schema and day: a database has partitions from the day before its making on, and tests count on
/// those that are made ahead.
async fn ensure_template(server_url: &str) -> String {
    let mut hasher = DefaultHasher::new();
    MIGRATOR
        .iter()
        .for_each(|migration| migration.checksum.hash(&mut hasher));
    domain::state::diagram().hash(&mut hasher);

    let mut server = PgConnection::connect(server_url).await.unwrap();
    server.execute("select pg_advisory_lock(7461)").await.unwrap();
    let day: String = sqlx::query_scalar("select to_char(now() at time zone 'utc', 'YYYYMMDD')")
        .fetch_one(&mut server)
        .await
        .unwrap();
    let template = format!("tandem_template_{:016x}_{day}", hasher.finish());
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&template)
        .fetch_one(&mut server)
        .await
        .unwrap();
    if !exists {
        drop_old_templates(&mut server).await;
        make_template(&mut server, server_url, &template).await;
    }
    server.close().await.unwrap();
    template
}

/// Under another name first: a half-made template must never be found.
async fn make_template(server: &mut PgConnection, server_url: &str, template: &str) {
    let unfinished = format!("{template}_unfinished");
    for statement in [
        format!("drop database if exists {unfinished}"),
        format!("create database {unfinished}"),
    ] {
        server.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let mut database = PgConnection::connect(&with_database(server_url, &unfinished))
        .await
        .unwrap();
    MIGRATOR.run(&mut database).await.unwrap();
    database
        .execute(AssertSqlSafe(transition_trigger()))
        .await
        .unwrap();
    database.close().await.unwrap();
    server
        .execute(AssertSqlSafe(format!(
            "alter database {unfinished} rename to {template}"
        )))
        .await
        .unwrap();
}

/// Those from before yesterday. Somebody who has just asked for yesterday's may be about to clone it.
async fn drop_old_templates(server: &mut PgConnection) {
    let old: Vec<String> = sqlx::query_scalar(
        r"select datname from pg_database, to_char((now() at time zone 'utc')::date - 1, 'YYYYMMDD') yesterday
          where datname like 'tandem\_template\_%'
            and coalesce(substring(datname from '_(\d{8})(_unfinished)?$'), '') < yesterday",
    )
    .fetch_all(&mut *server)
    .await
    .unwrap();
    for name in old {
        server
            .execute(AssertSqlSafe(format!("drop database if exists {name}")))
            .await
            .unwrap();
    }
}

fn transition_trigger() -> String {
    let legal: Vec<String> = domain::state::transitions()
        .map(|(from, _, to)| format!("('{from}', '{to}')"))
        .collect();
    format!(
        "create function refuse_illegal_transition() returns trigger language plpgsql as $$
         begin
             if (old.state, new.state) not in (values {}) then
                 raise exception 'a job may not go from % to %', old.state, new.state;
             end if;
             return new;
         end $$;
         create trigger job_transition before update of state on job
             for each row when (old.state is distinct from new.state) execute function refuse_illegal_transition();",
        legal.join(", ")
    )
}

fn with_database(server_url: &str, name: &str) -> String {
    let (server, _) = server_url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

#[expect(clippy::disallowed_methods, reason = "tests need no repeatable names")]
fn random() -> Uuid {
    Uuid::new_v4()
}
