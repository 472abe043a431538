//! Talking to the api: one request, tried again while trying again is harmless and may help.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::args::ApiArgs;
use crate::failure::Failure;

const TRIES: u32 = 5;

/// The api's largest page.
const PAGE: usize = 100;

/// A stream is asked for anew at least once a day, and much sooner when it falls silent.
const STREAM_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The api, as the holder of a key.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    api_key: String,
}

/// What a client expects to be there before it puts something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// Whatever there is, or nothing.
    Anything,
    /// Nothing.
    Nothing,
    /// This version.
    Version(u32),
}

impl Client {
    pub(crate) fn new(args: &ApiArgs) -> Result<Self, Failure> {
        if args.api_key.is_empty() {
            return Err(Failure::new(
                "no API key: set TANDEM_API_KEY, or give --api-key; after `tandem dev`: source .tandem/env",
            ));
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self {
            http,
            url: args.url.trim_end_matches('/').to_owned(),
            api_key: args.api_key.clone(),
        })
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Failure> {
        self.send(|| self.request(Method::GET, path).query(query)).await
    }

    /// Reads a body as it is.
    pub(crate) async fn get_text(&self, path: &str, query: &[(&str, String)]) -> Result<String, Failure> {
        let response = self
            .answer(|| self.request(Method::GET, path).query(query))
            .await?;
        Ok(response.text().await?)
    }

    /// Reads the first `limit` entries of a list, page after page.
    pub(crate) async fn list(
        &self,
        path: &str,
        field: &str,
        filter: &[(&str, String)],
        limit: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut entries: Vec<Value> = Vec::new();
        let mut cursor = None;
        while entries.len() < limit {
            let mut query = filter.to_vec();
            query.push(("limit", PAGE.min(limit - entries.len()).to_string()));
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page = self.get(path, &query).await?;
            entries.extend(page[field].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(ToOwned::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(entries)
    }

    /// Reads a job, waiting up to `wait` for its end.
    pub(crate) async fn job(&self, id: &str, wait: Duration) -> Result<Value, Failure> {
        let prefer = format!("wait={}", wait.as_secs());
        self.send(|| {
            self.request(Method::GET, &format!("/api/jobs/{id}"))
                .header("prefer", &prefer)
        })
        .await
    }

    /// Opens the stream of a job's events, after the one with this number.
    pub(crate) async fn events(&self, id: &str, after: Option<&str>) -> Result<Response, Failure> {
        self.answer(|| {
            let request = self
                .request(Method::GET, &format!("/api/jobs/{id}/events"))
                .header("accept", "text/event-stream")
                .timeout(STREAM_LIMIT);
            match after {
                Some(number) => request.header("last-event-id", number),
                None => request,
            }
        })
        .await
    }

    /// Posts without a body, to what is harmless to repeat.
    pub(crate) async fn post(&self, path: &str) -> Result<Value, Failure> {
        self.send(|| self.request(Method::POST, path)).await
    }

    /// Posts JSON to what is harmless to repeat.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(|| self.request(Method::POST, path).json(body)).await
    }

    /// Puts JSON, onto the version with this `ETag` only.
    pub(crate) async fn put_json(
        &self,
        path: &str,
        body: &Value,
        etag: Option<&str>,
    ) -> Result<Value, Failure> {
        self.send(|| if_match(self.request(Method::PUT, path), etag).json(body))
            .await
    }

    /// Deletes, the version with this `ETag` only.
    pub(crate) async fn delete(&self, path: &str, etag: Option<&str>) -> Result<(), Failure> {
        let deleted = self
            .answer(|| if_match(self.request(Method::DELETE, path), etag))
            .await;
        deleted.map(drop)
    }

    /// Changes something.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(|| self.request(Method::PATCH, path).json(body)).await
    }

    /// Submits under a key, so that repeating it is harmless. The body goes as it is: a payload's bytes are kept.
    pub(crate) async fn submit(&self, body: &str, idempotency_key: &str) -> Result<Value, Failure> {
        self.send(|| {
            self.request(Method::POST, "/api/jobs")
                .header("idempotency-key", idempotency_key)
                .header("content-type", "application/json")
                .body(body.to_owned())
        })
        .await
    }

    /// Asks for something to be done under a key, so that repeating it is harmless.
    pub(crate) async fn post_once(&self, path: &str, idempotency_key: &str) -> Result<Value, Failure> {
        self.send(|| {
            self.request(Method::POST, path)
                .header("idempotency-key", idempotency_key)
        })
        .await
    }

    /// Puts JSON, if what is there is what is expected. The body goes as it is: a payload's bytes are kept.
    pub(crate) async fn put(&self, path: &str, body: &str, expected: Expected) -> Result<Value, Failure> {
        self.send(|| {
            let request = self
                .request(Method::PUT, path)
                .header("content-type", "application/json")
                .body(body.to_owned());
            match expected {
                Expected::Anything => request,
                Expected::Nothing => request.header("if-none-match", "*"),
                Expected::Version(version) => request.header("if-match", format!("\"{version}\"")),
            }
        })
        .await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.url))
            .header("x-api-key", &self.api_key)
    }

    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Value, Failure> {
        Ok(self.answer(request).await?.json().await?)
    }

    async fn answer(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, Failure> {
        let mut tries = 1;
        loop {
            let outcome = request().send().await;
            let last = tries == TRIES;
            match outcome {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) if !last && is_busy(response.status()) => {
                    pause(retry_after(&response), tries).await
                }
                Ok(response) => return Err(refusal(response).await),
                Err(error) if !last && error.is_connect() => pause(None, tries).await,
                Err(error) => return Err(error.into()),
            }
            tries += 1;
        }
    }
}

fn if_match(request: RequestBuilder, etag: Option<&str>) -> RequestBuilder {
    match etag {
        Some(etag) => request.header("if-match", etag),
        None => request,
    }
}

fn is_busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY
    )
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response
        .headers()
        .get("retry-after")?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

async fn pause(asked: Option<Duration>, tries: u32) {
    let ceiling = Duration::from_millis(100) * 2_u32.pow(tries);
    let jittered = ceiling.mul_f64(runtime::random::jitter());
    tokio::time::sleep(asked.unwrap_or(jittered).min(Duration::from_secs(10))).await;
}

/// The problem in words: what was wrong, where, and the request's id for whoever runs the api.
async fn refusal(response: Response) -> Failure {
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let Ok(problem) = serde_json::from_str::<Value>(&text) else {
        return Failure::new(format!(
            "the api answered {status}: {}",
            text.chars().take(200).collect::<String>()
        ));
    };
    let part = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let mut message = part("title");
    if !part("detail").is_empty() {
        message = format!("{message}: {}", part("detail"));
    }
    for error in problem["errors"].as_array().into_iter().flatten() {
        let text = |name: &str| error[name].as_str();
        let place = text("pointer").or_else(|| text("parameter")).unwrap_or_default();
        message = format!("{message}\n  {place} {}", text("message").unwrap_or_default());
    }
    Failure::new(format!("{message} ({status}, request {})", part("request_id")))
}
