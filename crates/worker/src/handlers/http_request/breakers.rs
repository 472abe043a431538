//! Keeps requests from targets that are down: counts failures in a row, and shares with all workers which targets rest.
//!
//! What is known about a target is read again after a second, and once for all attempts of this process. It is written
//! only when its breaker opens, lets a probe through, or closes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::{Admission, Breaker, BreakerPolicy, Change, Health};
use moka::future::Cache;
use runtime::metric;
use store::{BreakerKey, OpenBreaker, Store};

use crate::handler::JobError;

/// How long an open or half-open breaker of another worker may go unnoticed, and a closed one be taken for open.
const KEPT: Duration = Duration::from_secs(1);
/// Failures of targets that nobody calls any more are forgotten.
const COUNTED: Duration = Duration::from_mins(10);
const MAX_TARGETS: u64 = 10_000;
/// The longest error that is kept, in characters.
const MAX_ERROR_CHARS: usize = 300;

/// The breakers of all targets.
pub(super) struct Breakers {
    store: Store,
    policy: BreakerPolicy,
    known: Cache<BreakerKey, Breaker>,
    failures: Cache<BreakerKey, Arc<AtomicU32>>,
}

/// The right to send one request.
#[derive(Debug)]
pub(super) struct Pass {
    key: BreakerKey,
    admission: Admission,
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breakers")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Breakers {
    pub(super) fn new(store: Store, policy: BreakerPolicy) -> Self {
        let known = Cache::builder().max_capacity(MAX_TARGETS).time_to_live(KEPT);
        let failures = Cache::builder().max_capacity(MAX_TARGETS).time_to_idle(COUNTED);
        Self {
            store,
            policy,
            known: known.build(),
            failures: failures.build(),
        }
    }

    /// Lets an attempt send, or has it wait without being spent.
    pub(super) async fn admit(&self, key: BreakerKey) -> Result<Pass, JobError> {
        let breaker = self.look(&key).await;
        match self.policy.admit(breaker, runtime::random::jitter()) {
            Admission::Wait(wait) => {
                metric::BREAKER_WAITS.with([]).increment(1);
                Err(JobError::Snooze(wait))
            }
            admission @ (Admission::Send | Admission::Probe { .. }) => Ok(Pass { key, admission }),
        }
    }

    async fn look(&self, key: &BreakerKey) -> Breaker {
        // Concurrent attempts read it once, and only the one that reads may be the probe.
        let reading = self.store.breaker(key, self.policy.probe);
        let looked = self
            .known
            .entry_by_ref(key)
            .or_try_insert_with(reading)
            .await
            .map(|entry| (entry.is_fresh(), entry.into_value()));
        match looked {
            Ok((false, Breaker::Probing { trips })) => Breaker::HalfOpen { trips },
            Ok((is_first, breaker)) => {
                if is_first && matches!(breaker, Breaker::Probing { .. }) {
                    tell("half_open");
                }
                breaker
            }
            // A job is not kept waiting for what can't be known; its own record needs the database too.
            Err(error) => {
                tracing::warn!(
                    error = %runtime::error_chain(&*error),
                    "a target's breaker can't be read, so it is taken for closed"
                );
                Breaker::Closed
            }
        }
    }

    /// Takes note of what the exchange told about its target; `error` is what went wrong.
    pub(super) async fn judge(&self, pass: Pass, health: Health, error: Option<&JobError>) {
        let Pass { key, admission } = pass;
        let new = async { Arc::<AtomicU32>::default() };
        let failures = self.failures.entry_by_ref(&key).or_insert_with(new).await;
        let failures = failures.into_value();
        let before = failures.load(Ordering::Relaxed);
        let written = match self.policy.judge(admission, before, health) {
            Change::Count(0) => {
                failures.store(0, Ordering::Relaxed);
                Ok(())
            }
            Change::Count(_) => {
                failures.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Change::Open { trips, failures: led } => {
                let opened = self.open(&key, trips, led, error).await;
                if opened.is_ok() {
                    failures.store(0, Ordering::Relaxed);
                }
                opened
            }
            Change::Close => {
                failures.store(0, Ordering::Relaxed);
                self.close(&key).await
            }
        };
        if let Err(error) = written {
            // The next failure, or the next probe, leads here again.
            tracing::warn!(error = %runtime::error_chain(&error), "a target's breaker can't be changed");
        }
    }

    async fn open(
        &self,
        key: &BreakerKey,
        trips: u32,
        failures: u32,
        error: Option<&JobError>,
    ) -> Result<(), store::Error> {
        let lasts = self.policy.open_time(trips);
        let last_error = message(error);
        let open = OpenBreaker {
            trips,
            failures,
            lasts,
            last_error: &last_error,
        };
        let opened = self.store.open_breaker(key, &open).await?;
        self.known.invalidate(key).await;
        if opened {
            tell("open");
            tracing::warn!(
                tenant.id = %key.tenant_id, target = key.target, trips, open_ms = lasts.as_millis(),
                "a target keeps failing, so its jobs wait"
            );
        }
        Ok(())
    }

    async fn close(&self, key: &BreakerKey) -> Result<(), store::Error> {
        let closed = self.store.close_breaker(key).await?;
        self.known.invalidate(key).await;
        if closed {
            tell("closed");
            tracing::info!(tenant.id = %key.tenant_id, target = key.target, "a target is back");
        }
        Ok(())
    }
}

fn tell(to: &'static str) {
    metric::BREAKER_TRANSITIONS.with([to.into()]).increment(1);
}

fn message(error: Option<&JobError>) -> String {
    let message = match error {
        Some(JobError::Retry { failure, .. } | JobError::Abort(failure)) => failure.message.as_str(),
        Some(JobError::Snooze(_)) | None => "",
    };
    message.chars().take(MAX_ERROR_CHARS).collect()
}
