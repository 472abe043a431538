//! The retry decision: pure, so that every path of it can be tested in microseconds.

use std::time::Duration;

/// How long to wait between attempts: exponential, capped, with full jitter.
///
/// Full jitter draws uniformly between zero and the exponential ceiling, which spreads a crowd of retries best;
/// see "Exponential Backoff And Jitter" in the AWS Architecture Blog (Brooker, 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The ceiling after the first failure.
    pub initial: Duration,
    /// What the ceiling is multiplied by after each further failure; at least 1.
    pub factor: f64,
    /// The highest ceiling, also for what a target asks for by `Retry-After`.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            factor: 2.0,
            max: Duration::from_mins(15),
        }
    }
}

impl Backoff {
    /// The longest wait after the `failures`-th failure (counted from 1).
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let exponent = failures.saturating_sub(1).min(1_000);
        let seconds = self.initial.as_secs_f64() * self.factor.powf(f64::from(exponent));
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(self.max)
            .min(self.max)
    }
}

/// How often a job is started, and how the starts are spaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The most attempts that may be spent before the job fails for good; at least 1.
    pub max_attempts: u32,
    /// The waits between attempts.
    pub backoff: Backoff,
}

impl RetryPolicy {
    /// The default number of attempts.
    pub const DEFAULT_MAX_ATTEMPTS: u32 = 5;
    /// The highest number of attempts that a job may ask for.
    pub const LIMIT_MAX_ATTEMPTS: u32 = 1_000;
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: Self::DEFAULT_MAX_ATTEMPTS,
            backoff: Backoff::default(),
        }
    }
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Start again after this wait.
    Again(Duration),
    /// The attempts are used up.
    Exhausted,
}

/// Decides what follows a failed attempt.
///
/// `spent` counts the attempts spent so far, the failed one included. `jitter` is uniform in `[0, 1)`.
/// `retry_after` is what the target asked for: it replaces the jittered wait when it is longer, and is capped by
/// the policy's maximum like everything else.
#[must_use]
pub fn decide(policy: &RetryPolicy, spent: u32, jitter: f64, retry_after: Option<Duration>) -> Decision {
    if spent >= policy.max_attempts {
        return Decision::Exhausted;
    }
    let jittered = policy.backoff.ceiling(spent).mul_f64(jitter.clamp(0.0, 1.0));
    Decision::Again(
        jittered
            .max(retry_after.unwrap_or_default())
            .min(policy.backoff.max),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let backoff = Backoff::default();
        let seconds: Vec<u64> = (1..=12).map(|n| backoff.ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(backoff.ceiling(u32::MAX), backoff.max);
    }

    #[test]
    fn a_targets_retry_after_is_honoured_within_the_cap() {
        let policy = RetryPolicy::default();
        let ask = |seconds| decide(&policy, 1, 0.5, Some(Duration::from_secs(seconds)));
        assert_eq!(ask(30), Decision::Again(Duration::from_secs(30)));
        assert_eq!(ask(86_400), Decision::Again(policy.backoff.max));
        assert_eq!(ask(0), Decision::Again(Duration::from_millis(500)));
    }

    proptest! {
        #[test]
        fn never_waits_beyond_the_ceiling_and_never_exceeds_the_attempts(
            max_attempts in 1_u32..50, spent in 1_u32..60, jitter in 0.0_f64..1.0,
            initial_ms in 0_u64..100_000, factor in 1.0_f64..10.0, max_ms in 0_u64..10_000_000,
        ) {
            let backoff = Backoff {
                initial: Duration::from_millis(initial_ms), factor, max: Duration::from_millis(max_ms),
            };
            let policy = RetryPolicy { max_attempts, backoff };
            match decide(&policy, spent, jitter, None) {
                Decision::Again(wait) => {
                    prop_assert!(spent < max_attempts);
                    prop_assert!(wait <= backoff.ceiling(spent) && wait <= backoff.max);
                }
                Decision::Exhausted => prop_assert!(spent >= max_attempts),
            }
        }
    }
}
