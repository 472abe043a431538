//! Waiting for AWS: bounded, with a line for each change, and interruptible.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::aws;
use crate::output;

/// How often to look, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) interval: Duration,
    pub(crate) limit: Duration,
}

/// Why waiting ended without an answer.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Somebody asked this process to end.
    Interrupted,
    /// It takes longer than it may.
    TimeUp(Duration),
    /// Looking is not allowed, or makes no sense.
    Refused(aws::Error),
}

/// What was seen.
#[derive(Debug)]
pub(crate) enum Seen<T> {
    /// It is not over; where it stands.
    Not(String),
    /// It is.
    Ended(T),
}

/// Looks until it is over. `what` begins each line that is told, once for each change.
///
/// That AWS can't be asked for a while is told and passes: what was begun there goes on without us.
pub(crate) async fn until<T>(
    what: &str,
    pace: Pace,
    stop: &CancellationToken,
    mut look: impl AsyncFnMut() -> Result<Seen<T>, aws::Error>,
) -> Result<T, Stopped> {
    let deadline = Instant::now() + pace.limit;
    let mut told = String::new();
    loop {
        let next = Instant::now() + pace.interval;
        let stands = match look().await {
            Ok(Seen::Ended(answer)) => return Ok(answer),
            Ok(Seen::Not(stands)) => stands,
            Err(error) if error.may_pass() => format!("can't look, trying again: {error}"),
            Err(error) => return Err(Stopped::Refused(error)),
        };
        if stands != told {
            output::note(&format!("{what}: {stands}"));
            told = stands;
        }
        if next > deadline {
            return Err(Stopped::TimeUp(pace.limit));
        }
        if stop.run_until_cancelled(sleep_until(next)).await.is_none() {
            return Err(Stopped::Interrupted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        interval: Duration::from_secs(5),
        limit: Duration::from_secs(60),
    };

    #[tokio::test(start_paused = true)]
    async fn it_looks_at_once_and_then_at_intervals() {
        let begun = Instant::now();
        let mut looks = 0;
        let answer = until("x", PACE, &CancellationToken::new(), async || {
            looks += 1;
            Ok(if looks == 4 {
                Seen::Ended(looks)
            } else {
                Seen::Not("going".to_owned())
            })
        });
        assert_eq!(answer.await.unwrap(), 4);
        assert_eq!(begun.elapsed().as_secs(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_the_time_is_up_or_somebody_asks() {
        let begun = Instant::now();
        let never = async || Ok(Seen::<()>::Not("going".to_owned()));
        let ended = until("x", PACE, &CancellationToken::new(), never).await;
        assert!(matches!(ended, Err(Stopped::TimeUp(_))), "{ended:?}");
        assert_eq!(begun.elapsed().as_secs(), 60);
        let stop = CancellationToken::new();
        stop.cancel();
        let ended = until("x", PACE, &stop, never).await;
        assert!(matches!(ended, Err(Stopped::Interrupted)), "{ended:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_passes_and_a_refusal_does_not() {
        let mut looks = 0;
        let answer = until("x", PACE, &CancellationToken::new(), async || {
            looks += 1;
            if looks == 1 {
                Err(aws::Error::outage("DescribeTasks"))
            } else {
                Ok(Seen::Ended(()))
            }
        });
        assert!(answer.await.is_ok());
        let refused = until::<()>("x", PACE, &CancellationToken::new(), async || {
            Err(aws::Error::refusal("DescribeTasks", "AccessDeniedException"))
        });
        assert!(matches!(refused.await, Err(Stopped::Refused(_))));
    }
}
