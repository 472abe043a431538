//! One request, sent again while that is harmless and may help.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use crate::call;
use crate::client::Client;
use crate::error::{Error, Problem};
use crate::retry::{Repeat, Setback};

/// As much of a stranger's answer is shown.
const SHOWN_CHARS: usize = 200;
/// What the api says when it does not know whether the request was done.
const UNSURE: &str = "timed_out";
/// What the api says while the first request with an idempotency key is under way.
const IN_PROGRESS: &str = "idempotency_in_progress";

/// What can't stand in a part of a path as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request that is being put together.
#[derive(Debug)]
pub struct Request<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Option<String>,
    repeat: Repeat,
    timeout: Option<Duration>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(client: &'a Client, method: Method, path: String) -> Self {
        // What a POST does twice is for its caller to know.
        let repeat = if method == Method::POST {
            Repeat::Once
        } else {
            Repeat::Harmless
        };
        Self {
            client,
            method,
            path,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            repeat,
            timeout: Some(client.timeout),
        }
    }

    /// Adds a parameter, if it has a value.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (name.to_owned(), value.to_string())));
        self
    }

    /// Adds parameters that have values.
    #[must_use]
    pub(crate) fn parameters(mut self, parameters: Vec<(String, String)>) -> Self {
        self.query.extend(parameters);
        self
    }

    /// Adds a header.
    ///
    /// # Errors
    /// When the value can't be a header's.
    pub fn header(mut self, name: HeaderName, value: &str) -> Result<Self, Error> {
        let value = HeaderValue::from_str(value)
            .map_err(|_| Error::Configuration(format!("{value:?} can't be the value of {name}")))?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// When the value can't be written as JSON.
    pub fn body(self, body: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let text = serde_json::to_string(body).map_err(|error| Error::Configuration(error.to_string()))?;
        Ok(self.body_text(text))
    }

    /// Sends JSON as it is written.
    #[must_use]
    pub fn body_text(mut self, text: String) -> Self {
        self.body = Some(text);
        self
    }

    /// Says that sending it twice does what sending it once does.
    #[must_use]
    pub fn harmless(mut self) -> Self {
        self.repeat = Repeat::Harmless;
        self
    }

    /// The same, if so.
    #[must_use]
    pub(crate) fn harmless_if(self, harmless: bool) -> Self {
        if harmless { self.harmless() } else { self }
    }

    /// Says that sending it twice is something else: the second one may be refused because of the first.
    #[must_use]
    pub(crate) fn once(mut self) -> Self {
        self.repeat = Repeat::Once;
        self
    }

    /// Gives the api so much longer for its answer: at most 20 s.
    #[must_use]
    pub fn patience(mut self, more: Duration) -> Self {
        self.timeout = self.timeout.map(|timeout| timeout + more);
        self
    }

    /// Lets the answer take for ever, once it has begun.
    #[must_use]
    pub(crate) fn endless(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// The answer's body.
    ///
    /// # Errors
    /// When the api refused, did not answer, or answered with something else.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        call::read(&self.text().await?)
    }

    /// The answer's body as it is written.
    ///
    /// # Errors
    /// When the api refused or did not answer.
    pub async fn text(self) -> Result<String, Error> {
        self.send().await?.text().await.map_err(Error::Connection)
    }

    /// The answer.
    ///
    /// # Errors
    /// When the api refused or did not answer, after as many tries as the client's policy allows.
    pub async fn send(self) -> Result<Response, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (error, setback) = match self.try_once().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => refusal(response).await,
                Err(error) if error.is_builder() => return Err(Error::Configuration(error.to_string())),
                Err(error) if error.is_connect() => (Error::Connection(error), Setback::NotSent),
                Err(error) => (Error::Connection(error), Setback::NoAnswer),
            };
            let wait = self
                .client
                .retry
                .wait(tries, self.repeat, setback, rand::random());
            match wait {
                Some(wait) => sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    async fn try_once(&self) -> Result<Response, reqwest::Error> {
        let mut url = (*self.client.base).clone();
        // Not `join`, to which a path that begins with a slash means the host's root.
        url.set_path(&format!("{}{}", url.path(), self.path.trim_start_matches('/')));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut request = self
            .client
            .http
            .request(self.method.clone(), url)
            .headers(self.headers.clone());
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        if let Some(body) = &self.body {
            request = request
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        request.send().await
    }
}

/// A name as one part of a path, whatever stands in it.
///
/// # Errors
/// When it would be read as the way to another route.
pub(crate) fn segment(name: &str) -> Result<String, Error> {
    if matches!(name, "" | "." | "..") {
        return Err(Error::Configuration(format!(
            "{name:?} can't be the name of anything"
        )));
    }
    Ok(utf8_percent_encode(name, RESERVED).to_string())
}

/// What the api, or whoever stands before it, says.
async fn refusal(response: Response) -> (Error, Setback) {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let text = response.text().await.unwrap_or_default();
    let problem = serde_json::from_str::<Problem>(&text)
        .ok()
        .map(|problem| Problem {
            retry_after,
            ..problem
        });
    let says = |code| problem.as_ref().is_some_and(|problem| problem.code == code);
    let setback = Setback::Refused {
        status,
        unsure: says(UNSURE),
        in_progress: says(IN_PROGRESS),
        retry_after,
    };
    let error = match problem {
        Some(problem) => Error::Problem(Box::new(problem)),
        None => Error::Stranger {
            status,
            text: text.chars().take(SHOWN_CHARS).collect(),
        },
    };
    (error, setback)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_part_of_the_path() {
        assert_eq!(segment("nightly-report_2.1").unwrap(), "nightly-report_2.1");
        assert_eq!(
            segment("../keys?x#y%2F é").unwrap(),
            "..%2Fkeys%3Fx%23y%252F%20%C3%A9"
        );
        for way in ["", ".", ".."] {
            assert!(matches!(segment(way), Err(Error::Configuration(_))), "{way}");
        }
    }
}
