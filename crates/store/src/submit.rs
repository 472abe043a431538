//! Accepting jobs: many requests, one transaction.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as _;

use chrono::{DateTime, Utc};
use domain::{JobId, JobState, NewJob, TenantId};
use futures::future::join_all;
use sqlx::PgTransaction;
use tokio::time::timeout_at;
use uuid::Uuid;

use crate::answers::{Known, StoredAs, Told};
use crate::control::end_replaced;
use crate::error::{Error, connection_lost};
use crate::idempotency::{Bound, Idempotency, bind, find, rebind};
use crate::insert::{as_submitted, as_they_stand, insert_jobs};
use crate::pool::Store;
use crate::unique::{self, Place, Settled};

/// How many requests of a group that failed are tried alone at a time.
const ALONE_AT_A_TIME: usize = 4;

/// The jobs of one request: all of them are accepted, or none.
#[derive(Debug)]
pub struct Submission {
    /// The owner.
    pub tenant_id: TenantId,
    /// The request's `Idempotency-Key`, if it has one.
    pub idempotency: Option<Idempotency>,
    /// At least one job.
    pub jobs: Vec<NewJob>,
}

/// A job as it was accepted: what a replay answers too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubmittedJob {
    /// The job.
    pub id: JobId,
    /// Names the handler.
    pub kind: String,
    /// The lane.
    pub queue: String,
    /// `queued`, or `scheduled` when it is due later.
    pub state: JobState,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it is due.
    pub run_at: DateTime<Utc>,
    /// Whether it is an earlier submit's job that holds the unique key; then the state and the due time are those of the
    /// moment.
    pub existed: bool,
}

/// What became of one request.
#[derive(Debug)]
pub enum Submitted {
    /// The jobs are stored, in the order of the request.
    Accepted(Vec<SubmittedJob>),
    /// An earlier request with this key and body had made these jobs.
    Replayed(Vec<SubmittedJob>),
    /// The key was used for another body.
    KeyReused,
    /// The first request with this key has not ended yet.
    InProgress,
    /// Another job holds the unique key of one of the jobs, which wants none beside it: nothing is stored.
    UniqueConflict {
        /// Which of the request's jobs it is, from 0.
        index: usize,
        /// The job that holds the key.
        holder: JobId,
    },
}

