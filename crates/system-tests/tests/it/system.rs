//! A database, an api process, and as many worker processes as a test wants.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use testkit::{TestDb, eventually};

use crate::process::{Process, free_addr};
use crate::sqs;

const PEPPER: &str = "a pepper that only tests use, long enough";

pub(crate) struct System {
    pub(crate) db: TestDb,
    pub(crate) api: Process,
    pub(crate) url: String,
    pub(crate) api_key: String,
    environment: Vec<(String, String)>,
    http: reqwest::Client,
}

impl System {
    /// On Postgres alone.
    pub(crate) async fn embedded() -> Self {
        Self::start(Vec::new()).await
    }

    /// On a queue of its own on the SQS-protocol server.
    pub(crate) async fn on_sqs() -> Self {
        let queue_url = sqs::create_queue().await;
        let settings = [
            ("TANDEM_QUEUE", "sqs"),
            ("TANDEM_QUEUES", "default"),
            ("TANDEM_SQS_QUEUE_URLS", &format!("default={queue_url}")),
            ("AWS_ENDPOINT_URL", &sqs::endpoint()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ];
        Self::start(
            settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        )
        .await
    }

    async fn start(mut environment: Vec<(String, String)>) -> Self {
        let db = TestDb::create().await;
        let mut set = |name: &str, value: &str| environment.push((name.to_owned(), value.to_owned()));
        set("DATABASE_URL", &db.url());
        set("TANDEM_KEY_PEPPER", PEPPER);
        set("TANDEM_RATE_LIMIT_PER_SECOND", "100000");
        set("TANDEM_RATE_LIMIT_BURST", "100000");
        set("TANDEM_TEST_HANDLERS", "true");
        set("TANDEM_HTTP_TARGETS", "any");
        let addr = free_addr();
        let mut for_api = environment.clone();
        for_api.push(("TANDEM_API_ADDR".to_owned(), addr.to_string()));
        let api = Process::start("api", &for_api);
        let api_key = create_key(&environment).await;
        let url = format!("http://{addr}");
        let system = Self {
            db,
            api,
            url,
            api_key,
            environment,
            http: reqwest::Client::new(),
        };
        system.ready().await;
        system
    }

    async fn ready(&self) {
        eventually("readiness of the api", Duration::from_secs(30), || async {
            let response = self.http.get(format!("{}/ready", self.url)).send().await.ok()?;
            response.status().is_success().then_some(())
        })
        .await;
    }

    pub(crate) fn worker(&self) -> Process {
        self.worker_with(&[])
    }

    pub(crate) fn worker_with(&self, settings: &[(&str, &str)]) -> Process {
        let mut environment = self.environment.clone();
        environment.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        Process::start("worker", &environment)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self
            .http
            .get(format!("{}{path}", self.url))
            .header("x-api-key", &self.api_key);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("x-api-key", &self.api_key);
        request.json(body).send().await.unwrap()
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

    /// Asks the database, as the superuser who sees everything.
    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        let mut superuser = self.db.superuser().await;
        sqlx::query_scalar(query).fetch_one(&mut superuser).await.unwrap()
    }

    pub(crate) async fn all_succeed(&self, jobs: i64, limit: Duration) {
        eventually("success of all jobs", limit, || async {
            (self
                .count("select count(*) from job where state = 'succeeded'")
                .await
                == jobs)
                .then_some(())
        })
        .await;
    }
}

/// Makes a tenant and a key as an operator does: by the command line.
async fn create_key(environment: &[(String, String)]) -> String {
    let tandem = |arguments: &[&str]| {
        let binary = std::env::current_exe()
            .unwrap()
            .ancestors()
            .nth(2)
            .unwrap()
            .join("tandem");
        let output = std::process::Command::new(binary)
            .args(arguments)
            .env_clear()
            .envs(environment.iter().cloned())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    tandem(&["tenants", "create", "acme"]);
    tandem(&["keys", "create", "--tenant", "acme", "--name", "tests"])
        .trim()
        .to_owned()
}
