//! `tandem migrate` and `tandem found-operator`, with secrets of AWS and an administrator who is no superuser.

use std::str::FromStr as _;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::world::{Ran, run, tandem};

pub(crate) const PEPPER: &str = "0123456789abcdef0123456789abcdef";

/// An environment without anything: an empty database, its administrator, and secrets without values.
pub(crate) struct Account {
    client: Client,
    endpoint: String,
    superuser: PgConnection,
    administrator: String,
    pub(crate) server: PgConnectOptions,
    pub(crate) database: String,
    pub(crate) api: String,
    pub(crate) worker: String,
    pub(crate) pepper: String,
    pub(crate) operator_key: String,
    pub(crate) verify_key: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by whoever runs them"
)]
fn endpoint() -> String {
    std::env::var("TANDEM_TEST_SQS_ENDPOINT")
        .expect("run `cargo xtask test`, which starts the emulator of AWS")
}

#[expect(clippy::disallowed_methods, reason = "tests need no repeatable ids")]
fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl Account {
    pub(crate) async fn new() -> Self {
        // Has the roles be there, which belong to the whole server.
        drop(testkit::TestDb::create().await);
        let mut account = Self::on(&testkit::server_url()).await;
        let administrator = account.administrator.clone();
        let roles =
            format!("grant tandem_owner, tandem_api, tandem_worker to {administrator} with admin option");
        account.sql(roles).await;
        account
    }

    /// On a server of which only the superuser's URL is known.
    pub(crate) async fn on(server_url: &str) -> Self {
        let mut superuser = PgConnection::connect(server_url).await.unwrap();
        let id = random();
        let (administrator, database) = (format!("administrator_{id}"), format!("tandem_test_{id}"));
        for statement in [
            format!("create role {administrator} login createrole createdb password 'theirs'"),
            format!("create database {database} owner {administrator}"),
        ] {
            superuser.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        let endpoint = endpoint();
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .endpoint_url(&endpoint);
        let client = Client::from_conf(config.build());
        let mut arns = Vec::new();
        for name in ["api", "worker", "pepper", "operator-key", "verify-key"] {
            let made = client.create_secret().name(format!("tandem-{id}/{name}"));
            arns.push(made.send().await.unwrap().arn.unwrap());
        }
        let [api, worker, pepper, operator_key, verify_key] = arns.try_into().unwrap();
        Self {
            client,
            endpoint,
            superuser,
            administrator,
            server: PgConnectOptions::from_str(server_url).unwrap(),
            database,
            api,
            worker,
            pepper,
            operator_key,
            verify_key,
        }
    }

    /// Runs a command as the task on AWS does.
    pub(crate) async fn tandem(&self, arguments: &[&str]) -> Ran {
        let (host, port) = (self.server.get_host(), self.server.get_port());
        let mut command = tandem(arguments);
        command
            .env(
                "DATABASE_URL",
                format!("postgres://{host}:{port}/{}", self.database),
            )
            .envs([("PGUSER", self.administrator.as_str()), ("PGPASSWORD", "theirs")])
            .envs([
                ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
                ("AWS_REGION", "eu-central-1"),
            ])
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .env("TANDEM_API_LOGIN_SECRET_ARN", &self.api)
            .env("TANDEM_WORKER_LOGIN_SECRET_ARN", &self.worker)
            .env("TANDEM_PEPPER_SECRET_ARN", &self.pepper)
            .env("TANDEM_OPERATOR_KEY_SECRET_ARN", &self.operator_key)
            .env("TANDEM_VERIFY_KEY_SECRET_ARN", &self.verify_key)
            .env("TANDEM_KEY_ENVIRONMENT", "test");
        run(command).await
    }

    pub(crate) async fn migrate(&self) -> Ran {
        let ran = self.tandem(&["migrate"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran
    }

    pub(crate) async fn value(&self, arn: &str) -> String {
        let value = self.client.get_secret_value().secret_id(arn).send();
        value.await.unwrap().secret_string.unwrap()
    }

    pub(crate) async fn put(&self, arn: &str, value: &str) {
        let put = self.client.put_secret_value().secret_id(arn).secret_string(value);
        put.send().await.unwrap();
    }

    async fn login(&self, arn: &str) -> Value {
        serde_json::from_str(&self.value(arn).await).unwrap()
    }

    /// Whether the login of a secret is let in, and may be what its program is.
    pub(crate) async fn works(&self, arn: &str, role: &str) -> bool {
        let login = self.login(arn).await;
        let text = |name: &str| login[name].as_str().unwrap().to_owned();
        assert_eq!(
            (text("dbname"), login["port"].as_u64()),
            (self.database.clone(), Some(self.server.get_port().into()))
        );
        let options = self.server.clone().database(&self.database);
        let options = options.username(&text("username")).password(&text("password"));
        let Ok(mut connection) = PgConnection::connect_with(&options).await else {
            return false;
        };
        let become_it = AssertSqlSafe(format!("set role {role}; select count(*) from _sqlx_migrations"));
        connection.execute(become_it).await.is_ok()
    }

    async fn sql(&mut self, statement: String) {
        self.superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }

    /// Logins belong to the whole server, on which other tests have theirs.
    pub(crate) async fn name_logins(&self) {
        for (arn, program) in [(&self.api, "api"), (&self.worker, "worker")] {
            let name = format!("{program}_of_{}", self.database);
            let (host, port) = (self.server.get_host(), self.server.get_port());
            let login = json!({
                "username": name, "password": random(), "host": host, "port": port, "dbname": self.database,
            });
            self.put(arn, &login.to_string()).await;
        }
    }
}

/// One test of the names that are made up, because they belong to the whole server.
#[tokio::test]
async fn a_first_run_makes_everything_and_a_second_one_nothing() {
    let mut account = Account::new().await;
    let first = account.migrate().await;
    assert!(account.works(&account.api, "tandem_api").await, "{first:?}");
    assert!(account.works(&account.worker, "tandem_worker").await, "{first:?}");
    assert!(!account.works(&account.api, "tandem_worker").await);
    let values = [
        &account.api,
        &account.worker,
        &account.pepper,
        &account.verify_key,
    ];
    let before = futures::future::join_all(values.map(|arn| account.value(arn))).await;
    assert!(before[2].len() >= 64, "a pepper of 48 bytes");

    let second = account.migrate().await;
    assert!(
        second.err.contains("at version") && second.err.contains("works"),
        "{second:?}"
    );
    assert!(
        !second.err.contains("was made") && !second.err.contains("was changed"),
        "{second:?}"
    );
    let after = futures::future::join_all(values.map(|arn| account.value(arn))).await;
    assert_eq!(before, after);
    for ran in [first, second] {
        for value in ["password", before[2].as_str(), before[3].as_str()] {
            assert!(!ran.err.contains(value) && !ran.out.contains(value), "{ran:?}");
        }
        for arn in [&account.api, &account.worker] {
            let password = account.login(arn).await["password"].as_str().unwrap().to_owned();
            assert!(
                !ran.err.contains(&password) && !ran.out.contains(&password),
                "{ran:?}"
            );
        }
    }
    let made = [&account.api, &account.worker].map(|arn| account.login(arn));
    let [api, worker] = futures::future::join_all(made).await.try_into().unwrap();
    let [api, worker] = [&api, &worker].map(|login| login["username"].as_str().unwrap());
    account.sql(format!("drop role {api}, {worker}")).await;
}

#[tokio::test]
async fn what_a_run_that_was_cut_off_has_left_is_finished() {
    let mut account = Account::new().await;
    // The secrets have their values, and nothing else is there.
    account.name_logins().await;
    account.migrate().await;
    let (api, worker) = (
        account.login(&account.api).await,
        account.login(&account.worker).await,
    );
    let [api, worker] = [api, worker].map(|login| login["username"].as_str().unwrap().to_owned());
    for left in [
        // One login is made, the other is not.
        format!("drop role {worker}"),
        // A login has no role yet, or a password that nobody knows.
        format!(
            "drop role {api}; set role {}; create role {api} login",
            account.administrator
        ),
        format!("alter role {worker} password 'of nobody'"),
    ] {
        account.sql(format!("{left}; reset role")).await;
        account.migrate().await;
        assert!(account.works(&account.api, "tandem_api").await, "{left}");
        assert!(account.works(&account.worker, "tandem_worker").await, "{left}");
    }
}

#[tokio::test]
async fn a_password_that_somebody_has_changed_in_the_secret_is_given_to_the_login() {
    let account = Account::new().await;
    account.name_logins().await;
    let (a, b) = tokio::join!(account.migrate(), account.migrate());
    let made = |ran: &Ran| ran.err.matches("\" was made").count();
    // Each of the two logins was made by one of them.
    assert_eq!(made(&a) + made(&b), 2, "{a:?} {b:?}");
    account.name_logins().await;
    assert!(!account.works(&account.api, "tandem_api").await);
    let changed = account.migrate().await;
    assert_eq!(changed.err.matches("was changed").count(), 2, "{changed:?}");
    assert!(account.works(&account.api, "tandem_api").await);
    assert!(account.works(&account.worker, "tandem_worker").await);
}

#[tokio::test]
async fn secrets_of_a_wrong_shape_are_told_all_at_once_before_anything_is_done() {
    let mut account = Account::new().await;
    account.put(&account.api, "hunter2").await;
    account
        .put(&account.worker, r#"{"username":"a","password":"hunter2"}"#)
        .await;
    account.put(&account.pepper, "hunter2").await;
    account.put(&account.verify_key, "hunter2").await;
    let ran = account.tandem(&["migrate"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    for (arn, told) in [
        (
            &account.api,
            "must be a JSON object with username and password as texts",
        ),
        (&account.worker, "its password must have at least 16 characters"),
        (&account.pepper, "must have at least 32 characters"),
        (&account.verify_key, "must hold an API key or nothing"),
    ] {
        assert!(ran.err.contains(&format!("the secret {arn} {told}")), "{ran:?}");
    }
    assert!(!ran.err.contains("hunter2"), "{ran:?}");
    let options = account.server.clone().database(&account.database);
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let untouched: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is null")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(untouched, "the database was changed");

    // Names with another use are seen once the database is asked.
    let taken = json!({ "username": "tandem_owner", "password": PEPPER }).to_string();
    account.put(&account.api, &taken).await;
    account.put(&account.pepper, PEPPER).await;
    // One without a value.
    account.verify_key.clone_from(&account.operator_key);
    let login = json!({ "username": format!("w_{}", account.database), "password": PEPPER });
    account.put(&account.worker, &login.to_string()).await;
    let ran = account.tandem(&["migrate"]).await;
    assert!(
        ran.code == 1 && ran.err.contains("not \"tandem_owner\""),
        "{ran:?}"
    );
    account.worker = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:missing-AbCdEf".to_owned();
    account.name_api().await;
    let ran = account.tandem(&["migrate"]).await;
    assert!(
        ran.code == 1
            && ran
                .err
                .contains(&format!("there is no secret {}", account.worker)),
        "{ran:?}"
    );
}

impl Account {
    async fn name_api(&self) {
        let login = json!({ "username": format!("a_{}", self.database), "password": PEPPER });
        self.put(&self.api, &login.to_string()).await;
    }

    pub(crate) async fn how_many(&self, what: &str) -> i64 {
        let options = self.server.clone().database(&self.database);
        let mut connection = PgConnection::connect_with(&options).await.unwrap();
        let query = AssertSqlSafe(format!("select count(*) from {what}"));
        sqlx::query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }
}
