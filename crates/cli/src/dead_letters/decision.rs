//! Retrying and discarding: counted first, then done, a thousand at a time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use client::{Client, DeadLetterSelection, DiscardDeadLetters, RetryDeadLetters};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::selection::Selection;
use crate::args::SelectionArgs;
use crate::consent::Consent;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;

/// The most jobs in one request.
const MAX_JOBS: u64 = 1_000;

/// What becomes of the dead letters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    /// They run again.
    Retry {
        /// So many become due per second.
        rate: Option<f64>,
    },
    /// They stay failed.
    Discard,
}

/// What matched at the start.
struct Counted {
    jobs: u64,
    at: DateTime<Utc>,
}

/// What one request came to.
struct Decided {
    matched: u64,
    jobs: u64,
    remaining: u64,
    at: DateTime<Utc>,
    /// How long the jobs take to become due.
    spread: Duration,
}

pub(super) async fn run(client: &Client, verb: Verb, args: SelectionArgs, json: bool) -> Result<(), Failure> {
    let many = args.many;
    let selection = Selection::new(args)?;
    let consent = Consent::unless_dry_run(many)?;
    let counted = count(client, verb, &selection).await?;
    let strangers = selection.named_jobs().saturating_sub(counted.jobs);
    if strangers > 0 {
        output::note(&format!(
            "{strangers} of the jobs that were named are no dead letters that fit"
        ));
    }
    let Some(consent) = consent else {
        print(verb, counted.jobs, None, json);
        return Ok(());
    };
    let question = format!("{} {}?", verb.imperative(), verb.extent(counted.jobs));
    if counted.jobs > 0 && !consent.obtain(&question)? {
        return Err(Failure::new(format!("nothing was {}", verb.participle())));
    }
    let done = decide(client, verb, selection.before(counted.at), counted.jobs).await?;
    print(verb, counted.jobs, Some(done), json);
    if done < counted.jobs {
        output::note("the others are left: somebody else has decided, or is deciding, about them");
    }
    Ok(())
}

/// Counts what is meant. The time is the api's: what fails later, also what is retried now and fails again, is another
/// dead letter.
async fn count(client: &Client, verb: Verb, selection: &Selection) -> Result<Counted, Failure> {
    let (mut jobs, mut times) = (0, Vec::new());
    for part in selection.parts() {
        let counted = verb.ask(client, part, None).await?;
        jobs += counted.matched;
        times.push(counted.at);
    }
    let at = times.into_iter().min();
    let at = at.ok_or_else(|| Failure::new("nothing was counted"))?;
    Ok(Counted { jobs, at })
}

/// Decides about up to `total` jobs; answers about how many it did.
async fn decide(client: &Client, verb: Verb, selection: Selection, total: u64) -> Result<u64, Failure> {
    let progress = Progress::new(verb.participle(), total);
    let (mut done, mut next_at) = (0, Instant::now());
    for part in selection.parts() {
        while done < total {
            let pause = next_at.saturating_duration_since(Instant::now());
            if !pause.is_zero() {
                progress.tell_pause(pause);
                sleep_until(next_at).await;
            }
            let limit = MAX_JOBS.min(total - done);
            let answer = verb.ask(client, part.clone(), Some(limit)).await;
            let decided = answer.inspect_err(|_| progress.tell_failure(done))?;
            next_at = Instant::now() + decided.spread;
            done += decided.jobs;
            progress.tell(done);
            // What is left without being decided about is in somebody else's hands.
            if decided.jobs == 0 || decided.remaining == 0 {
                break;
            }
        }
    }
    progress.clear();
    Ok(done)
}

fn spread(secs: Option<f64>) -> Duration {
    Duration::try_from_secs_f64(secs.unwrap_or_default()).unwrap_or_default()
}

fn print(verb: Verb, matched: u64, done: Option<u64>, json: bool) {
    if json {
        let decided = done.unwrap_or_default();
        output::json(&json!({ "matched": matched, verb.participle(): decided, "dry_run": done.is_none() }));
        return;
    }
    output::line(&match done {
        Some(done) => format!("{} {done} of {matched}", verb.participle()),
        None => format!(
            "would {} {}",
            verb.imperative().to_lowercase(),
            verb.extent(matched)
        ),
    });
}

impl Verb {
    /// Decides about up to `limit` jobs; without a limit it only counts.
    async fn ask(
        self,
        client: &Client,
        filter: DeadLetterSelection,
        limit: Option<u64>,
    ) -> Result<Decided, client::Error> {
        let dry_run = limit.is_none();
        Ok(match self {
            Self::Retry { rate } => {
                let command = RetryDeadLetters {
                    filter,
                    dry_run,
                    limit,
                    rate_per_second: rate,
                };
                let retried = client.retry_dead_letters(&command).await?;
                Decided {
                    matched: retried.matched,
                    jobs: retried.retried,
                    remaining: retried.remaining,
                    at: retried.as_of,
                    spread: spread(retried.spread_over_secs),
                }
            }
            Self::Discard => {
                let command = DiscardDeadLetters {
                    filter,
                    dry_run,
                    limit,
                };
                let discarded = client.discard_dead_letters(&command).await?;
                Decided {
                    matched: discarded.matched,
                    jobs: discarded.discarded,
                    remaining: discarded.remaining,
                    at: discarded.as_of,
                    spread: Duration::ZERO,
                }
            }
        })
    }

    fn imperative(self) -> &'static str {
        match self {
            Self::Retry { .. } => "Retry",
            Self::Discard => "Discard",
        }
    }

    fn participle(self) -> &'static str {
        match self {
            Self::Retry { .. } => "retried",
            Self::Discard => "discarded",
        }
    }

    /// So many jobs, in words.
    fn extent(self, jobs: u64) -> String {
        let noun = if jobs == 1 { "dead letter" } else { "dead letters" };
        match self {
            Self::Retry { rate: Some(rate) } => {
                format!("{jobs} {noun}, over {:.0} s", jobs as f64 / rate)
            }
            Self::Retry { rate: None } | Self::Discard => format!("{jobs} {noun}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told() {
        let paced = Verb::Retry { rate: Some(10.0) };
        assert_eq!(paced.extent(1_200), "1200 dead letters, over 120 s");
        assert_eq!(Verb::Discard.extent(1), "1 dead letter");
    }

    #[test]
    fn a_spread_that_makes_no_sense_is_none() {
        assert_eq!(spread(Some(2.5)), Duration::from_millis(2_500));
        for odd in [None, Some(-1.0), Some(f64::NAN)] {
            assert_eq!(spread(odd), Duration::ZERO);
        }
    }
}
