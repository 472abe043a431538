//! How often a key may ask. Each process counts for itself: with several of them, a key may ask that much
//! more often.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use http::{HeaderMap, HeaderValue};
use moka::future::Cache;
use store::Authenticated;

use crate::auth::Caller;
use crate::config::RateLimit;
use crate::problem::{Problem, ProblemType};

/// Keys that are counted at a time.
const MAX_KEYS: u64 = 100_000;

/// A key that was not used for so long starts afresh, which bounds what is remembered.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// A bucket per key. A key whose tenant's limit is changed gets a new one.
pub(crate) struct RateLimits {
    default: RateLimit,
    buckets: Cache<(Arc<str>, RateLimit), Arc<Bucket>>,
    clock: DefaultClock,
}

impl RateLimits {
    pub(crate) fn new(default: RateLimit) -> Self {
        let buckets = Cache::builder()
            .max_capacity(MAX_KEYS)
            .time_to_idle(FORGOTTEN_AFTER)
            .build();
        Self {
            default,
            buckets,
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request of this key.
    pub(crate) async fn check(&self, caller: &Caller) -> Verdict {
        let limit = self.limit_of(&caller.key);
        let key = (Arc::clone(&caller.key_id), limit);
        let bucket = self
            .buckets
            .get_with(key, async { Arc::new(bucket(limit)) })
            .await;
        match bucket.check() {
            Ok(state) => Verdict {
                limit,
                remaining: state.remaining_burst_capacity(),
                wait: None,
            },
            Err(refusal) => Verdict {
                limit,
                remaining: 0,
                wait: Some(refusal.wait_time_from(self.clock.now())),
            },
        }
    }

    fn limit_of(&self, key: &Authenticated) -> RateLimit {
        let own = |own: Option<u32>, default| own.and_then(NonZeroU32::new).unwrap_or(default);
        RateLimit {
            per_second: own(key.rate_limit_per_second, self.default.per_second),
            burst: own(key.rate_limit_burst, self.default.burst),
        }
    }
}

fn bucket(limit: RateLimit) -> Bucket {
    let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
    RateLimiter::direct(quota).with_middleware()
}

/// Whether a request may pass, and what is left.
#[derive(Debug)]
pub(crate) struct Verdict {
    limit: RateLimit,
    remaining: u32,
    wait: Option<Duration>,
}

impl Verdict {
    /// The answer to a request that may not pass.
    pub(crate) fn refusal(&self) -> Option<Problem> {
        let RateLimit { per_second, burst } = self.limit;
        let detail = format!("This key may ask {per_second} times a second, and {burst} times at once.");
        self.wait
            .map(|wait| Problem::new(ProblemType::RateLimited, detail).retry_after(wait))
    }

    /// Until as many requests as ever may be sent at once.
    fn full_in_secs(&self) -> u32 {
        let missing = self.limit.burst.get().saturating_sub(self.remaining);
        missing.div_ceil(self.limit.per_second.get())
    }
}

/// Tells the client where it stands (draft-ietf-httpapi-ratelimit-headers-11).
pub(crate) fn tell(verdict: &Verdict, headers: &mut HeaderMap) {
    let state = format!("\"default\";r={};t={}", verdict.remaining, verdict.full_in_secs());
    let policy = format!("\"default\";q={};w=1", verdict.limit.per_second);
    for (name, value) in [("ratelimit", state), ("ratelimit-policy", policy)] {
        headers.insert(
            name,
            HeaderValue::try_from(value).expect("digits and quotes are a header value"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(per_second: u32, burst: u32, remaining: u32) -> Verdict {
        let number = |number| NonZeroU32::new(number).unwrap();
        let limit = RateLimit {
            per_second: number(per_second),
            burst: number(burst),
        };
        Verdict {
            limit,
            remaining,
            wait: None,
        }
    }

    #[test]
    fn the_headers_follow_the_draft() {
        let mut headers = HeaderMap::new();
        tell(&verdict(100, 10, 9), &mut headers);
        assert_eq!(headers["ratelimit"], "\"default\";r=9;t=1");
        assert_eq!(headers["ratelimit-policy"], "\"default\";q=100;w=1");
        tell(&verdict(2, 10, 0), &mut headers);
        assert_eq!(headers["ratelimit"], "\"default\";r=0;t=5");
        tell(&verdict(2, 10, 10), &mut headers);
        assert_eq!(headers["ratelimit"], "\"default\";r=10;t=0");
    }

    #[test]
    fn a_burst_passes_and_what_follows_is_refused() {
        let bucket = bucket(verdict(1, 3, 0).limit);
        assert!((0..3).all(|_| bucket.check().is_ok()));
        assert!(bucket.check().is_err());
    }
}
