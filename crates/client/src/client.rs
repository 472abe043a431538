//! The api, as the holder of a key.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use serde::Serialize;
use url::Url;

use crate::call::Call;
use crate::error::Error;
use crate::once::{new_key, once};
use crate::request::{Request, segment};
use crate::retry::RetryPolicy;

const API_KEY_HEADER: &str = "x-api-key";
/// How long one request waits for a job's end at most; the api would wait for a minute.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The api, as the holder of a key. Cloning shares its connections.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Arc<Url>,
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Duration,
}

/// How a [`Client`] is set up.
#[derive(Clone, Debug)]
pub struct Builder {
    url: String,
    api_key: String,
    user_agent: String,
    retry: RetryPolicy,
    timeout: Duration,
}

impl Builder {
    /// How often and how patiently requests are repeated.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// How long one try may take; 30 s by default. Waiting for a job's end comes on top.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What the client calls itself.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Sets the client up. It does not connect yet.
    ///
    /// # Errors
    /// When the URL or the key can't be one.
    pub fn build(self) -> Result<Client, Error> {
        let mut base: Url = self
            .url
            .parse()
            .map_err(|error| Error::Configuration(format!("{:?} is no URL: {error}", self.url)))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            let message = format!("{base} is not the URL of an api: it must begin with https:// or http://");
            return Err(Error::Configuration(message));
        }
        // So that joining a route appends it.
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut key = HeaderValue::from_str(&self.api_key)
            .ok()
            .filter(|key| !key.is_empty())
            .ok_or_else(|| Error::Configuration("the API key is empty, or no key at all".to_owned()))?;
        key.set_sensitive(true);
        let http = reqwest::Client::builder()
            .user_agent(self.user_agent)
            .default_headers(HeaderMap::from_iter([(
                http::HeaderName::from_static(API_KEY_HEADER),
                key,
            )]))
            .connect_timeout(Duration::from_secs(5))
            // Of streams too, which have no other: the api shows every few seconds that it is there.
            .read_timeout(self.timeout + LONGEST_WAIT)
            // Another host must not be handed the key.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Error::Connection)?;
        Ok(Client {
            http,
            base: Arc::new(base),
            retry: self.retry,
            timeout: self.timeout,
        })
    }
}

impl Client {
    /// Begins to set a client up: where the api is, and the key.
    #[must_use]
    pub fn builder(url: impl Into<String>, api_key: impl Into<String>) -> Builder {
        Builder {
            url: url.into(),
            api_key: api_key.into(),
            user_agent: concat!("tandem-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            retry: RetryPolicy::default(),
            timeout: Duration::from_secs(30),
        }
    }

    /// A client with the defaults.
    ///
    /// # Errors
    /// When the URL or the key can't be one.
    pub fn new(url: impl Into<String>, api_key: impl Into<String>) -> Result<Self, Error> {
        Self::builder(url, api_key).build()
    }

    /// A request to a route, for what this crate has no method for. The path begins with `/api/`.
    #[must_use]
    pub fn request(&self, method: Method, path: impl Into<String>) -> Request<'_> {
        Request::new(self, method, path.into())
    }

    /// Reads what is at a path.
    pub(crate) fn get<T>(&self, path: impl Into<String>) -> Call<'_, T> {
        Call::new(Ok(self.request(Method::GET, path)))
    }

    /// Posts JSON under a new idempotency key.
    pub(crate) fn post_once<T>(&self, path: &str, body: &impl Serialize) -> Call<'_, T> {
        once(self.request(Method::POST, path).body(body), &new_key())
    }

    /// Posts JSON.
    pub(crate) fn post<T>(&self, path: impl Into<String>, body: &impl Serialize) -> Call<'_, T> {
        Call::new(self.request(Method::POST, path).body(body))
    }

    /// A request to what has a name: `{path}/{name}{verb}`.
    pub(crate) fn named(
        &self,
        method: Method,
        path: &str,
        name: &str,
        verb: &str,
    ) -> Result<Request<'_>, Error> {
        Ok(self.request(method, format!("{path}/{}{verb}", segment(name)?)))
    }
}
