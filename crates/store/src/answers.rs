//! What each request of a group is told, once its jobs are stored, found or refused.

use std::collections::HashMap;

use uuid::Uuid;

use crate::idempotency::{Bound, Rebinding};
use crate::submit::{Submission, Submitted, SubmittedJob, ids_of};
use crate::unique::{Place, Refusal};

/// A job of an answer, and whether it existed before the request.
pub(crate) type Told = (Uuid, bool);

/// What became of the requests that were to be stored: those without a key, and the first one of each key.
pub(crate) struct StoredAs<'a> {
    submissions: Vec<&'a Submission>,
    answers: Vec<Result<Vec<Told>, Refusal>>,
    by_first_job: HashMap<Uuid, usize>,
    by_key: HashMap<&'a str, usize>,
}

/// The jobs of all answers.
#[derive(Default)]
pub(crate) struct Known {
    /// As they were when they were accepted.
    pub(crate) accepted: HashMap<Uuid, SubmittedJob>,
    /// Those that existed before, as they stand.
    pub(crate) existing: HashMap<Uuid, SubmittedJob>,
}

impl Known {
    fn find(&self, told: &[Told]) -> Vec<SubmittedJob> {
        let job = |(id, existed): &Told| {
            let jobs = if *existed { &self.existing } else { &self.accepted };
            jobs.get(id).cloned()
        };
        told.iter().filter_map(job).collect()
    }
}

impl<'a> StoredAs<'a> {
    pub(crate) fn of(submissions: &[&'a Submission], settled: Vec<Result<Vec<Place>, Refusal>>) -> Self {
        let told = |submission: &Submission, places: Vec<Place>| -> Vec<Told> {
            let place = |(job, place): (&domain::NewJob, Place)| match place {
                Place::New => (job.id.0, false),
                Place::Existing(id) => (id.0, true),
            };
            submission.jobs.iter().zip(places).map(place).collect()
        };
        let numbered = || submissions.iter().enumerate();
        Self {
            by_first_job: numbered()
                .filter_map(|(at, submission)| Some((submission.jobs.first()?.id.0, at)))
                .collect(),
            by_key: numbered()
                .filter_map(|(at, submission)| Some((submission.idempotency.as_ref()?.key.as_str(), at)))
                .collect(),
            answers: submissions
                .iter()
                .zip(settled)
                .map(|(submission, places)| places.map(|places| told(submission, places)))
                .collect(),
            submissions: submissions.to_vec(),
        }
    }

    /// The idempotency keys that were bound to other jobs than the answer has, or to none.
    pub(crate) fn rebindings(&self) -> Vec<Rebinding<'a>> {
        let answered = self.submissions.iter().zip(&self.answers);
        answered
            .filter_map(|(submission, answer)| {
                let key = submission.idempotency.as_ref()?.key.as_str();
                match answer {
                    Err(_) => Some(Rebinding { key, told: None }),
                    Ok(told) if told.iter().any(|(_, existed)| *existed) => Some(Rebinding {
                        key,
                        told: Some(told.clone()),
                    }),
                    Ok(_) => None,
                }
            })
            .collect()
    }

    /// The jobs that existed before, of all answers.
    pub(crate) fn existing_ids(&self) -> Vec<Uuid> {
        let told = self.answers.iter().flatten().flatten();
        told.filter(|(_, existed)| *existed).map(|(id, _)| *id).collect()
    }

    pub(crate) fn answer(
        &self,
        submission: &Submission,
        bound: &HashMap<String, Bound>,
        known: &Known,
    ) -> Submitted {
        let Some(wish) = &submission.idempotency else {
            let at = submission
                .jobs
                .first()
                .and_then(|job| self.by_first_job.get(&job.id.0));
            return at.map_or(Submitted::Accepted(Vec::new()), |at| {
                self.told(*at, known, Submitted::Accepted)
            });
        };
        match bound.get(&wish.key) {
            Some(bound) if bound.request_hash != wish.request_hash => Submitted::KeyReused,
            Some(bound) if bound.fresh => {
                let is_first = bound.job_ids == ids_of(submission);
                let tell = if is_first {
                    Submitted::Accepted
                } else {
                    Submitted::Replayed
                };
                let at = self.by_key.get(wish.key.as_str());
                at.map_or(Submitted::InProgress, |at| self.told(*at, known, tell))
            }
            Some(bound) => Submitted::Replayed(known.find(&bound.told())),
            None => Submitted::InProgress,
        }
    }

    fn told(&self, at: usize, known: &Known, tell: fn(Vec<SubmittedJob>) -> Submitted) -> Submitted {
        match &self.answers[at] {
            Ok(told) => tell(known.find(told)),
            Err(refusal) => Submitted::UniqueConflict {
                index: refusal.index,
                holder: refusal.holder,
            },
        }
    }
}
