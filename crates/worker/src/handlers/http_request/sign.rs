//! Signs requests as Standard Webhooks describes, and keeps the tenants' secrets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::TenantId;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use moka::future::Cache;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use store::Store;

use crate::handler::{JobError, JobScope};

/// How long a secret is used before it is read again: the longest that a rotation takes to be seen.
const KEPT: Duration = Duration::from_secs(60);
const MAX_KEPT: u64 = 10_000;

/// The tenants' secrets.
pub(super) struct Secrets {
    store: Store,
    known: Cache<TenantId, Arc<Webhook>>,
}

/// Why there is no usable secret.
#[derive(Clone, Debug, thiserror::Error)]
enum SecretError {
    #[error("the tenant's signing secret can't be read")]
    Unreadable(#[source] Arc<store::Error>),
    #[error("the tenant has no signing secret")]
    None,
    #[error("the tenant's signing secret is malformed")]
    Malformed,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    pub(super) fn new(store: Store) -> Self {
        let known = Cache::builder().max_capacity(MAX_KEPT).time_to_live(KEPT).build();
        Self { store, known }
    }

    /// What signs for a tenant where no endpoint has a secret of its own.
    pub(super) async fn of(&self, tenant_id: TenantId) -> Result<Arc<Webhook>, JobError> {
        // Concurrent attempts of one tenant read it once.
        let known = self.known.try_get_with(tenant_id, self.read(tenant_id)).await;
        known.map_err(|error| match &*error {
            SecretError::None => JobError::abort(error.to_string()),
            SecretError::Unreadable(_) | SecretError::Malformed => {
                JobError::retry(runtime::error_chain(&*error).to_string())
            }
        })
    }

    async fn read(&self, tenant_id: TenantId) -> Result<Arc<Webhook>, SecretError> {
        let secret = self.store.webhook_secret(tenant_id).await;
        let secret = secret
            .map_err(|error| SecretError::Unreadable(Arc::new(error)))?
            .ok_or(SecretError::None)?;
        Webhook::new(&secret)
            .map(Arc::new)
            .map_err(|_| SecretError::Malformed)
    }
}

/// Adds the three headers, with a signature per signer: whoever rotates a secret accepts any of them. `body` is what will
/// be sent, to the byte.
pub(super) fn sign(
    signers: &[Arc<Webhook>],
    scope: &JobScope,
    body: &str,
    headers: &mut HeaderMap,
) -> Result<(), JobError> {
    let (id, timestamp) = (scope.job_id.to_string(), runtime::clock::now().timestamp());
    let signature = |signer: &Arc<Webhook>| signer.sign(&id, timestamp, body.as_bytes());
    let signatures: Vec<String> = signers.iter().map(signature).collect::<Result<_, _>>()?;
    let values = [
        (HEADER_WEBHOOK_ID, HeaderValue::from_str(&id)?),
        (HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from(timestamp)),
        (
            HEADER_WEBHOOK_SIGNATURE,
            HeaderValue::from_str(&signatures.join(" "))?,
        ),
    ];
    for (name, value) in values {
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(())
}
