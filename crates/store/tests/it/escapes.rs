//! Attempts to reach another tenant's rows, on every table that has any. The tables come from the catalogue, so a new one
//! is attacked without a word here.

mod catalogue;
mod pool;
mod rights;

use std::collections::BTreeMap;

use domain::TenantId;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use testkit::TestDb;

use catalogue::{Table, tables};

/// A role that a process logs in as, and the two tenants of each attempt.
struct Scene {
    db: TestDb,
    login: String,
    victim: TenantId,
    attacker: TenantId,
    tables: Vec<Table>,
}

/// How an attempt may end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Outcome {
    Denied,
    NoRows,
}

impl Scene {
    /// Rows of both tenants in every table.
    async fn new() -> Self {
        let db = TestDb::create().await;
        let (victim, attacker) = (db.tenant().await, db.tenant().await);
        let mut superuser = db.superuser().await;
        let login = format!("login_{}", crate::world::random().simple());
        let make = format!("create role {login} login password 'secret'");
        superuser.execute(AssertSqlSafe(make)).await.unwrap();
        let tables = tables(&mut superuser).await;
        catalogue::seed(&mut superuser, &tables, &[victim, attacker]).await;
        Self {
            db,
            login,
            victim,
            attacker,
            tables,
        }
    }

    /// A connection as a process makes it: its login becomes the role, and is a member of no other.
    async fn connect(&self, role: &str) -> PgConnection {
        let mut superuser = self.db.superuser().await;
        let login = &self.login;
        let grant = format!("revoke tandem_api, tandem_worker from {login}; grant {role} to {login}");
        sqlx::raw_sql(AssertSqlSafe(grant))
            .execute(&mut superuser)
            .await
            .unwrap();
        let options: PgConnectOptions = self.db.url().parse().unwrap();
        let options = options
            .username(login)
            .password("secret")
            .options([("role", role)]);
        PgConnection::connect_with(&options).await.unwrap()
    }

    /// What a tenant has, in every table, so that a change shows.
    async fn fingerprint(&self, tenant_id: TenantId) -> BTreeMap<String, Option<String>> {
        let mut superuser = self.db.superuser().await;
        let mut prints = BTreeMap::new();
        for table in &self.tables {
            let statement = format!(
                "select md5(string_agg(t::text, ',' order by t::text)) from {} t where {} = '{tenant_id}'",
                table.name, table.tenant_column
            );
            let print: Option<String> = sqlx::query_scalar(AssertSqlSafe(statement))
                .fetch_one(&mut superuser)
                .await
                .unwrap();
            assert!(print.is_some(), "{} has no row of the tenant", table.name);
            prints.insert(table.name.clone(), print);
        }
        prints
    }

    async fn end(self) {
        let mut superuser = self.db.superuser().await;
        let drop = format!(
            "revoke tandem_api, tandem_worker from {0}; drop role {0}",
            self.login
        );
        sqlx::raw_sql(AssertSqlSafe(drop))
            .execute(&mut superuser)
            .await
            .unwrap();
    }
}

/// Runs what must not work: refused, or without any row.
async fn attempt(connection: &mut PgConnection, statement: &str) -> Outcome {
    match connection.execute(AssertSqlSafe(statement.to_owned())).await {
        Ok(done) => {
            assert_eq!(done.rows_affected(), 0, "{statement}");
            Outcome::NoRows
        }
        Err(error) => {
            let refusal = error.to_string();
            let denied = [
                "permission denied",
                "row-level security",
                "must be owner",
                "append-only",
            ];
            assert!(
                denied.iter().any(|reason| refusal.contains(reason)),
                "{statement}: {refusal}"
            );
            Outcome::Denied
        }
    }
}

/// What a connection of the pool may have behind it when the next request gets it.
const PASTS: [(&str, &[&str]); 7] = [
    ("no tenant", &[]),
    (
        "an empty tenant",
        &["select set_config('app.tenant_id', '', false)"],
    ),
    (
        "another tenant",
        &["select set_config('app.tenant_id', 'ATTACKER', false)"],
    ),
    (
        "a rollback",
        &["begin; set local app.tenant_id = 'VICTIM'", "rollback"],
    ),
    (
        "a commit",
        &["begin; set local app.tenant_id = 'VICTIM'", "commit"],
    ),
    (
        "a failure",
        &[
            "begin; set local app.tenant_id = 'VICTIM'",
            "select 1 / 0",
            "rollback",
        ],
    ),
    (
        "a cancelled statement",
        &[
            "begin; set local app.tenant_id = 'VICTIM'; set local statement_timeout = 1",
            "select pg_sleep(10)",
            "rollback",
        ],
    ),
];

