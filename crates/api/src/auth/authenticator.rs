//! From a header to a caller, with few questions to the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Scope;
use http::HeaderMap;
use moka::Expiry;
use moka::future::Cache;
use runtime::credential::{ApiKey, KeyHasher};
use store::{Authenticated, Store};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{API_KEY_HEADER, Caller};
use crate::problem::{Problem, ProblemType};

/// Key ids that are remembered, known and unknown ones.
const MAX_REMEMBERED: u64 = 10_000;

/// Questions to the database at a time. Whoever tries made-up keys holds no more connections than these.
const MAX_LOOKUPS: usize = 4;

/// How long a question waits for its turn. Turns come quickly unless the database is in trouble.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(1);

/// Knows callers by their keys.
pub(crate) struct Authenticator {
    store: Store,
    hasher: KeyHasher,
    keys: Cache<String, Option<Arc<Authenticated>>>,
    lookups: Semaphore,
}

impl Authenticator {
    /// Believes what it read about a key for `ttl`.
    pub(crate) fn new(store: Store, hasher: KeyHasher, ttl: Duration) -> Self {
        let keys = Cache::builder()
            .max_capacity(MAX_REMEMBERED)
            .expire_after(Lifetimes { ttl })
            .build();
        Self {
            store,
            hasher,
            keys,
            lookups: Semaphore::new(MAX_LOOKUPS),
        }
    }

    /// The holder of the request's key. All refusals look and last alike, so that nobody learns which ids
    /// exist.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let key = key_of(headers)?;
        let known = self.known(key.id()).await?;
        let genuine = self
            .hasher
            .verify(&key, known.as_ref().map(|known| &known.secret_hash[..]));
        match known {
            Some(known) if genuine && known.live => Ok(Caller {
                tenant_id: known.tenant_id,
                key_id: key.id().into(),
                key: known,
            }),
            _ => Err(refused("The API key is not valid.")),
        }
    }

    /// Whether the key of a caller may still read jobs, for answers that go on for long: by what is known about the
    /// key now, since the secret itself is not kept.
    pub(crate) async fn is_still_good(&self, caller: &Caller) -> Result<bool, Problem> {
        let known = self.known(&caller.key_id).await?;
        Ok(known.is_some_and(|known| {
            known.live
                && known.secret_hash == caller.key.secret_hash
                && known.scopes.contains(Scope::JobsRead)
        }))
    }

    async fn known(&self, key_id: &str) -> Result<Option<Arc<Authenticated>>, Problem> {
        let look_up = async {
            let turn = timeout(LOOKUP_PATIENCE, self.lookups.acquire()).await;
            let _permit = turn.map_err(|_late| {
                Problem::new(
                    ProblemType::Unavailable,
                    "API keys can't be checked at the moment.",
                )
            })?;
            Ok::<_, Problem>(self.store.authenticate(key_id).await?.map(Arc::new))
        };
        let known = self.keys.try_get_with_by_ref(key_id, look_up).await;
        known.map_err(|problem| Problem::clone(&problem))
    }
}

/// Keys with a wrong checksum are refused here, without a question to anybody.
fn key_of(headers: &HeaderMap) -> Result<ApiKey, Problem> {
    let mut values = headers.get_all(API_KEY_HEADER).iter();
    let value = values
        .next()
        .ok_or_else(|| refused("The header X-API-Key is missing."))?;
    if values.next().is_some() {
        return Err(refused("The header X-API-Key is there twice."));
    }
    let text = value.to_str().map_err(|_| refused("The API key is not valid."))?;
    text.parse().map_err(|_| refused("The API key is not valid."))
}

fn refused(detail: &'static str) -> Problem {
    Problem::new(ProblemType::Unauthenticated, detail)
}

/// An unknown key is forgotten sooner, as somebody may just be making it.
struct Lifetimes {
    ttl: Duration,
}

impl<K, V> Expiry<K, Option<V>> for Lifetimes {
    fn expire_after_create(&self, _: &K, known: &Option<V>, _: Instant) -> Option<Duration> {
        Some(if known.is_some() { self.ttl } else { self.ttl / 3 })
    }
}
