//! The database's password is changed while clients submit and workers run jobs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Executor as _};

use crate::aws;
use crate::database::Database;
use crate::figures::{percentiles, tell};
use crate::load::{Answer, Load};
use crate::process::uuid;
use crate::system::Setup;
use crate::worker::Worker;

const CLIENTS: usize = 8;
const ROTATIONS: usize = 5;
const ANSWER_LIMIT: Duration = Duration::from_secs(5 + 5);

/// A role that both processes log in as, and the secret with its password.
struct Login {
    name: String,
    secret_arn: String,
    server: PgConnectOptions,
}

impl Login {
    async fn create(setup: &Setup) -> Self {
        let server: PgConnectOptions = setup.database().url().parse().unwrap();
        let name = format!("login_{}", uuid().replace('-', ""));
        let secret_arn = aws::create_secret(&secret(&name, "first", &server)).await;
        let login = Self {
            name,
            secret_arn,
            server,
        };
        let make = format!(
            "create role {} login password 'first' in role tandem_api, tandem_worker",
            login.name
        );
        login.execute(setup, make).await;
        login
    }

    async fn execute(&self, setup: &Setup, statement: String) {
        let mut superuser = setup.database().superuser().await;
        superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}

fn secret(name: &str, password: &str, server: &PgConnectOptions) -> Value {
    json!({
        "username": name, "password": password, "host": server.get_host(), "port": server.get_port(),
        "dbname": server.get_database(),
    })
}

/// Changes the password as a rotation does: first in the database, then in the secret. Worse than in a rotation, all
/// connections end in between, so that nobody has one and nobody can make one.
async fn rotate(database: &Database, login: &Login, password: &str) {
    let mut superuser = database.superuser().await;
    let name = &login.name;
    for statement in [
        format!("alter role {name} password '{password}'"),
        format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{name}'"),
    ] {
        superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    aws::put_secret(&login.secret_arn, &secret(name, password, &login.server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_password_is_followed_without_a_restart() {
    let mut setup = Setup::shared().await;
    let login = Login::create(&setup).await;
    setup.unset("DATABASE_URL");
    setup.set("TANDEM_DATABASE_SECRET_ARN", &login.secret_arn);
    setup.set("TANDEM_DATABASE_SSLMODE", "disable");
    setup.set_aws(&aws::endpoint());
    let system = setup.start().await;
    // The lease that production has, which no rotation may cost.
    let lease = [("TANDEM_LEASE_SECS", "30"), ("TANDEM_HEARTBEAT_SECS", "10")];
    let workers = [
        Worker::start(&system, "one", &lease).await,
        Worker::start(&system, "two", &lease).await,
    ];
    let load = Load::start(&system, CLIENTS, Duration::from_millis(10));
    load.until(100, Answer::accepted).await;

    for number in 0..ROTATIONS {
        rotate(&system.db, &login, &format!("password {number}")).await;
        let rotated_at = Instant::now();
        load.until(200, |answer| answer.accepted() && answer.asked_at > rotated_at)
            .await;
    }
    let answers = load.stop().await;
    let unfinished = "select count(*) from job where state <> 'succeeded'";
    system
        .until_count("success of all jobs", unfinished, 0, Duration::from_secs(60))
        .await;

    let failed: Vec<&Answer> = answers.iter().filter(|answer| !answer.accepted()).collect();
    let longest = answers.iter().map(|answer| answer.took).collect();
    let waits = "select (extract(epoch from max(started_at - run_at)) * 1000)::bigint from attempt join job on id = job_id";
    let longest_wait = Duration::from_millis(system.count(waits).await.unsigned_abs());
    tell(&format!(
        "{ROTATIONS} rotations under {} submits: {} failed; answers took {}; the longest wait for an attempt took {longest_wait:.1?}",
        answers.len(),
        failed.len(),
        percentiles(longest),
    ));
    answers.iter().for_each(|answer| answer.check(ANSWER_LIMIT));
    // Only what was under way when its connection was terminated: one request of each client at the most.
    assert!(failed.len() <= ROTATIONS * CLIENTS, "{failed:?}");
    for worker in &workers {
        assert_eq!(worker.status("/ready").await, 200);
    }
    let incarnations = "select count(*) from worker";
    assert_eq!(system.count(incarnations).await, 2, "no worker lost its lease");
}
