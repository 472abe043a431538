//! Which dead letters are meant, as the api reads it.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::JobId;
use serde_json::{Map, Value, json};

use crate::args::{FilterArgs, SelectionArgs};
use crate::failure::Failure;

/// The most ids in one request.
const MAX_IDS: usize = 1_000;

/// What a command is about, and how it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    filter: FilterArgs,
    job_ids: Vec<JobId>,
}

impl Selection {
    /// All dead letters must be asked for, and asked for alone.
    pub(super) fn new(mut args: SelectionArgs) -> Result<Self, Failure> {
        args.job_ids.sort_unstable();
        args.job_ids.dedup();
        let narrowed =
            !args.job_ids.is_empty() || fields(&args.filter).iter().any(|(_, value)| value.is_some());
        match (args.all, narrowed) {
            (true, true) => Err(Failure::usage(
                "--all can't be given together with ids or filters",
            )),
            (false, false) => Err(Failure::usage(
                "say which dead letters are meant: by ids, by filters such as --fingerprint, or by --all",
            )),
            (true, false) | (false, true) => Ok(Self {
                filter: args.filter,
                job_ids: args.job_ids,
            }),
        }
    }

    /// How many jobs were named by their ids.
    pub(super) fn named_jobs(&self) -> u64 {
        self.job_ids.len() as u64
    }

    /// The same, without those that failed later.
    pub(super) fn before(mut self, time: DateTime<Utc>) -> Self {
        let earlier = self.filter.failed_before.map_or(time, |given| given.min(time));
        self.filter.failed_before = Some(earlier);
        self
    }

    /// The filter as the api takes it; several, if there are more ids than one takes.
    pub(super) fn filters(&self) -> Vec<Value> {
        let mut filter = Map::new();
        for (name, value) in fields(&self.filter) {
            filter.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        if self.job_ids.is_empty() {
            if filter.is_empty() {
                filter.insert("all".to_owned(), true.into());
            }
            return vec![filter.into()];
        }
        let with_ids = |ids: &[JobId]| {
            let mut filter = filter.clone();
            filter.insert("job_ids".to_owned(), json!(ids));
            filter.into()
        };
        self.job_ids.chunks(MAX_IDS).map(with_ids).collect()
    }
}

/// The filter's fields by their names in queries and bodies.
pub(super) fn fields(filter: &FilterArgs) -> [(&'static str, Option<String>); 7] {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    [
        ("kind", filter.kind.clone()),
        ("queue", filter.queue.clone()),
        ("tag", filter.tag.clone()),
        ("error_code", filter.error_code.clone()),
        ("fingerprint", filter.fingerprint.clone()),
        ("failed_after", filter.failed_after.map(time)),
        ("failed_before", filter.failed_before.map(time)),
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command, DeadLettersArgs, DeadLettersCommand};

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    fn selection(arguments: &[&str]) -> Result<Selection, String> {
        let cli = Cli::try_parse_from([&["tandem", "dead-letters", "discard"], arguments].concat()).unwrap();
        let Command::DeadLetters(DeadLettersArgs {
            command: DeadLettersCommand::Discard(selection),
            ..
        }) = cli.command
        else {
            panic!()
        };
        Selection::new(selection).map_err(|failure| failure.to_string())
    }

    #[test]
    fn all_must_be_asked_for_and_alone() {
        assert!(selection(&[]).unwrap_err().contains("--all"));
        for more in [&["--tag", "t"][..], &[ID]] {
            assert!(
                selection(&[&["--all"], more].concat())
                    .unwrap_err()
                    .contains("--all")
            );
        }
        assert_eq!(selection(&["--all"]).unwrap().filters(), [json!({ "all": true })]);
    }

    #[test]
    fn what_failed_after_the_count_is_left_out() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let before = |arguments: &[&str], limit| selection(arguments).unwrap().before(time(limit)).filters();
        assert_eq!(before(&["--all"], late), [json!({ "failed_before": late })]);
        let given = ["--failed-before", early, "--kind", "k"];
        assert_eq!(
            before(&given, late),
            [json!({ "kind": "k", "failed_before": early })]
        );
        let given = ["--failed-before", late];
        assert_eq!(before(&given, early), [json!({ "failed_before": early })]);
    }

    #[test]
    fn many_ids_go_in_several_requests() {
        let ids: Vec<String> = (0..1_001)
            .map(|number| format!("{}{number:04}", &ID[..32]))
            .collect();
        let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        ids.push(ids[0]);
        let filters = selection(&[&ids[..], &["--kind", "k"]].concat())
            .unwrap()
            .filters();
        let lens: Vec<usize> = filters
            .iter()
            .map(|filter| filter["job_ids"].as_array().unwrap().len())
            .collect();
        assert_eq!(lens, [1_000, 1]);
        assert!(filters.iter().all(|filter| filter["kind"] == "k"));
    }
}
