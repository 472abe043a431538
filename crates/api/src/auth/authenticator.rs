//! From a header to a caller, with few questions to the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Scope, TenantId};
use http::HeaderMap;
use moka::Expiry;
use moka::future::Cache;
use runtime::credential::{ApiKey, KeyHasher};
use store::{Authenticated, Store};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{API_KEY_HEADER, Caller};
use crate::middleware::RequestContext;
use crate::problem::{Problem, ProblemType};

/// Key ids that are remembered, known and unknown ones.
const MAX_REMEMBERED: u64 = 10_000;

/// Questions to the database at a time. Whoever tries made-up keys holds no more connections than these.
const MAX_LOOKUPS: usize = 4;

/// How exactly the last use of a key is known.
const USE_RECORDED_FOR: Duration = Duration::from_mins(1);

/// How long a question waits for its turn. Turns come quickly unless the database is in trouble.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(1);

/// Knows callers by their keys.
pub(crate) struct Authenticator {
    store: Store,
    hasher: KeyHasher,
    keys: Cache<String, Option<Arc<Authenticated>>>,
    lookups: Semaphore,
    /// Keys whose use is written down.
    uses: Cache<String, ()>,
    tasks: TaskTracker,
}

impl Authenticator {
    /// Believes what it read about a key for `ttl`.
    /// What it writes down about their use is written in `tasks`.
    pub(crate) fn new(store: Store, hasher: KeyHasher, ttl: Duration, tasks: TaskTracker) -> Self {
        let keys = Cache::builder()
            .max_capacity(MAX_REMEMBERED)
            .expire_after(Lifetimes { ttl })
            .build();
        Self {
            store,
            hasher,
            keys,
            lookups: Semaphore::new(MAX_LOOKUPS),
            uses: Cache::builder()
                .max_capacity(MAX_REMEMBERED)
                .time_to_live(USE_RECORDED_FOR)
                .build(),
            tasks,
        }
    }

    /// The holder of the request's key. All refusals look and last alike, so that nobody learns which ids
    /// exist.
    pub(crate) async fn caller(
        &self,
        headers: &HeaderMap,
        context: &RequestContext,
    ) -> Result<Caller, Problem> {
        let key = key_of(headers)?;
        let known = self.known(key.id()).await?;
        let genuine = self
            .hasher
            .verify(&key, known.as_ref().map(|known| &known.secret_hash[..]));
        match known {
            Some(known) if genuine && known.live => {
                self.record_use(key.id(), known.tenant_id).await;
                Ok(Caller {
                    tenant_id: known.tenant_id,
                    key_id: key.id().into(),
                    key: known,
                    request_id: context.request_id.clone(),
                })
            }
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

    /// Has a key looked up anew, because it was changed. Other processes believe what they know for a while.
    pub(crate) async fn forget(&self, key_id: &str) {
        self.keys.invalidate(key_id).await;
    }

    /// Writes down that a key is used, once for all requests of a minute, and without having any of them wait.
    async fn record_use(&self, key_id: &str, tenant_id: TenantId) {
        if !self.uses.entry_by_ref(key_id).or_insert(()).await.is_fresh() {
            return;
        }
        let (store, key_id) = (self.store.clone(), key_id.to_owned());
        self.tasks.spawn(async move {
            if let Err(error) = store.touch_api_key(tenant_id, &key_id).await {
                tracing::debug!(error.chain = %runtime::error_chain(&error), "the use of a key was not recorded");
            }
        });
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
