//! The programs' logins, made by an administrator who is no superuser, as that of RDS.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use store::{Error, Login, LoginOutcome, PoolConfig, Role, Setup, Store};
use testkit::TestDb;

use crate::world::random;

/// What Postgres keeps of the password "pencil" (RFC 7677).
const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

/// An empty database of an administrator, and names for what is made.
struct Fresh {
    superuser: PgConnection,
    url: String,
    login: String,
    administrator: String,
}

impl Fresh {
    async fn new() -> Self {
        // Has the roles be there, which belong to the whole server.
        drop(testkit::TestDb::create().await);
        let id = random().simple().to_string();
        let mut superuser = PgConnection::connect(&testkit::server_url()).await.unwrap();
        let administrator = format!("administrator_{id}");
        for statement in [
            format!("create role {administrator} login createrole createdb password 'theirs'"),
            format!("grant tandem_owner, tandem_api, tandem_worker to {administrator} with admin option"),
            format!("create database tandem_test_{id} owner {administrator}"),
        ] {
            superuser.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        let server = PgConnectOptions::from_str(&testkit::server_url()).unwrap();
        let (host, port) = (server.get_host(), server.get_port());
        Self {
            superuser,
            url: format!("postgres://{administrator}:theirs@{host}:{port}/tandem_test_{id}"),
            login: format!("Login-{id}"),
            administrator,
        }
    }

    /// As the administrator: what somebody else has granted is not theirs to revoke.
    async fn sql(&mut self, statement: &str) {
        let statement = statement.replace("$login", &format!("\"{}\"", self.login));
        let statement = format!("set role {}; {statement}; reset role", self.administrator);
        self.superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }

    fn wanted(&self, role: Role) -> Login<'_> {
        Login {
            name: &self.login,
            password: "pencil",
            verifier: PENCIL,
            role,
        }
    }

    async fn ensure(&self, role: Role) -> LoginOutcome {
        let mut setup = Setup::begin(&self.url).await.unwrap();
        let outcome = setup.ensure_login(&self.wanted(role)).await.unwrap();
        setup.end().await.unwrap();
        outcome
    }

    /// What the login may do, as the program does it.
    async fn works(&self, role: Role) -> bool {
        let options = PgConnectOptions::from_str(&self.url).unwrap();
        let (host, port) = (options.get_host(), options.get_port());
        let url = format!(
            "postgres://{}:pencil@{host}:{port}/{}",
            self.login,
            options.get_database().unwrap()
        );
        let config = PoolConfig {
            max_connections: 1,
            // A login that is refused is tried for so long.
            acquire_timeout: Duration::from_secs(5),
            ..TestDb::pool_config()
        };
        let store = Store::open_url(&url, role, config).await.unwrap();
        store.schema_version().await.is_ok()
    }
}

#[tokio::test]
async fn an_administrator_without_superuser_migrates_and_makes_logins() {
    let fresh = Fresh::new().await;
    store::migrate(&fresh.url).await.unwrap();
    assert_eq!(fresh.ensure(Role::Api).await, LoginOutcome::Made);
    assert!(fresh.works(Role::Api).await);
    assert!(!fresh.works(Role::Worker).await, "a login is for one program");
    assert_eq!(fresh.ensure(Role::Api).await, LoginOutcome::Kept);
    let mut superuser = fresh.superuser;
    let kept: Option<String> = sqlx::query_scalar("select rolpassword from pg_authid where rolname = $1")
        .bind(&fresh.login)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(
        kept.as_deref(),
        Some(PENCIL),
        "the password itself was never sent"
    );
}

#[tokio::test]
async fn whatever_a_login_lacks_is_given_to_it() {
    let mut fresh = Fresh::new().await;
    store::migrate(&fresh.url).await.unwrap();
    fresh.ensure(Role::Worker).await;
    for broken in [
        "alter role $login password 'another one'",
        "alter role $login nologin",
        "revoke tandem_worker from $login",
        "alter role $login password null",
        "drop role $login; create role $login",
    ] {
        fresh.sql(broken).await;
        assert!(!fresh.works(Role::Worker).await, "{broken}");
        assert_eq!(
            fresh.ensure(Role::Worker).await,
            LoginOutcome::Changed,
            "{broken}"
        );
        assert!(fresh.works(Role::Worker).await, "{broken}");
    }
    // What no password mends is told.
    fresh
        .sql("alter role $login valid until '2001-01-01' password 'another one'")
        .await;
    assert_eq!(fresh.ensure(Role::Worker).await, LoginOutcome::Refused);
}

#[tokio::test]
async fn names_that_have_another_use_are_refused() {
    let fresh = Fresh::new().await;
    store::migrate(&fresh.url).await.unwrap();
    let mut setup = Setup::begin(&fresh.url).await.unwrap();
    for name in [
        "tandem_owner",
        "tandem_api",
        "tandem_worker",
        &fresh.administrator,
    ] {
        let login = Login {
            name,
            ..fresh.wanted(Role::Api)
        };
        assert_eq!(
            setup.ensure_login(&login).await.unwrap(),
            LoginOutcome::Reserved,
            "{name}"
        );
    }
    let quoted = format!("a\"'; drop role tandem_api; -- {}", random().simple());
    let login = Login {
        name: &quoted[..60],
        ..fresh.wanted(Role::Api)
    };
    assert_eq!(setup.ensure_login(&login).await.unwrap(), LoginOutcome::Made);
}

#[tokio::test]
async fn two_who_set_up_at_once_take_turns_and_one_who_may_not_is_told() {
    let fresh = Fresh::new().await;
    store::migrate(&fresh.url).await.unwrap();
    let at_once = (0..4).map(|_| fresh.ensure(Role::Api));
    let mut outcomes = futures::future::join_all(at_once).await;
    outcomes.sort_by_key(|outcome| *outcome == LoginOutcome::Kept);
    assert_eq!(outcomes[0], LoginOutcome::Made);
    assert!(
        outcomes[1..].iter().all(|outcome| *outcome == LoginOutcome::Kept),
        "{outcomes:?}"
    );

    let mut other = Fresh::new().await;
    store::migrate(&other.url).await.unwrap();
    let powerless = format!("alter role {} nocreaterole", other.administrator);
    other.superuser.execute(AssertSqlSafe(powerless)).await.unwrap();
    let mut setup = Setup::begin(&other.url).await.unwrap();
    let refused = setup.ensure_login(&other.wanted(Role::Api)).await;
    assert!(matches!(refused, Err(Error::Other(_))), "{refused:?}");
}
