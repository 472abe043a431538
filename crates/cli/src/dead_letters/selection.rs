//! Which dead letters are meant, as the api reads it.

use chrono::{DateTime, Utc};
use client::{DeadLetterFilter, DeadLetterSelection, JobId};

use crate::args::SelectionArgs;
use crate::failure::Failure;

/// The most ids in one request.
const MAX_IDS: usize = 1_000;

/// What a command is about, and how it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    filter: DeadLetterFilter,
    job_ids: Vec<JobId>,
}

impl Selection {
    /// All dead letters must be asked for, and asked for alone.
    pub(super) fn new(args: SelectionArgs) -> Result<Self, Failure> {
        let (filter, mut job_ids) = (DeadLetterFilter::from(args.filter), args.job_ids);
        job_ids.sort_unstable();
        job_ids.dedup();
        let narrowed = !job_ids.is_empty() || filter != DeadLetterFilter::default();
        match (args.many.all, narrowed) {
            (true, true) => Err(Failure::usage(
                "--all can't be given together with ids or filters",
            )),
            (false, false) => Err(Failure::usage(
                "say which dead letters are meant: by ids, by filters such as --fingerprint, or by --all",
            )),
            (true, false) | (false, true) => Ok(Self { filter, job_ids }),
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

    /// The selection as the api takes it; several, if there are more ids than one takes.
    pub(super) fn parts(&self) -> Vec<DeadLetterSelection> {
        let part = |job_ids: &[JobId]| DeadLetterSelection {
            all: job_ids.is_empty() && self.filter == DeadLetterFilter::default(),
            filter: self.filter.clone(),
            job_ids: job_ids.to_vec(),
        };
        if self.job_ids.is_empty() {
            return vec![part(&[])];
        }
        self.job_ids.chunks(MAX_IDS).map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::{Value, json};

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

    /// What is sent.
    fn sent(selection: &Selection) -> Value {
        serde_json::to_value(selection.parts()).unwrap()
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
        assert_eq!(sent(&selection(&["--all"]).unwrap()), json!([{ "all": true }]));
    }

    #[test]
    fn what_failed_after_the_count_is_left_out() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let before = |arguments: &[&str], limit| sent(&selection(arguments).unwrap().before(time(limit)));
        assert_eq!(before(&["--all"], late), json!([{ "failed_before": late }]));
        let given = ["--failed-before", early, "--kind", "k"];
        assert_eq!(
            before(&given, late),
            json!([{ "kind": "k", "failed_before": early }])
        );
        let given = ["--failed-before", late];
        assert_eq!(before(&given, early), json!([{ "failed_before": early }]));
    }

    #[test]
    fn many_ids_go_in_several_requests() {
        let ids: Vec<String> = (0..1_001)
            .map(|number| format!("{}{number:04}", &ID[..32]))
            .collect();
        let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        ids.push(ids[0]);
        let parts = selection(&[&ids[..], &["--kind", "k"]].concat()).unwrap().parts();
        let lens: Vec<usize> = parts.iter().map(|part| part.job_ids.len()).collect();
        assert_eq!(lens, [1_000, 1]);
        assert!(parts.iter().all(|part| part.filter.kind.as_deref() == Some("k")));
    }
}
