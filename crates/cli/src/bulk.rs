//! `tandem jobs cancel` and `retry` for many jobs: counted first, then done, a thousand at a time.

use chrono::{DateTime, Utc};
use client::{BulkAction, BulkFilter, BulkJobs, Client, JobFilter};
use serde_json::json;

use crate::args::ChangeArgs;
use crate::consent::Consent;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;

/// The most jobs in one request.
const MAX_JOBS: u64 = 1_000;

/// What was done.
#[derive(Default)]
struct Done {
    jobs: u64,
    requested: u64,
}

/// An id names one job, so nothing else can be said beside it.
pub(crate) fn refuse_with_an_id(args: &ChangeArgs) -> Result<(), Failure> {
    let narrowed = JobFilter::from(args.filter.clone()) != JobFilter::default();
    if args.many.all || args.many.dry_run || narrowed {
        return Err(Failure::usage(
            "an id can't be given together with --all, --dry-run or filters",
        ));
    }
    Ok(())
}

pub(crate) async fn run(
    client: &Client,
    action: BulkAction,
    args: ChangeArgs,
    json: bool,
) -> Result<(), Failure> {
    let many = args.many;
    let filter = filter(args)?;
    let consent = Consent::unless_dry_run(many)?;
    let counting = BulkJobs {
        action,
        filter: filter.clone(),
        dry_run: true,
        limit: None,
    };
    let counted = client.change_jobs(&counting).await?;
    let matched = counted.matched;
    let Some(consent) = consent else {
        print(action, matched, None, json);
        return Ok(());
    };
    let question = format!("{} {}?", imperative(action), extent(matched));
    if matched > 0 && !consent.obtain(&question)? {
        return Err(Failure::new(format!("nothing was {}", participle(action))));
    }
    let filter = bounded(filter, action, counted.as_of);
    let done = change(client, action, filter, matched).await?;
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
async fn change(
    client: &Client,
    action: BulkAction,
    filter: BulkFilter,
    total: u64,
) -> Result<Done, Failure> {
    let progress = Progress::new(participle(action), total);
    let mut done = Done::default();
    let mut command = BulkJobs {
        action,
        filter,
        dry_run: false,
        limit: None,
    };
    while done.jobs < total {
        command.limit = Some(MAX_JOBS.min(total - done.jobs));
        let answer = client.change_jobs(&command).await;
        let changed = answer.inspect_err(|_| progress.tell_failure(done.jobs))?;
        done.jobs += changed.changed;
        done.requested += changed.requested;
        progress.tell(done.jobs);
        // What is left without being changed is in somebody else's hands.
        if changed.changed == 0 || changed.remaining == 0 {
            break;
        }
    }
    progress.clear();
    Ok(done)
}

/// All jobs must be asked for, and asked for alone.
fn filter(args: ChangeArgs) -> Result<BulkFilter, Failure> {
    let jobs = JobFilter::from(args.filter);
    match (args.many.all, jobs != JobFilter::default()) {
        (true, true) => Err(Failure::usage("--all can't be given together with filters")),
        (false, false) => Err(Failure::usage(
            "say which jobs are meant: by an id, by filters such as --kind, or by --all",
        )),
        (all, _) => Ok(BulkFilter {
            jobs,
            all,
            ..BulkFilter::default()
        }),
    }
}

/// The same, without what was not counted: jobs that came later, or that have ended again.
fn bounded(mut filter: BulkFilter, action: BulkAction, counted_at: DateTime<Utc>) -> BulkFilter {
    filter.all = false;
    let bound = match action {
        BulkAction::Cancel => &mut filter.jobs.created_before,
        BulkAction::Retry => &mut filter.finished_before,
    };
    *bound = Some(bound.map_or(counted_at, |given| given.min(counted_at)));
    filter
}

fn imperative(action: BulkAction) -> &'static str {
    match action {
        BulkAction::Cancel => "Cancel",
        BulkAction::Retry => "Retry",
    }
}

fn participle(action: BulkAction) -> &'static str {
    match action {
        BulkAction::Cancel => "cancelled",
        BulkAction::Retry => "retried",
    }
}

fn extent(jobs: u64) -> String {
    format!("{jobs} {}", if jobs == 1 { "job" } else { "jobs" })
}

fn print(action: BulkAction, matched: u64, done: Option<&Done>, json: bool) {
    if json {
        let (changed, requested) = done.map_or((0, 0), |done| (done.jobs, done.requested));
        output::json(&json!({
            "action": action, "matched": matched, "changed": changed, "requested": requested,
            "dry_run": done.is_none(),
        }));
        return;
    }
    output::line(&match done {
        Some(done) => format!("{} {} of {matched}", participle(action), done.jobs),
        None => format!("would {} {}", imperative(action).to_lowercase(), extent(matched)),
    });
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use client::JobState;

    use super::*;
    use crate::args::{Cli, Command, JobsArgs, JobsCommand};

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

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

    fn filter(arguments: &[&str]) -> Result<BulkFilter, String> {
        super::filter(args(arguments)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn all_must_be_asked_for_and_alone() {
        assert!(filter(&[]).unwrap_err().contains("--all"));
        assert!(filter(&["--all", "--tag", "t"]).unwrap_err().contains("--all"));
        let all = BulkFilter {
            all: true,
            ..BulkFilter::default()
        };
        assert_eq!(filter(&["--all"]), Ok(all));
        let narrow = filter(&["--kind", "k", "--state", "queued"]).unwrap();
        assert_eq!(
            (narrow.jobs.kind.as_deref(), narrow.jobs.state, narrow.all),
            (Some("k"), Some(JobState::Queued), false)
        );
    }

    #[test]
    fn an_id_is_given_alone() {
        assert!(refuse_with_an_id(&args(&[ID])).is_ok());
        for more in [&["--all"][..], &["--dry-run"], &["--kind", "k"]] {
            assert!(refuse_with_an_id(&args(&[&[ID], more].concat())).is_err());
        }
    }

    #[test]
    fn what_was_not_counted_is_left_out() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let bounds = |arguments: &[&str], action| {
            let filter = bounded(filter(arguments).unwrap(), action, time(late));
            assert!(!filter.all);
            (filter.jobs.created_before, filter.finished_before)
        };
        assert_eq!(bounds(&["--all"], BulkAction::Cancel), (Some(time(late)), None));
        assert_eq!(bounds(&["--all"], BulkAction::Retry), (None, Some(time(late))));
        assert_eq!(
            bounds(&["--created-before", early], BulkAction::Cancel),
            (Some(time(early)), None)
        );
    }
}
