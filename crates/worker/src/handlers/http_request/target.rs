//! Where a request goes and what signs it: a URL with the tenant's secret, or an endpoint with its own.

use std::sync::Arc;
use std::time::Duration;

use domain::{EndpointName, FailureCode};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use standardwebhooks::Webhook;
use store::{BreakerKey, EndpointTarget, Store};
use url::Url;

use super::payload::Destination;
use super::sign::Secrets;
use crate::handler::{JobError, JobScope};

/// How soon the job of a disabled endpoint looks again, at the earliest; half as much later at the latest.
const DISABLED_WAIT: Duration = Duration::from_secs(30);

/// What it takes to send a request.
pub(super) struct Target {
    pub(super) url: Url,
    /// What the target's owner wants every request to carry.
    pub(super) headers: HeaderMap,
    pub(super) timeout: Option<Duration>,
    /// Sign the request, newest first; at least one.
    pub(super) signers: Vec<Arc<Webhook>>,
    pub(super) breaker: BreakerKey,
}

/// Finds targets.
#[derive(Debug)]
pub(super) struct TargetFinder {
    pub(super) store: Store,
    pub(super) secrets: Secrets,
}

impl TargetFinder {
    pub(super) async fn find(&self, destination: Destination, scope: &JobScope) -> Result<Target, JobError> {
        match destination {
            Destination::Url(url) => self.by_url(url, scope).await,
            Destination::Endpoint(name) => self.by_name(&name, scope).await,
        }
    }

    async fn by_url(&self, url: Url, scope: &JobScope) -> Result<Target, JobError> {
        Ok(Target {
            signers: vec![self.secrets.of(scope.tenant_id).await?],
            breaker: BreakerKey {
                tenant_id: scope.tenant_id,
                target: url.origin().ascii_serialization(),
            },
            url,
            headers: HeaderMap::new(),
            timeout: None,
        })
    }

    /// Read for each attempt, so that a rotated secret, another URL or a deletion holds from the next attempt on.
    async fn by_name(&self, name: &EndpointName, scope: &JobScope) -> Result<Target, JobError> {
        let found = self.store.endpoint_target(scope.tenant_id, name).await?;
        let found = found.ok_or_else(|| {
            JobError::abort_as(
                FailureCode::PayloadInvalid,
                format!("there is no endpoint {name}"),
            )
        })?;
        if found.disabled {
            let jitter = runtime::random::jitter();
            return Err(JobError::Snooze(DISABLED_WAIT.mul_f64(1.0 + 0.5 * jitter)));
        }
        Ok(Target {
            url: Url::parse(&found.url)?,
            headers: headers(&found)?,
            timeout: found.timeout,
            signers: signers(name, &found)?,
            breaker: BreakerKey {
                tenant_id: scope.tenant_id,
                target: format!("endpoint:{name}"),
            },
        })
    }
}

fn headers(found: &EndpointTarget) -> Result<HeaderMap, JobError> {
    let mut headers = HeaderMap::with_capacity(found.headers.len());
    for (name, value) in &found.headers {
        let mut value: HeaderValue = value.parse()?;
        value.set_sensitive(true);
        headers.insert(name.parse::<HeaderName>()?, value);
    }
    Ok(headers)
}

fn signers(name: &EndpointName, found: &EndpointTarget) -> Result<Vec<Arc<Webhook>>, JobError> {
    let signer = |secret: &String| {
        // The error of the library would tell a part of the secret.
        let malformed = || JobError::retry(format!("a signing secret of the endpoint {name} is malformed"));
        Webhook::new(secret).map(Arc::new).map_err(|_| malformed())
    };
    let signers: Vec<Arc<Webhook>> = found.secrets.iter().map(signer).collect::<Result<_, _>>()?;
    if signers.is_empty() {
        return Err(JobError::retry(format!(
            "the endpoint {name} has no signing secret"
        )));
    }
    Ok(signers)
}
