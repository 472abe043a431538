//! When a request is sent again, and after which wait.

use std::time::Duration;

use http::StatusCode;

/// How often and how patiently requests are repeated.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The most times that one request is sent, the first one included.
    pub max_tries: u32,
    /// The ceiling of the first wait; it doubles with each further one.
    pub initial: Duration,
    /// The most that a wait is, also one that the api asks for: a client that is told to wait longer gives up.
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_tries: 5,
            initial: Duration::from_millis(200),
            max: Duration::from_secs(30),
        }
    }
}

/// Whether a request takes effect once, however often it is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Repeat {
    /// It does: reads, whatever names its result, submits with an `Idempotency-Key`.
    Harmless,
    /// It does not: repeated only when it was certainly not done before.
    Once,
}

/// What a try came to, if not to an answer that the caller wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Setback {
    /// No connection: the request was not sent.
    NotSent,
    /// The connection broke, or the time was up: it may have been done.
    NoAnswer,
    /// The api refused, and may accept later.
    Refused {
        status: StatusCode,
        /// Whether it says that the request may have been done all the same.
        unsure: bool,
        /// Whether it says that the first request with its key is still under way.
        in_progress: bool,
        /// The wait that it asks for.
        retry_after: Option<Duration>,
    },
}

impl RetryPolicy {
    /// The wait before the next try; `None` when there should be none. `tries` have been made, and `jitter` is drawn from
    /// 0 to 1.
    ///
    /// A wait that the api asks for is kept, and a little more, so that those who were told the same do not come back at the
    /// same moment; any other is drawn between 0 and its ceiling ("full jitter").
    pub(crate) fn wait(&self, tries: u32, repeat: Repeat, setback: Setback, jitter: f64) -> Option<Duration> {
        if tries >= self.max_tries || !may_repeat(repeat, setback) {
            return None;
        }
        let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
        let drawn = self.initial.saturating_mul(doubled).min(self.max).mul_f64(jitter);
        match setback {
            Setback::Refused {
                retry_after: Some(asked),
                ..
            } => (asked <= self.max).then(|| asked + drawn.min(self.initial.max(asked / 4))),
            Setback::NotSent
            | Setback::NoAnswer
            | Setback::Refused {
                retry_after: None, ..
            } => Some(drawn),
        }
    }
}

fn may_repeat(repeat: Repeat, setback: Setback) -> bool {
    match setback {
        Setback::NotSent => true,
        Setback::NoAnswer => repeat == Repeat::Harmless,
        Setback::Refused {
            status,
            unsure,
            in_progress,
            ..
        } => match status {
            StatusCode::CONFLICT => in_progress,
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::SERVICE_UNAVAILABLE => !unsure || repeat == Repeat::Harmless,
            // A load balancer's answers; the request may have been passed on.
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => repeat == Repeat::Harmless,
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_tries: 4,
        initial: Duration::from_millis(100),
        max: Duration::from_secs(10),
    };

    fn refused(status: u16, unsure: bool, retry_after_secs: Option<u64>) -> Setback {
        Setback::Refused {
            status: StatusCode::from_u16(status).unwrap(),
            unsure,
            in_progress: false,
            retry_after: retry_after_secs.map(Duration::from_secs),
        }
    }

    #[test]
    fn waits_double_up_to_their_end() {
        let ceiling = |tries| POLICY.wait(tries, Repeat::Harmless, Setback::NoAnswer, 1.0);
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(
            [1, 2, 3, 4].map(ceiling),
            [millis(100), millis(200), millis(400), None]
        );
        let patient = RetryPolicy {
            max_tries: u32::MAX,
            ..POLICY
        };
        assert_eq!(
            patient.wait(1_000, Repeat::Harmless, Setback::NotSent, 1.0),
            Some(POLICY.max)
        );
        assert_eq!(POLICY.wait(1, Repeat::Once, Setback::NotSent, 0.0), millis(0));
    }

    #[test]
    fn what_the_api_asks_for_is_kept_unless_it_is_too_long() {
        let wait = |secs, jitter| POLICY.wait(1, Repeat::Once, refused(429, false, Some(secs)), jitter);
        assert_eq!(wait(2, 0.0), Some(Duration::from_secs(2)));
        assert_eq!(wait(2, 1.0), Some(Duration::from_millis(2_100)));
        assert_eq!(wait(11, 0.0), None);
    }

    #[test]
    fn what_may_have_been_done_is_repeated_only_if_that_is_harmless() {
        let in_progress = Setback::Refused {
            status: StatusCode::CONFLICT,
            unsure: false,
            in_progress: true,
            retry_after: None,
        };
        for (setback, harmless, once) in [
            (Setback::NotSent, true, true),
            (Setback::NoAnswer, true, false),
            (refused(429, false, None), true, true),
            (refused(503, false, None), true, true),
            (refused(503, true, None), true, false),
            (refused(502, false, None), true, false),
            (refused(504, false, None), true, false),
            (refused(500, false, None), false, false),
            (refused(409, false, None), false, false),
            (in_progress, true, true),
        ] {
            let repeated = |repeat| POLICY.wait(1, repeat, setback, 0.5).is_some();
            assert_eq!(
                (repeated(Repeat::Harmless), repeated(Repeat::Once)),
                (harmless, once),
                "{setback:?}"
            );
        }
    }
}
