//! What jobs of kind `http.request` call: answers as it is told, and keeps what it got.

use std::collections::HashMap;
use std::time::Duration;

use wiremock::matchers::{any, header};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) struct Receiver(MockServer);

impl Receiver {
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_json(serde_json::json!({"thanks": true}));
        Mock::given(any()).respond_with(answer).mount(&server).await;
        Self(server)
    }

    /// Keeps the first attempt of each job waiting.
    pub(crate) async fn slow_at_first(delay: Duration) -> Self {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(204);
        let first = Mock::given(header("tandem-attempt", "1"));
        first
            .respond_with(answer.clone().set_delay(delay))
            .mount(&server)
            .await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        Self(server)
    }

    /// Listens where something has been down until now.
    pub(crate) async fn start_at(addr: std::net::SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind(addr).unwrap();
        let server = MockServer::builder().listener(listener).start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        Self(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/hook", self.0.uri())
    }

    /// The request of a job.
    pub(crate) async fn request(&self, job_id: &str) -> Request {
        let requests = self.0.received_requests().await.unwrap();
        let mut of_job = requests
            .into_iter()
            .filter(|request| request.headers["webhook-id"] == job_id);
        of_job.next().unwrap()
    }

    /// How often each `webhook-id` was received.
    pub(crate) async fn received(&self) -> HashMap<String, usize> {
        let mut received = HashMap::new();
        for request in self.0.received_requests().await.unwrap() {
            let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
            *received.entry(id).or_default() += 1;
        }
        received
    }
}