#[tokio::test]
async fn no_table_gives_another_tenants_rows_or_takes_any() {
    let scene = Scene::new().await;
    let before = scene.fingerprint(scene.victim).await;
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    for (past, statements) in PASTS {
        let mut connection = scene.connect("tandem_api").await;
        for statement in statements {
            let statement = statement
                .replace("VICTIM", &scene.victim.to_string())
                .replace("ATTACKER", &scene.attacker.to_string());
            // One of them fails, and has to.
            drop(
                sqlx::raw_sql(AssertSqlSafe(statement))
                    .execute(&mut connection)
                    .await,
            );
        }
        for table in &scene.tables {
            for statement in table.attempts(scene.victim, scene.attacker) {
                let outcome = attempt(&mut connection, &statement).await;
                *counts.entry(outcome).or_default() += 1;
            }
        }
        let mine: String = sqlx::query_scalar("select current_setting('app.tenant_id', true)")
            .fetch_optional(&mut connection)
            .await
            .map(Option::unwrap_or_default)
            .unwrap_or_default();
        assert_ne!(mine, scene.victim.to_string(), "after {past}");
    }
    assert_eq!(
        before,
        scene.fingerprint(scene.victim).await,
        "nothing has changed"
    );

    let seen = rows_that_the_owner_sees(&scene).await;
    tell(&format!(
        "{} tables, {} pasts of a connection: {} attempts denied, {} without a row; as the rows' own tenant {seen} tables show them",
        scene.tables.len(),
        PASTS.len(),
        counts[&Outcome::Denied],
        counts[&Outcome::NoRows],
    ));
    scene.end().await;
}

/// The counterpart, without which "no rows" could mean that there are none: how many tables show a tenant its own.
async fn rows_that_the_owner_sees(scene: &Scene) -> usize {
    let mut connection = scene.connect("tandem_api").await;
    let name = format!("select set_config('app.tenant_id', '{}', false)", scene.victim);
    connection.execute(AssertSqlSafe(name)).await.unwrap();
    let mut seen = 0;
    for table in scene.tables.iter().filter(|table| table.api_may_select) {
        let count = format!(
            "select count(*) from {} where {} = '{}'",
            table.name, table.tenant_column, scene.victim
        );
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert!(rows > 0, "{}", table.name);
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
    seen
}

#[tokio::test]
async fn the_worker_moves_no_row_to_another_tenant_and_reaches_nothing_without_a_grant() {
    let scene = Scene::new().await;
    let mut connection = scene.connect("tandem_worker").await;
    let before = scene.fingerprint(scene.victim).await;
    let (mut moves, mut out_of_reach) = (0, 0);
    for table in &scene.tables {
        let (name, column) = (&table.name, &table.tenant_column);
        let take = format!(
            "update {name} set {column} = '{}' where {column} = '{}'",
            scene.attacker, scene.victim
        );
        assert_eq!(attempt(&mut connection, &take).await, Outcome::Denied, "{take}");
        moves += 1;
        if table.worker_has_a_grant {
            continue;
        }
        for statement in table.attempts(scene.victim, scene.attacker) {
            assert_eq!(
                attempt(&mut connection, &statement).await,
                Outcome::Denied,
                "{statement}"
            );
            out_of_reach += 1;
        }
    }
    assert_eq!(before, scene.fingerprint(scene.victim).await);
    assert!(out_of_reach > 100, "{out_of_reach}");
    tell(&format!(
        "worker: {moves} moves to another tenant denied, {out_of_reach} attempts on tables without a grant denied"
    ));
    scene.end().await;
}

#[expect(clippy::print_stderr, reason = "what was counted is to be read")]
fn tell(text: &str) {
    eprintln!("{text}");
}
