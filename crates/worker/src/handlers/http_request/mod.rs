//! `http.request`: pushes a signed request to any HTTP endpoint.
//!
//! It follows Standard Webhooks: `webhook-id` is the job's id and so the same on every attempt, by which a receiver
//! tells a repetition; `webhook-timestamp` is the attempt's own; `webhook-signature` is made with the tenant's secret, or
//! with all live secrets of the endpoint that the job names.
//! A status of 2xx is success, whatever happens to the body after it; 410 ends the job; everything else is tried again,
//! after `Retry-After` if the receiver sends it with 429 or 503. What a receiver answers is taken for hostile.
//!
//! A target that keeps failing is given a rest: its jobs wait, and no attempt of theirs is spent ([`domain::breaker`]).

mod answer;
mod breakers;
mod guard;
mod payload;
pub(crate) mod retry_after;
mod sign;
mod target;

use std::sync::Arc;
use std::time::Duration;

use domain::{BreakerPolicy, FailureCode, Health};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Request};
use store::Store;
use tokio::time::{Instant, timeout_at};

pub use guard::Targets;
pub use payload::HttpRequestPayload;

use crate::error::Error;
use crate::handler::{Done, Handler, JobError, JobScope};

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
    targets: Targets,
    finder: target::TargetFinder,
    breakers: breakers::Breakers,
}

/// How an exchange ended, and what that says about its target.
struct Exchanged {
    health: Health,
    outcome: Result<Done, JobError>,
}

impl HttpRequest {
    /// A handler that reads endpoints and secrets from `store` and sends to [`Targets::Any`].
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
        if targets != Targets::Any {
            client = client.dns_resolver(Arc::new(guard::AllowedOnly(targets)));
        }
        Ok(Self {
            client: client.build().map_err(Error::HttpClient)?,
            targets,
            breakers: breakers::Breakers::new(store.clone(), BreakerPolicy::default()),
            finder: target::TargetFinder {
                secrets: sign::Secrets::new(store.clone()),
                store,
            },
        })
    }

    /// The same, which gives targets a rest by another policy than the default.
    #[must_use]
    pub fn with_breaker(self, policy: BreakerPolicy) -> Self {
        let breakers = breakers::Breakers::new(self.finder.store.clone(), policy);
        Self { breakers, ..self }
    }

    async fn exchange(&self, request: Request, until: Until) -> Exchanged {
        let began = Instant::now();
        let deadline = until.deadline(began);
        let answer = match timeout_at(deadline, self.client.execute(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Exchanged::down(unreachable(error)),
            Err(_late) => return Exchanged::down(until.too_slow()),
        };
        Exchanged {
            health: Health::of_status(answer.status().as_u16()),
            outcome: answer::take(answer, began, until.body_deadline(began)).await,
        }
    }
}

impl Exchanged {
    fn down(error: JobError) -> Self {
        Self {
            health: Health::Down,
            outcome: Err(error),
        }
    }
}

impl Handler for HttpRequest {
    const KIND: &'static str = "http.request";
    type Payload = HttpRequestPayload;

    fn payload_schema() -> Option<schemars::Schema> {
        payload::schema()
    }

    async fn run(&self, payload: HttpRequestPayload, scope: JobScope) -> Result<Done, JobError> {
        let target = self.finder.find(payload.destination.clone(), &scope).await?;
        guard::check(self.targets, &target.url)?;
        let until = Until {
            limit: payload.timeout().or(target.timeout),
            attempt: scope.deadline,
        };
        let pass = self.breakers.admit(target.breaker.clone()).await?;
        let exchanged = self.exchange(request(payload, target, &scope)?, until).await;
        let error = exchanged.outcome.as_ref().err();
        self.breakers.judge(pass, exchanged.health, error).await;
        exchanged.outcome
    }
}

/// The request, signed. What the endpoint's owner has set stands against what the job wants.
fn request(
    payload: HttpRequestPayload,
    target: target::Target,
    scope: &JobScope,
) -> Result<Request, JobError> {
    let mut headers = payload.headers.0.clone();
    for (name, value) in &target.headers {
        headers.insert(name, value.clone());
    }
    let body = payload.body_text(&headers)?;
    if body.is_some() && !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    sign::sign(
        &target.signers,
        scope,
        body.as_deref().unwrap_or_default(),
        &mut headers,
    )?;
    add_context(scope, &mut headers);
    let mut request = Request::new(payload.method, target.url);
    *request.headers_mut() = headers;
    *request.body_mut() = body.map(Into::into);
    Ok(request)
}

/// How long an exchange may take.
#[derive(Clone, Copy, Debug)]
struct Until {
    /// What the payload or the endpoint says.
    limit: Option<Duration>,
    /// When the attempt is stopped.
    attempt: Instant,
}

impl Until {
    fn deadline(self, began: Instant) -> Instant {
        let attempt = self.attempt.checked_sub(MARGIN).unwrap_or(self.attempt);
        self.limit.map_or(attempt, |limit| attempt.min(began + limit))
    }

    /// The attempt's own timeout is told as such.
    fn too_slow(self) -> JobError {
        match self.limit {
            Some(limit) if Instant::now() + MARGIN < self.attempt => too_slow(limit),
            _ => JobError::retry_as(
                FailureCode::TimedOut,
                "the target did not answer within the job's timeout",
            ),
        }
    }

    fn body_deadline(self, began: Instant) -> Instant {
        let deadline = self
            .limit
            .map_or(self.attempt, |limit| self.attempt.min(began + limit));
        deadline.checked_sub(MARGIN).unwrap_or(deadline)
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
