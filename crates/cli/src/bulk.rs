//! `tandem jobs cancel` and `retry` for many jobs: counted first, then done, a thousand at a time.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::args::ChangeArgs;
use crate::client::Client;
use crate::consent::Consent;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;

const PATH: &str = "/api/jobs/bulk";

/// The most jobs in one request.
const MAX_JOBS: u64 = 1_000;

/// What is done to the jobs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// They end, or are asked to.
    Cancel,
    /// They run again.
    Retry,
}

impl Action {
    /// As the api calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }

    fn imperative(self) -> &'static str {
        match self {
            Self::Cancel => "Cancel",
            Self::Retry => "Retry",
        }
    }

    fn participle(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Retry => "retried",
        }
    }

    /// The bound that keeps out what was not counted: jobs that came later, or that have ended again.
    fn bound(self) -> &'static str {
        match self {
            Self::Cancel => "created_before",
            Self::Retry => "finished_before",
        }
    }
}

/// What was done.
#[derive(Default)]
struct Done {
    jobs: u64,
    requested: u64,
}

/// An id names one job, so nothing else can be said beside it.
pub(crate) fn refuse_with_an_id(args: &ChangeArgs) -> Result<(), Failure> {
    if args.all || args.dry_run || is_narrowed(args) {
        return Err(Failure::usage(
            "an id can't be given together with --all, --dry-run or filters",
        ));
    }
    Ok(())
}

pub(crate) async fn run(
    client: &Client,
    action: Action,
    args: ChangeArgs,
    json: bool,
) -> Result<(), Failure> {
    let filter = filter(&args)?;
    let consent = if args.dry_run {
        None
    } else {
        Some(Consent::of_process(args.yes)?)
    };
    let body = json!({ "action": action.as_str(), "filter": filter, "dry_run": true });
    let counted = client.post_json(PATH, &body).await?;
    let matched = number(&counted, "matched")?;
    let Some(consent) = consent else {
        print(action, matched, None, json);
        return Ok(());
    };
    let question = format!("{} {}?", action.imperative(), extent(matched));
    if matched > 0 && !consent.obtain(&question)? {
        return Err(Failure::new(format!("nothing was {}", action.participle())));
    }
    let counted_at = counted["as_of"].as_str().unwrap_or_default().parse()?;
    let done = change(client, action, &bounded(filter, action, counted_at), matched).await?;
    print(action, matched, Some(&done), json);
    if done.requested > 0 && !json {
        output::note(&format!(
            "of those, asked to end while they run: {}",
            done.requested
        ));
    }
    if done.jobs < matched {
        output::note("the others are left: somebody else has moved them, or is moving them");
    }
    Ok(())
}

/// Changes up to `total` jobs.
async fn change(client: &Client, action: Action, filter: &Value, total: u64) -> Result<Done, Failure> {
    let progress = Progress::new(action.participle(), total);
    let mut done = Done::default();
    while done.jobs < total {
        let limit = MAX_JOBS.min(total - done.jobs);
        let body = json!({ "action": action.as_str(), "filter": filter, "limit": limit });
        let answer = client.post_json(PATH, &body).await.inspect_err(|_| {
            progress.clear();
            output::note(&format!(
                "{} {} of {total}, then failed",
                action.participle(),
                done.jobs
            ));
        })?;
        let changed = number(&answer, "changed")?;
        done.jobs += changed;
        done.requested += number(&answer, "requested")?;
        progress.tell(done.jobs);
        // What is left without being changed is in somebody else's hands.
        if changed == 0 || number(&answer, "remaining")? == 0 {
            break;
        }
    }
    progress.clear();
    Ok(done)
}

fn is_narrowed(args: &ChangeArgs) -> bool {
    args.filter.fields().iter().any(|(_, value)| value.is_some())
}

