//! Batches: SQS takes ten entries per request and answers for each one.

use aws_sdk_sqs::types::BatchResultErrorEntry;
use futures::{StreamExt, stream};

use super::failure::{self, Failure};
use crate::{EntryFailure, Error};

/// The most entries, or received messages, of one request.
pub(super) const MAX_ENTRIES: usize = 10;

/// How many requests of one batch are under way at once.
const MAX_REQUESTS: usize = 8;

/// Makes the requests for `items`, ten items each, and answers which items failed. All items of a request
/// that failed as a whole did; when every request failed, so did the call.
pub(super) async fn in_requests<'a, T, F, R>(items: &'a [T], request: F) -> Result<Vec<EntryFailure>, Error>
where
    F: Fn(&'a [T]) -> R,
    R: Future<Output = Result<Vec<EntryFailure>, Failure>>,
{
    let requests: Vec<R> = items.chunks(MAX_ENTRIES).map(request).collect();
    let answers: Vec<_> = stream::iter(requests).buffered(MAX_REQUESTS).collect().await;
    let mut failures = Vec::new();
    let mut last_failure = None;
    let mut any_answered = items.is_empty();
    for (chunk, answer) in answers.into_iter().enumerate() {
        let first = chunk * MAX_ENTRIES;
        match answer {
            Ok(entries) => {
                any_answered = true;
                failures.extend(entries.into_iter().map(|entry| EntryFailure {
                    index: first + entry.index,
                    ..entry
                }));
            }
            Err(failure) => {
                let end = items.len().min(first + MAX_ENTRIES);
                failures.extend((first..end).map(|index| EntryFailure {
                    index,
                    error: failure.clone().into(),
                }));
                last_failure = Some(failure);
            }
        }
    }
    match last_failure {
        Some(failure) if !any_answered => Err(failure.into()),
        _ => Ok(failures),
    }
}

/// Which of `len` entries failed. Their ids are their indexes; one that the answer does not mention was not
/// accepted as far as we know.
pub(super) fn failures<'a>(
    len: usize,
    accepted: impl Iterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
) -> Vec<EntryFailure> {
    let mut outcomes: Vec<Option<Error>> = (0..len).map(|_| Some(failure::unanswered())).collect();
    let outcomes_of_answer = accepted.map(|id| (id, None)).chain(
        failed
            .iter()
            .map(|entry| (entry.id(), Some(failure::of_entry(entry)))),
    );
    for (id, outcome) in outcomes_of_answer {
        if let Some(slot) = id.parse().ok().and_then(|index: usize| outcomes.get_mut(index)) {
            *slot = outcome;
        }
    }
    let failed = outcomes.into_iter().enumerate();
    failed
        .filter_map(|(index, error)| error.map(|error| EntryFailure { index, error }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(id: &str, sender_fault: bool, code: &str) -> BatchResultErrorEntry {
        BatchResultErrorEntry::builder()
            .id(id)
            .sender_fault(sender_fault)
            .code(code)
            .build()
            .unwrap()
    }

    fn kinds(failures: &[EntryFailure]) -> Vec<(usize, &'static str)> {
        let kind = |error: &Error| match error {
            Error::Unavailable(_) => "unavailable",
            Error::Rejected(_) => "rejected",
            Error::StaleReceipt => "stale",
        };
        failures
            .iter()
            .map(|failure| (failure.index, kind(&failure.error)))
            .collect()
    }

    #[test]
    fn every_entry_is_accounted_for() {
        let refused = [
            failed("1", true, "InvalidMessageContents"),
            failed("3", false, "InternalError"),
            failed("9", true, "?"),
        ];
        let failures = failures(5, ["0", "4"].into_iter(), &refused);
        assert_eq!(
            kinds(&failures),
            [(1, "rejected"), (2, "unavailable"), (3, "unavailable")]
        );
    }

    async fn run(items: usize, fails: impl Fn(usize) -> bool) -> Result<Vec<EntryFailure>, Error> {
        let items: Vec<usize> = (0..items).collect();
        in_requests(&items, |chunk| {
            let failed = fails(chunk[0]);
            async move {
                assert!(chunk.len() <= MAX_ENTRIES);
                if failed {
                    return Err(Failure::lost());
                }
                Ok(vec![EntryFailure {
                    index: chunk.len() - 1,
                    error: Error::StaleReceipt,
                }])
            }
        })
        .await
    }

    #[tokio::test]
    async fn indexes_are_those_of_the_whole_batch() {
        assert_eq!(
            kinds(&run(25, |_| false).await.unwrap()),
            [(9, "stale"), (19, "stale"), (24, "stale")]
        );
    }

    #[tokio::test]
    async fn a_request_that_fails_takes_its_own_entries_with_it_only() {
        let failures = run(12, |first| first == 10).await.unwrap();
        assert_eq!(
            kinds(&failures),
            [(9, "stale"), (10, "unavailable"), (11, "unavailable")]
        );
    }

    #[tokio::test]
    async fn the_call_fails_when_every_request_does() {
        assert!(matches!(run(25, |_| true).await, Err(Error::Unavailable(_))));
        assert!(run(0, |_| true).await.unwrap().is_empty());
    }
}
