//! Credentials that change while the process runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::Error;

/// Reads the database URL, with its credentials, anew. Called at start and whenever Postgres rejects them.
pub type CredentialSource = Arc<
    dyn Fn() -> BoxFuture<'static, Result<String, Box<dyn std::error::Error + Send + Sync>>> + Send + Sync,
>;

/// How soon credentials are read again that were read and had not changed. A rotation changes the password and what the
/// source says of it one after the other, and every request asks in between.
const READ_AGAIN: Duration = Duration::from_millis(250);

/// How long a caller waits for fresh credentials, whoever reads them.
const PATIENCE: Duration = Duration::from_secs(3);

/// The credentials in use, and where fresh ones come from.
pub(crate) struct Credentials {
    source: CredentialSource,
    first_url: String,
    /// The lock makes one caller read for all.
    known: Mutex<Known>,
    /// How often the URL has changed.
    renewals: AtomicU64,
}

struct Known {
    url: String,
    /// When they were last read again.
    read_at: Option<Instant>,
}

impl Credentials {
    /// Reads them for the first time.
    pub(crate) async fn read(source: CredentialSource) -> Result<Self, Error> {
        let url = source().await.map_err(Error::Credentials)?;
        Ok(Self {
            source,
            first_url: url.clone(),
            known: Mutex::new(Known { url, read_at: None }),
            renewals: AtomicU64::new(0),
        })
    }

    /// What was read first.
    pub(crate) fn first_url(&self) -> &str {
        &self.first_url
    }

    /// Counts how often they have changed: who is rejected says what it had seen before.
    pub(crate) fn renewals(&self) -> u64 {
        self.renewals.load(Ordering::Acquire)
    }

    /// Reads the credentials again, unless somebody did since `seen` renewals, or did a moment ago and in vain. Has
    /// them used if they are new; answers whether it is worth trying again at once.
    pub(crate) async fn renew(
        &self,
        seen: u64,
        make_use: impl FnOnce(&str) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let renewing = timeout(PATIENCE, self.renew_alone(seen, make_use));
        renewing
            .await
            .unwrap_or_else(|_| Err(Error::Credentials("they can't be read in time".into())))
    }

    async fn renew_alone(
        &self,
        seen: u64,
        make_use: impl FnOnce(&str) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let mut known = self.known.lock().await;
        if self.renewals() != seen {
            return Ok(true);
        }
        if known.read_at.is_some_and(|at| at.elapsed() < READ_AGAIN) {
            return Ok(false);
        }
        let fresh = (self.source)().await.map_err(Error::Credentials)?;
        known.read_at = Some(Instant::now());
        if known.url == fresh {
            return Ok(false);
        }
        tracing::info!("the database credentials have changed");
        make_use(&fresh)?;
        known.url = fresh;
        self.renewals.fetch_add(1, Ordering::AcqRel);
        Ok(true)
    }
}
