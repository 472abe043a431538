//! Retrying and discarding: counted first, then done, a thousand at a time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::selection::Selection;
use crate::args::SelectionArgs;
use crate::client::Client;
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

pub(super) async fn run(client: &Client, verb: Verb, args: SelectionArgs, json: bool) -> Result<(), Failure> {
    let (dry_run, yes) = (args.dry_run, args.yes);
    let selection = Selection::new(args)?;
    let consent = if dry_run {
        None
    } else {
        Some(Consent::of_process(yes)?)
    };
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
    for filter in selection.filters() {
        let body = json!({ "filter": filter, "dry_run": true });
        let answer = client.post_json(verb.path(), &body).await?;
        jobs += number(&answer, "matched")?;
        let time = answer["as_of"].as_str().unwrap_or_default();
        times.push(time.parse::<DateTime<Utc>>()?);
    }
    let at = times.into_iter().min();
    let at = at.ok_or_else(|| Failure::new("nothing was counted"))?;
    Ok(Counted { jobs, at })
}

/// Decides about up to `total` jobs; answers about how many it did.
async fn decide(client: &Client, verb: Verb, selection: Selection, total: u64) -> Result<u64, Failure> {
    let progress = Progress::new(verb.participle(), total);
    let (mut done, mut next_at) = (0, Instant::now());
    for filter in selection.filters() {
        while done < total {
            let pause = next_at.saturating_duration_since(Instant::now());
            if !pause.is_zero() {
                progress.tell_pause(pause);
                sleep_until(next_at).await;
            }
            let body = verb.body(&filter, MAX_JOBS.min(total - done));
            let answer = client.post_json(verb.path(), &body).await;
            let answer = answer.inspect_err(|_| {
                progress.clear();
                output::note(&format!("{} {done} of {total}, then failed", verb.participle()));
            })?;
            let decided = number(&answer, verb.participle())?;
            next_at = Instant::now() + spread(&answer);
            done += decided;
            progress.tell(done);
            // What is left without being decided about is in somebody else's hands.
            if decided == 0 || number(&answer, "remaining")? == 0 {
                break;
            }
        }
    }
    progress.clear();
    Ok(done)
}

fn number(answer: &Value, name: &str) -> Result<u64, Failure> {
    let number = answer[name].as_u64();
    number.ok_or_else(|| Failure::new(format!("the api's answer has no {name}: {answer}")))
}

/// How long the jobs of this request take to become due.
fn spread(answer: &Value) -> Duration {
    let secs = answer["spread_over_secs"].as_f64().unwrap_or_default();
    Duration::try_from_secs_f64(secs).unwrap_or_default()
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
    fn path(self) -> &'static str {
        match self {
            Self::Retry { .. } => "/api/dead-letters/retry",
            Self::Discard => "/api/dead-letters/discard",
        }
    }

    fn imperative(self) -> &'static str {
        match self {
            Self::Retry { .. } => "Retry",
            Self::Discard => "Discard",
        }
    }

    /// Also the name of the count in the api's answer.
    fn participle(self) -> &'static str {
        match self {
            Self::Retry { .. } => "retried",
            Self::Discard => "discarded",
        }
    }

    fn body(self, filter: &Value, limit: u64) -> Value {
        let mut body = json!({ "filter": filter, "limit": limit });
        if let Self::Retry { rate: Some(rate) } = self {
            body["rate_per_second"] = rate.into();
        }
        body
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
    fn a_rate_is_told_and_sent() {
        let paced = Verb::Retry { rate: Some(10.0) };
        assert_eq!(paced.extent(1_200), "1200 dead letters, over 120 s");
        assert_eq!(Verb::Discard.extent(1), "1 dead letter");
        let filter = json!({ "kind": "k" });
        assert_eq!(
            paced.body(&filter, 7),
            json!({ "filter": { "kind": "k" }, "limit": 7, "rate_per_second": 10.0 })
        );
        assert_eq!(
            Verb::Retry { rate: None }.body(&filter, 7),
            json!({ "filter": { "kind": "k" }, "limit": 7 })
        );
    }

    #[test]
    fn a_spread_that_makes_no_sense_is_none() {
        assert_eq!(
            spread(&json!({ "spread_over_secs": 2.5 })),
            Duration::from_millis(2_500)
        );
        for odd in [
            json!({}),
            json!({ "spread_over_secs": null }),
            json!({ "spread_over_secs": -1 }),
        ] {
            assert_eq!(spread(&odd), Duration::ZERO);
        }
    }
}