impl Store {
    /// Stores the jobs of many requests in one transaction; answers in their order. A request that can't be stored
    /// does not take the others with it.
    ///
    /// # Errors
    /// One per request; when the database is not available, all of them fail alike.
    pub async fn submit(&self, submissions: &[Submission]) -> Vec<Result<Submitted, Error>> {
        match self.in_time(self.submit_together(submissions)).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if submissions.len() == 1 => vec![alone(error)],
            // Nothing was stored, and trying each one alone would only keep all of them waiting.
            Err(error @ Error::Unavailable(_)) => {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::warn!(
                    cause,
                    requests = submissions.len(),
                    "a group of submits could not be stored"
                );
                submissions
                    .iter()
                    .map(|_| Err(Error::Unavailable(sqlx::Error::PoolTimedOut)))
                    .collect()
            }
            // Nothing was stored either, but it may be the fault of one: each one alone tells.
            Err(_) => {
                let mut answers = Vec::with_capacity(submissions.len());
                for some in submissions.chunks(ALONE_AT_A_TIME) {
                    let alone: Vec<_> = some
                        .iter()
                        .map(|submission| self.submit_alone(submission))
                        .collect();
                    answers.extend(join_all(alone).await);
                }
                answers
            }
        }
    }

    async fn submit_alone(&self, submission: &Submission) -> Result<Submitted, Error> {
        match self
            .in_time(self.submit_together(std::slice::from_ref(submission)))
            .await
        {
            Ok(mut answers) => Ok(answers.remove(0)),
            Err(error) => alone(error),
        }
    }

    async fn submit_together(&self, submissions: &[Submission]) -> Result<Vec<Submitted>, Error> {
        if submissions.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = self.connected_by();
        let stored = match self.insert_together(submissions).await {
            // Nothing is stored before the commit, so a connection that was lost on the way costs a second try, unless it
            // took all of the time that the first had for being connected.
            Err(Error::Unavailable(error)) if connection_lost(&error) => {
                let again = timeout_at(deadline, self.insert_together(submissions)).await;
                again.unwrap_or(Err(Error::Unavailable(error)))?
            }
            inserted => inserted?,
        };
        failpoint::hit("after_insert_before_commit");
        stored.tx.commit().await?;
        if let Err(error) = self.notify_finished(&stored.replaced).await {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            tracing::debug!(cause, "the ends of replaced jobs were not announced");
        }
        Ok(stored.answers)
    }

    /// What an earlier request with this key and body was answered, if there was one: without storing anything.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn replay(&self, tenant_id: TenantId, wish: &Idempotency) -> Result<Option<Submitted>, Error> {
        let mut tx = self.begin(tenant_id).await?;
        let replayed = replay(&mut tx, tenant_id, wish).await?;
        tx.commit().await?;
        Ok(replayed)
    }

    /// Inserts what was submitted; it is stored when the transaction commits.
    async fn insert_together(&self, submissions: &[Submission]) -> Result<Stored, Error> {
        // In the order of tenants, so that two groups take their locks in one order.
        let mut tenants: BTreeMap<TenantId, Vec<usize>> = BTreeMap::new();
        for (index, submission) in submissions.iter().enumerate() {
            tenants.entry(submission.tenant_id).or_default().push(index);
        }
        let first = tenants
            .keys()
            .next()
            .ok_or_else(|| Error::corrupt("nothing was submitted"))?;
        let mut tx = self.begin(*first).await?;
        let mut answers: Vec<Option<Submitted>> = submissions.iter().map(|_| None).collect();
        let mut replaced = Vec::new();
        for (number, (tenant_id, indexes)) in tenants.iter().enumerate() {
            if number > 0 {
                name_tenant(&mut tx, *tenant_id).await?;
            }
            let group: Vec<&Submission> = indexes.iter().map(|index| &submissions[*index]).collect();
            let bound = bind_keys(&mut tx, *tenant_id, &group).await?;
            let (group_answers, ended) = submit_bound(&mut tx, *tenant_id, &group, &bound).await?;
            replaced.extend(ended);
            for (index, answer) in indexes.iter().zip(group_answers) {
                answers[*index] = Some(answer);
            }
        }
        Ok(Stored {
            tx,
            answers: answers.into_iter().flatten().collect(),
            replaced,
        })
    }
}

/// A transaction with everything in it.
struct Stored {
    tx: PgTransaction<'static>,
    answers: Vec<Submitted>,
    /// The jobs that it cancels.
    replaced: Vec<JobId>,
}

/// What an error means for a request that was tried alone.
fn alone(error: Error) -> Result<Submitted, Error> {
    if matches!(error, Error::KeyHeld(_)) {
        return Ok(Submitted::InProgress);
    }
    Err(error)
}