/// All jobs must be asked for, and asked for alone.
fn filter(args: &ChangeArgs) -> Result<Map<String, Value>, Failure> {
    match (args.all, is_narrowed(args)) {
        (true, true) => Err(Failure::usage("--all can't be given together with filters")),
        (false, false) => Err(Failure::usage(
            "say which jobs are meant: by an id, by filters such as --kind, or by --all",
        )),
        (true, false) => Ok(Map::from_iter([("all".to_owned(), true.into())])),
        (false, true) => {
            let fields = args.filter.fields().into_iter();
            Ok(fields
                .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
                .collect())
        }
    }
}

/// The same, without what was not counted.
fn bounded(mut filter: Map<String, Value>, action: Action, counted_at: DateTime<Utc>) -> Value {
    filter.remove("all");
    let given = filter.get(action.bound()).and_then(Value::as_str);
    let given: Option<DateTime<Utc>> = given.and_then(|text| text.parse().ok());
    let bound = given.map_or(counted_at, |given| given.min(counted_at));
    let text = bound.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    filter.insert(action.bound().to_owned(), text.into());
    filter.into()
}

fn number(answer: &Value, name: &str) -> Result<u64, Failure> {
    let number = answer[name].as_u64();
    number.ok_or_else(|| Failure::new(format!("the api's answer has no {name}: {answer}")))
}

fn extent(jobs: u64) -> String {
    format!("{jobs} {}", if jobs == 1 { "job" } else { "jobs" })
}

fn print(action: Action, matched: u64, done: Option<&Done>, json: bool) {
    if json {
        let (changed, requested) = done.map_or((0, 0), |done| (done.jobs, done.requested));
        output::json(&json!({
            "action": action.as_str(), "matched": matched, "changed": changed, "requested": requested,
            "dry_run": done.is_none(),
        }));
        return;
    }
    output::line(&match done {
        Some(done) => format!("{} {} of {matched}", action.participle(), done.jobs),
        None => format!("would {} {}", action.as_str(), extent(matched)),
    });
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command, JobsArgs, JobsCommand};

    fn args(arguments: &[&str]) -> ChangeArgs {
        let cli = Cli::try_parse_from([&["tandem", "jobs", "cancel"], arguments].concat()).unwrap();
        let Command::Jobs(JobsArgs {
            command: JobsCommand::Cancel(args),
            ..
        }) = cli.command
        else {
            panic!()
        };
        args
    }

    #[test]
    fn all_must_be_asked_for_and_alone() {
        let told = |arguments: &[&str]| filter(&args(arguments)).map_err(|failure| failure.to_string());
        assert!(told(&[]).unwrap_err().contains("--all"));
        assert!(told(&["--all", "--tag", "t"]).unwrap_err().contains("--all"));
        assert_eq!(Value::from(told(&["--all"]).unwrap()), json!({ "all": true }));
        let narrow = told(&["--kind", "k", "--state", "queued"]).unwrap();
        assert_eq!(Value::from(narrow), json!({ "kind": "k", "state": "queued" }));
    }

    #[test]
    fn an_id_is_given_alone() {
        assert!(refuse_with_an_id(&args(&["7"])).is_ok());
        for more in [&["--all"][..], &["--dry-run"], &["--kind", "k"]] {
            assert!(refuse_with_an_id(&args(&[&["7"], more].concat())).is_err());
        }
    }

    #[test]
    fn what_was_not_counted_is_left_out() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let bounded = |arguments: &[&str], action, at| {
            super::bounded(
                filter(&args(arguments)).map_err(|_| ()).unwrap(),
                action,
                time(at),
            )
        };
        assert_eq!(
            bounded(&["--all"], Action::Cancel, late),
            json!({ "created_before": late })
        );
        assert_eq!(
            bounded(&["--all"], Action::Retry, late),
            json!({ "finished_before": late })
        );
        let given = ["--created-before", early];
        assert_eq!(
            bounded(&given, Action::Cancel, late),
            json!({ "created_before": early })
        );
    }
}
