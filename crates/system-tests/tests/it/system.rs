//! A database, an api process, and as many worker processes as a test wants.

use std::ops::Deref;
use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::{TestDb, eventually};

use crate::aws;
use crate::database::{Database, PrivatePostgres};
use crate::process::{Process, binary, free_addr};

const PEPPER: &str = "a pepper that only tests use, long enough";

/// Variables of processes.
pub(crate) type Environment = Vec<(String, String)>;

pub(crate) struct System {
    pub(crate) db: Database,
    pub(crate) api: Process,
    client: Client,
    environment: Environment,
}

/// Everything that a system is made of.
pub(crate) struct Setup {
    database: Database,
    environment: Environment,
}

impl Setup {
    /// On a database of the shared server, which is the queue too.
    pub(crate) async fn shared() -> Self {
        Self::on(Database::Shared(TestDb::create().await))
    }

    /// On a server of its own, with a migrated database.
    pub(crate) async fn private() -> Self {
        let setup = Self::on(Database::Private(PrivatePostgres::start().await));
        tandem(&["migrate"], &setup.for_operator());
        setup
    }

    /// On a database of the shared server, with a queue of its own on the SQS-protocol server.
    pub(crate) async fn on_sqs() -> Self {
        let queue_url = aws::create_queue().await;
        Self::shared().await.on_queue(&queue_url, &aws::endpoint())
    }

    fn on(database: Database) -> Self {
        let mut setup = Self {
            environment: vec![("DATABASE_URL".to_owned(), database.url())],
            database,
        };
        setup.set("TANDEM_KEY_PEPPER", PEPPER);
        setup.set("TANDEM_RATE_LIMIT_PER_SECOND", "100000");
        setup.set("TANDEM_RATE_LIMIT_BURST", "100000");
        setup.set("TANDEM_TEST_HANDLERS", "true");
        setup.set("TANDEM_HTTP_TARGETS", "any");
        setup
    }

    /// Sets a variable of all processes.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(set, _)| set != name);
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// With a queue of its own, that is reached at `endpoint`.
    pub(crate) fn on_queue(mut self, queue_url: &str, endpoint: &str) -> Self {
        self.set("TANDEM_QUEUE", "sqs");
        self.set("TANDEM_QUEUES", "default");
        self.set("TANDEM_SQS_QUEUE_URLS", &format!("default={queue_url}"));
        self.set_aws(endpoint);
        self
    }

    /// Tells the processes where AWS is.
    pub(crate) fn set_aws(&mut self, endpoint: &str) {
        self.set("AWS_ENDPOINT_URL", endpoint);
        self.set("AWS_ACCESS_KEY_ID", "test");
        self.set("AWS_SECRET_ACCESS_KEY", "test");
        self.set("AWS_REGION", "us-east-1");
    }

    /// An operator comes as the superuser, however the processes come.
    fn for_operator(&self) -> Environment {
        let mut environment = self.environment.clone();
        environment.retain(|(name, _)| !name.starts_with("TANDEM_DATABASE_"));
        environment.push(("DATABASE_URL".to_owned(), self.database.url()));
        environment
    }

    /// Starts the api and waits until it takes requests.
    pub(crate) async fn start(self) -> System {
        let for_operator = self.for_operator();
        tandem(&["tenants", "create", "acme"], &for_operator);
        let mut create_key = vec!["keys", "create", "--tenant", "acme", "--name", "tests"];
        create_key.extend(["--scopes", "jobs:read,jobs:write,ops"]);
        let api_key = tandem(&create_key, &for_operator).trim().to_owned();
        let addr = free_addr();
        let mut for_api = self.environment.clone();
        for_api.push(("TANDEM_API_ADDR".to_owned(), addr.to_string()));
        let system = System {
            db: self.database,
            api: Process::start("api", &for_api),
            client: Client {
                url: format!("http://{addr}"),
                api_key,
                http: reqwest::Client::new(),
            },
            environment: self.environment,
        };
        eventually("readiness of the api", Duration::from_secs(30), || async {
            (system.status("/ready").await == 200).then_some(())
        })
        .await;
        system
    }
}

impl System {
    /// On Postgres alone.
    pub(crate) async fn embedded() -> Self {
        Setup::shared().await.start().await
    }

    /// On a queue of its own on the SQS-protocol server.
    pub(crate) async fn on_sqs() -> Self {
        Setup::on_sqs().await.start().await
    }

    pub(crate) fn worker(&self) -> Process {
        self.worker_with(&[])
    }

    pub(crate) fn worker_with(&self, settings: &[(&str, &str)]) -> Process {
        Process::start("worker", &self.environment_with(settings))
    }

    /// The variables of all processes, and more; the last of two with one name stands.
    pub(crate) fn environment_with(&self, settings: &[(&str, &str)]) -> Environment {
        let mut environment = self.environment.clone();
        let more = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        environment.extend(more);
        environment
    }

    /// A client for a task of its own.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client with a key of its own.
    pub(crate) fn client_with(&self, scopes: &str) -> Client {
        let create_key = [
            "keys", "create", "--tenant", "acme", "--name", "more", "--scopes", scopes,
        ];
        Client {
            api_key: tandem(&create_key, &self.environment).trim().to_owned(),
            ..self.client()
        }
    }

    /// Does something to the database, as the superuser who may everything.
    pub(crate) async fn sql(&self, statement: &'static str) {
        let mut superuser = self.db.superuser().await;
        sqlx::raw_sql(statement).execute(&mut superuser).await.unwrap();
    }

    /// Asks the database, as the superuser who sees everything.
    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        let mut superuser = self.db.superuser().await;
        sqlx::query_scalar(query).fetch_one(&mut superuser).await.unwrap()
    }

    pub(crate) async fn until_count(&self, what: &str, query: &'static str, expected: i64, limit: Duration) {
        eventually(what, limit, || async {
            (self.count(query).await == expected).then_some(())
        })
        .await;
    }

    pub(crate) async fn all_succeed(&self, jobs: i64, limit: Duration) {
        let succeeded = "select count(*) from job where state = 'succeeded'";
        self.until_count("success of all jobs", succeeded, jobs, limit)
            .await;
    }
}

impl Deref for System {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Somebody with a key.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    api_key: String,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn request_post(&self, path: &str) -> RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.url));
        request.header("x-api-key", &self.api_key)
    }

    pub(crate) fn request_get(&self, path: &str) -> RequestBuilder {
        let request = self.http.get(format!("{}{path}", self.url));
        request.header("x-api-key", &self.api_key)
    }

    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Where the api listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.request_get(path).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().await.unwrap()
    }

    /// The status of a route; 0 when there is no answer within five seconds.
    pub(crate) async fn status(&self, path: &str) -> u16 {
        let request = self.http.get(format!("{}{path}", self.url));
        let answer = request.timeout(Duration::from_secs(5)).send().await;
        answer.map_or(0, |response| response.status().as_u16())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.request_post(path).json(body).send().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Response {
        let request = self.http.put(format!("{}{path}", self.url));
        let request = request.header("x-api-key", &self.api_key).json(body);
        request.send().await.unwrap()
    }

    /// Submits a batch and gives the ids.
    pub(crate) async fn submit_batch(&self, jobs: Vec<Value>) -> Vec<String> {
        let response = self.post("/api/jobs/batch", &json!({ "jobs": jobs })).await;
        assert_eq!(response.status(), 202);
        let answer: Value = response.json().await.unwrap();
        answer["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// What an operator does: by the command line.
fn tandem(arguments: &[&str], environment: &[(String, String)]) -> String {
    let output = std::process::Command::new(binary("tandem"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().cloned())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}