async fn name_tenant(tx: &mut PgTransaction<'static>, tenant_id: TenantId) -> Result<(), Error> {
    sqlx::query!(
        "select set_config('app.tenant_id', $1, true)",
        tenant_id.to_string()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

/// Stores what a tenant has submitted, whose keys are bound in this transaction; answers in the order of the group, and
/// tells which jobs it has cancelled, whose ends are to be announced after the commit.
pub(crate) async fn submit_bound(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    group: &[&Submission],
    bound: &HashMap<String, Bound>,
) -> Result<(Vec<Submitted>, Vec<JobId>), Error> {
    // Of several requests with one key, the one whose jobs the key is bound to is stored.
    let stored: Vec<&Submission> = group
        .iter()
        .copied()
        .filter(|submission| match &submission.idempotency {
            None => true,
            Some(wish) => bound
                .get(&wish.key)
                .is_some_and(|bound| bound.fresh && bound.job_ids == ids_of(submission)),
        })
        .collect();
    let requests: Vec<&[NewJob]> = stored.iter().map(|submission| &submission.jobs[..]).collect();
    let settled = unique::settle(tx, tenant_id, &requests).await?;
    let mut known = Known {
        accepted: insert_jobs(tx, tenant_id, &new_jobs(&requests, &settled)).await?,
        existing: HashMap::new(),
    };
    if !settled.replaced.is_empty() {
        end_replaced(tx, &settled.replaced).await?;
    }
    settled.record(tx, tenant_id).await?;

    let (stored_as, replaced) = (StoredAs::of(&stored, settled.answers), settled.replaced);
    rebind(tx, tenant_id, &stored_as.rebindings()).await?;
    let replays = bound.values().filter(|bound| !bound.fresh);
    let mut told: Vec<Told> = replays.flat_map(Bound::told).collect();
    told.extend(stored_as.existing_ids().into_iter().map(|id| (id, true)));
    read_known(tx, &told, &mut known).await?;
    let answer = |submission: &&Submission| stored_as.answer(submission, bound, &known);
    Ok((group.iter().map(answer).collect(), replaced))
}

/// What an earlier request with this key and body was answered, if there was one.
pub(crate) async fn replay(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    wish: &Idempotency,
) -> Result<Option<Submitted>, Error> {
    let Some(bound) = find(tx, tenant_id, wish).await? else {
        return Ok(None);
    };
    let (told, mut known) = (bound.told(), Known::default());
    read_known(tx, &told, &mut known).await?;
    let nothing_stored = StoredAs::of(&[], Vec::new());
    let asked = Submission {
        tenant_id,
        idempotency: Some(wish.clone()),
        jobs: Vec::new(),
    };
    let bound = HashMap::from([(wish.key.clone(), bound)]);
    Ok(Some(nothing_stored.answer(&asked, &bound, &known)))
}

/// Reads the jobs that answers tell of and this transaction has not stored.
async fn read_known(tx: &mut PgTransaction<'static>, told: &[Told], known: &mut Known) -> Result<(), Error> {
    let (existing, accepted): (Vec<Told>, Vec<Told>) = told.iter().partition(|(_, existed)| *existed);
    let ids = |told: Vec<Told>| told.into_iter().map(|(id, _)| id).collect::<Vec<Uuid>>();
    if !accepted.is_empty() {
        known.accepted.extend(as_submitted(tx, &ids(accepted)).await?);
    }
    if !existing.is_empty() {
        known.existing = as_they_stand(tx, &ids(existing)).await?;
    }
    Ok(())
}

pub(crate) fn ids_of(submission: &Submission) -> Vec<Uuid> {
    submission.jobs.iter().map(|job| job.id.0).collect()
}

/// The jobs that are answered by themselves.
fn new_jobs<'a>(requests: &[&'a [NewJob]], settled: &Settled) -> Vec<&'a NewJob> {
    let answered = requests.iter().zip(&settled.answers);
    let accepted = answered.filter_map(|(jobs, places)| Some(jobs.iter().zip(places.as_ref().ok()?)));
    accepted
        .flatten()
        .filter(|(_, place)| **place == Place::New)
        .map(|(job, _)| job)
        .collect()
}

async fn bind_keys(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    group: &[&Submission],
) -> Result<HashMap<String, Bound>, Error> {
    let mut wanted: BTreeMap<&str, (&Idempotency, Vec<Uuid>)> = BTreeMap::new();
    for submission in group {
        if let Some(wish) = &submission.idempotency {
            let ids = || submission.jobs.iter().map(|job| job.id.0).collect();
            wanted.entry(&wish.key).or_insert_with(|| (wish, ids()));
        }
    }
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let mut wanted: Vec<_> = wanted.into_values().collect();
    bind(tx, tenant_id, &mut wanted).await
}
