//! The circuit breaker's decisions. A target that keeps failing is given a rest: its jobs wait, without spending their
//! attempts, and one request at a time finds out whether it is back.
//!
//! A breaker is **closed** while its target works, **open** while nothing is sent, and **half-open** once its time has
//! run out: then one attempt, the **probe**, is let through. Its success closes the breaker; its failure opens it for
//! longer.

use std::time::Duration;

/// When breakers open, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerPolicy {
    /// The failures in a row that open one; 0 keeps all of them closed.
    pub failures: u32,
    /// How long one is open the first time.
    pub first: Duration,
    /// How long one is open at most; each trip without a success in between takes twice as long as the one before.
    pub max: Duration,
    /// How long a probe is waited for before another one is let through.
    pub probe: Duration,
}

impl Default for BreakerPolicy {
    /// With its jitter, the longest wait is 45 s, so that jobs end within the minute that follows a target's return.
    fn default() -> Self {
        Self {
            failures: 10,
            first: Duration::from_secs(1),
            max: Duration::from_secs(30),
            probe: Duration::from_secs(15),
        }
    }
}

/// A breaker as one attempt finds it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Breaker {
    /// The target works, as far as is known.
    Closed,
    /// Nothing is sent for this long.
    Open {
        /// The time that is left.
        wait: Duration,
        /// How often in a row it has opened; at least 1.
        trips: u32,
    },
    /// Another attempt finds out whether the target is back.
    HalfOpen {
        /// How often in a row it has opened; at least 1.
        trips: u32,
    },
    /// This attempt is to find out.
    Probing {
        /// How often in a row it has opened; at least 1.
        trips: u32,
    },
}

/// What an attempt may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admission {
    /// Send.
    Send,
    /// Send, and let its outcome decide.
    Probe {
        /// How often in a row the breaker has opened; at least 1.
        trips: u32,
    },
    /// Come back after this.
    Wait(Duration),
}

/// What an exchange tells about its target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Health {
    /// It answered, if only to refuse: this is between it and the job.
    Up,
    /// It can't be reached, takes too long, or says itself that it is in trouble.
    Down,
}

impl Health {
    /// What the status of an answer tells: 5xx and 429 are the target's own trouble.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        if status == 429 || (500..600).contains(&status) {
            Self::Down
        } else {
            Self::Up
        }
    }
}

/// What becomes of a breaker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Nothing; so many failures in a row are counted now.
    Count(u32),
    /// It opens.
    Open {
        /// How often in a row it has opened, this time included.
        trips: u32,
        /// The failures that led to this, since it was closed or since the last probe.
        failures: u32,
    },
    /// It closes.
    Close,
}

impl BreakerPolicy {
    /// How long a breaker is open after so many trips in a row (counted from 1).
    #[must_use]
    pub fn open_time(&self, trips: u32) -> Duration {
        let doublings = trips.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }

    /// Decides what an attempt may do; `jitter` is uniform in `[0, 1)`.
    ///
    /// Those that wait are spread over half the open time after its end, so that a target that is back is not overrun by
    /// all of them at once.
    #[must_use]
    pub fn admit(&self, breaker: Breaker, jitter: f64) -> Admission {
        let jitter = jitter.clamp(0.0, 1.0);
        match breaker {
            Breaker::Closed => Admission::Send,
            Breaker::Probing { trips } => Admission::Probe { trips },
            Breaker::Open { wait, trips } => {
                Admission::Wait(wait + self.open_time(trips).mul_f64(0.5 * jitter))
            }
            // A probe mostly ends soon.
            Breaker::HalfOpen { .. } => Admission::Wait(self.first.mul_f64(0.5 + jitter)),
        }
    }

    /// Decides what an exchange changes; `failures` counts those in a row before it.
    #[must_use]
    pub fn judge(&self, admission: Admission, failures: u32, health: Health) -> Change {
        let failed = failures.saturating_add(1);
        match (admission, health) {
            (Admission::Probe { .. }, Health::Up) => Change::Close,
            (Admission::Probe { trips }, Health::Down) => Change::Open {
                trips: trips.saturating_add(1),
                failures: 1,
            },
            (Admission::Send | Admission::Wait(_), Health::Up) => Change::Count(0),
            (Admission::Send | Admission::Wait(_), Health::Down) => {
                if self.failures > 0 && failed >= self.failures {
                    Change::Open {
                        trips: 1,
                        failures: failed,
                    }
                } else {
                    Change::Count(failed)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn policy() -> BreakerPolicy {
        BreakerPolicy {
            failures: 3,
            ..BreakerPolicy::default()
        }
    }

    #[test]
    fn the_open_time_doubles_up_to_its_cap() {
        let seconds: Vec<u64> = (1..=8).map(|trips| policy().open_time(trips).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(policy().open_time(u32::MAX), policy().max);
    }

    #[test]
    fn failures_in_a_row_open_and_a_success_between_them_does_not() {
        let judge = |failures, health| policy().judge(Admission::Send, failures, health);
        assert_eq!(judge(0, Health::Down), Change::Count(1));
        assert_eq!(judge(1, Health::Down), Change::Count(2));
        assert_eq!(judge(2, Health::Up), Change::Count(0));
        let opened = Change::Open {
            trips: 1,
            failures: 3,
        };
        assert_eq!(judge(2, Health::Down), opened);
    }

    #[test]
    fn a_probe_closes_or_opens_for_longer() {
        let probe = policy().admit(Breaker::Probing { trips: 2 }, 0.0);
        assert_eq!(probe, Admission::Probe { trips: 2 });
        assert_eq!(policy().judge(probe, 0, Health::Up), Change::Close);
        let opened = Change::Open {
            trips: 3,
            failures: 1,
        };
        assert_eq!(policy().judge(probe, 0, Health::Down), opened);
    }

    #[test]
    fn without_a_number_of_failures_nothing_ever_opens() {
        let never = BreakerPolicy {
            failures: 0,
            ..policy()
        };
        let judged = never.judge(Admission::Send, u32::MAX, Health::Down);
        assert_eq!(judged, Change::Count(u32::MAX));
    }

    #[test]
    fn only_the_targets_own_trouble_counts() {
        for down in [429, 500, 502, 503, 504, 599] {
            assert_eq!(Health::of_status(down), Health::Down, "{down}");
        }
        for up in [200, 204, 301, 400, 401, 404, 410, 422] {
            assert_eq!(Health::of_status(up), Health::Up, "{up}");
        }
    }

    proptest! {
        #[test]
        fn who_waits_comes_back_after_the_open_time_and_not_much_later(
            trips in 1_u32..100, wait_ms in 0_u64..30_000, jitter in 0.0_f64..1.0,
        ) {
            let wait = Duration::from_millis(wait_ms);
            let Admission::Wait(told) = policy().admit(Breaker::Open { wait, trips }, jitter) else {
                return Err(TestCaseError::fail("an open breaker lets nothing through"));
            };
            prop_assert!(told >= wait && told <= wait + policy().max / 2);
            let Admission::Wait(told) = policy().admit(Breaker::HalfOpen { trips }, jitter) else {
                return Err(TestCaseError::fail("a probe is alone"));
            };
            prop_assert!(told >= SECOND / 2 && told <= SECOND * 2);
        }
    }
}
