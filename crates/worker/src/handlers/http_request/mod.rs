//! `http.request`: pushes a signed request to any HTTP endpoint.
//!
//! It follows Standard Webhooks: `webhook-id` is the job's id and so the same on every attempt, by which a receiver
//! tells a repetition; `webhook-timestamp` is the attempt's own; `webhook-signature` is made with the tenant's secret.
//! A status of 2xx is success, whatever happens to the body after it; 410 ends the job; everything else is tried again,
//! after `Retry-After` if the receiver sends it with 429 or 503. What a receiver answers is taken for hostile.

mod answer;
mod guard;
mod payload;
mod retry_after;
mod sign;

use std::sync::Arc;
use std::time::Duration;

use domain::FailureCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Request};
use store::Store;
use tokio::time::{Instant, timeout};

pub use guard::Targets;
pub use payload::HttpRequestPayload;

use crate::error::Error;
use crate::handler::{Done, Handler, JobError, JobScope, payload_schema};

/// How long a connection may take to come about, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most idle connections that are kept to one host.
const MAX_IDLE_PER_HOST: usize = 16;
/// How long before the end of its time an attempt stops reading a body, to tell what it has.
const MARGIN: Duration = Duration::from_millis(200);
const USER_AGENT: &str = concat!("tandem/", env!("CARGO_PKG_VERSION"));
const ATTEMPT_HEADER: &str = "tandem-attempt";
const TRACEPARENT_HEADER: &str = "traceparent";

/// Pushes requests.
#[derive(Debug)]
pub struct HttpRequest {
    client: Client,
    secrets: sign::Secrets,
    targets: Targets,
}

impl HttpRequest {
    /// A handler that reads the tenants' secrets from `store` and sends to [`Targets::Any`].
    ///
    /// # Errors
    /// When TLS can't be set up on this machine.
    pub fn new(store: Store) -> Result<Self, Error> {
        Self::with_targets(store, Targets::Any)
    }

    /// As [`HttpRequest::new`], with a say in where requests may go. All requests of a handler share one client.
    ///
    /// # Errors
    /// When TLS can't be set up on this machine.
    pub fn with_targets(store: Store, targets: Targets) -> Result<Self, Error> {
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST);
        if targets == Targets::Public {
            client = client.dns_resolver(Arc::new(guard::PublicOnly));
        }
        Ok(Self {
            client: client.build().map_err(Error::HttpClient)?,
            secrets: sign::Secrets::new(store),
            targets,
        })
    }

    async fn request(&self, payload: HttpRequestPayload, scope: &JobScope) -> Result<Request, JobError> {
        let body = payload.body_text()?;
        let mut headers = payload.headers.0;
        if body.is_some() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        self.secrets
            .sign(scope, body.as_deref().unwrap_or_default(), &mut headers)
            .await?;
        add_context(scope, &mut headers);
        let mut request = Request::new(payload.method, payload.url);
        *request.headers_mut() = headers;
        *request.body_mut() = body.map(Into::into);
        Ok(request)
    }
}

impl Handler for HttpRequest {
    const KIND: &'static str = "http.request";
    type Payload = HttpRequestPayload;

    fn payload_schema() -> Option<schemars::Schema> {
        payload_schema::<HttpRequestPayload>()
    }

    async fn run(&self, payload: HttpRequestPayload, scope: JobScope) -> Result<Done, JobError> {
        guard::check(self.targets, &payload.url)?;
        let limit = payload.timeout();
        let request = self.request(payload, &scope).await?;
        let began = Instant::now();
        let answering = self.client.execute(request);
        let response = match limit {
            Some(limit) => timeout(limit, answering).await.map_err(|_| too_slow(limit))?,
            // The attempt's own timeout is told as such.
            None => answering.await,
        };
        let deadline = limit.map_or(scope.deadline, |limit| scope.deadline.min(began + limit));
        let body_deadline = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        answer::take(response.map_err(unreachable)?, began, body_deadline).await
    }
}

/// What lets a receiver tell attempts apart and go on with the trace.
fn add_context(scope: &JobScope, headers: &mut HeaderMap) {
    headers.insert(ATTEMPT_HEADER, HeaderValue::from(scope.attempt));
    let traceparent = scope
        .traceparent
        .as_deref()
        .and_then(|text| HeaderValue::from_str(text).ok());
    if let Some(traceparent) = traceparent
        && !headers.contains_key(TRACEPARENT_HEADER)
    {
        headers.insert(TRACEPARENT_HEADER, traceparent);
    }
}

fn too_slow(limit: Duration) -> JobError {
    let message = format!("the target did not answer within {} ms", limit.as_millis());
    JobError::retry_as(FailureCode::TargetUnreachable, message)
}

/// The URL stays out of the message: it may hold a secret.
fn unreachable(error: reqwest::Error) -> JobError {
    let message = format!(
        "the target can't be reached: {}",
        runtime::error_chain(&error.without_url())
    );
    JobError::retry_as(FailureCode::TargetUnreachable, message)
}
