//! What is told about jobs: that they reached a terminal state, to whoever waits for them, and that their end is asked
//! for, to the worker that runs them. Hints for speed only: a note may be lost, so who waits also looks by itself now
//! and then. All other events are told to nobody, and found by looking: most jobs are watched by nobody.

use std::io;
use std::time::Duration;

use domain::{JobId, TenantId};
use sqlx::postgres::{PgListener, PgNotification, PgPoolOptions};
use sqlx::{Executor, PgPool};
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::jobs::JobEvent;
use crate::pool::Store;
use crate::row::count;

/// The channels; a payload is job ids, parted by commas.
const FINISHED: &str = "tandem_finished";
const CANCEL: &str = "tandem_cancel";

/// Postgres takes payloads of less than 8,000 bytes, and an id with its comma has 37.
const IDS_PER_NOTE: usize = 200;

/// How long after a connection was lost the next one is tried.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);

/// How long a silent connection is believed in. One whose peer vanished without a word would be silent for
/// ever.
const SILENCE: Duration = Duration::from_secs(30);

/// How long Postgres may take to connect or to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far a job's history has been read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReadUpTo {
    /// The job.
    pub job_id: JobId,
    /// The number of the last event that was read, from 1: the submit, which is no row of the history.
    pub number: u32,
}

/// The most events of one job that [`Store::events_after`] reads at a time.
pub const MAX_NEWS_PER_JOB: usize = 100;

impl Store {
    /// Reads what has happened to jobs of a tenant since, in one statement: each job's events in their order, up to
    /// [`MAX_NEWS_PER_JOB`] of them. Jobs of other tenants have none.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn events_after(
        &self,
        tenant_id: TenantId,
        read: &[ReadUpTo],
    ) -> Result<Vec<(JobId, JobEvent)>, Error> {
        let ids: Vec<_> = read.iter().map(|read| read.job_id.0).collect();
        let numbers: Vec<i32> = read
            .iter()
            .map(|read| i32::try_from(read.number).unwrap_or(i32::MAX))
            .collect();
        let mut tx = self.begin(tenant_id).await?;
        // Lateral, so that each job is looked up by its key, however many there are.
        let rows = sqlx::query!(
            r#"
            select e.job_id as "job_id!", e.number as "number!", e.at as "at!", e.event as "event!", e.attempt
            from unnest($1::uuid[], $2::integer[]) as read (job_id, number)
            cross join lateral (
                select h.job_id, h.number, h.at, h.event, h.attempt
                from job_event h
                where h.job_id = read.job_id and h.number > read.number
                order by h.number
                limit $3
            ) e
            order by e.job_id, e.number
            "#,
            &ids,
            &numbers,
            MAX_NEWS_PER_JOB as i64,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                let event = JobEvent {
                    number: count(row.number)?,
                    at: row.at,
                    event: row.event,
                    attempt: row.attempt.map(count).transpose()?,
                };
                Ok((JobId(row.job_id), event))
            })
            .collect()
    }

    /// Announces jobs that reached a terminal state, in one round trip. Call it when their ends are
    /// committed, outside of that transaction and for many jobs at once: Postgres lets only one transaction
    /// at a time commit a note.
    ///
    /// # Errors
    /// When the statement failed. Who waits for these jobs finds out by looking.
    pub async fn notify_finished(&self, ids: &[JobId]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut connection = self.acquire().await?;
        sqlx::query!(
            "select pg_notify($1, ids) from unnest($2::text[]) as ids",
            FINISHED,
            &notes(ids)
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// The jobs that reached a terminal state, from the first [`JobSignals::next`] on.
    #[must_use]
    pub fn listen_finished(&self) -> JobSignals {
        JobSignals::new(&self.pool, FINISHED)
    }

    /// The running jobs whose end is asked for, from the first [`JobSignals::next`] on.
    #[must_use]
    pub fn listen_cancel_requested(&self) -> JobSignals {
        JobSignals::new(&self.pool, CANCEL)
    }
}

/// Tells the workers that the end of running jobs is asked for, once the transaction commits.
pub(crate) async fn notify_cancel_requested(
    tx: &mut sqlx::PgTransaction<'static>,
    ids: &[JobId],
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "select pg_notify($1, ids) from unnest($2::text[]) as ids",
        CANCEL,
        &notes(ids)
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Announced jobs, heard on a connection of its own, outside of the pool.
#[derive(Debug)]
pub struct JobSignals {
    /// For its options only, which are read anew for each connection: the password may have been rotated.
    pool: PgPool,
    channel: &'static str,
    connection: Option<PgListener>,
    /// Whether the last connection worked, so that a long outage is told once.
    healthy: bool,
}

impl JobSignals {
    fn new(pool: &PgPool, channel: &'static str) -> Self {
        Self {
            pool: pool.clone(),
            channel,
            connection: None,
            healthy: true,
        }
    }

    /// Waits for the next announcement. It never fails: a lost connection is replaced, and what is announced
    /// in the meantime is missed. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Vec<JobId> {
        loop {
            match self.hear().await {
                Ok(note) => return read(note.payload()),
                Err(error) => {
                    self.connection = None;
                    self.tell(&error);
                    sleep(RECONNECT_DELAY).await;
                }
            }
        }
    }

    async fn hear(&mut self) -> Result<PgNotification, sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let fresh = connect(&self.pool, self.channel).await?;
                self.healthy = true;
                none.insert(fresh)
            }
        };
        loop {
            match timeout(SILENCE, connection.try_recv()).await {
                Ok(Ok(Some(note))) => return Ok(note),
                Ok(Ok(None)) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(Err(error)) => return Err(error),
                Err(_silent) => {
                    let answered = timeout(PATIENCE, connection.execute("select")).await;
                    answered.map_err(|_| sqlx::Error::PoolTimedOut)??;
                }
            }
        }
    }

    fn tell(&mut self, error: &sqlx::Error) {
        if self.healthy {
            tracing::warn!(%error, channel = self.channel, "no longer hearing of jobs, connecting again");
        } else {
            tracing::debug!(%error, channel = self.channel, "still not hearing of jobs");
        }
        self.healthy = false;
    }
}

async fn connect(pool: &PgPool, channel: &str) -> Result<PgListener, sqlx::Error> {
    let alone = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
    let alone = alone.connect_lazy_with((*pool.connect_options()).clone());
    let mut connection = PgListener::connect_with(&alone).await?;
    connection.eager_reconnect(false);
    connection.listen(channel).await?;
    Ok(connection)
}

fn notes(ids: &[JobId]) -> Vec<String> {
    let note = |ids: &[JobId]| ids.iter().map(JobId::to_string).collect::<Vec<_>>().join(",");
    ids.chunks(IDS_PER_NOTE).map(note).collect()
}

/// What is no id is skipped: anybody in the database may send on the channel.
fn read(payload: &str) -> Vec<JobId> {
    payload.split(',').filter_map(|id| id.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn many_ids_become_notes_that_postgres_takes_and_are_read_back() {
        let ids: Vec<JobId> = (0..450).map(|number| JobId(Uuid::from_u128(number))).collect();
        let notes = notes(&ids);
        assert_eq!(notes.len(), 3);
        assert!(notes.iter().all(|note| note.len() < 8_000));
        assert_eq!(notes.iter().flat_map(|note| read(note)).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn what_is_no_id_is_skipped() {
        let id = JobId(Uuid::from_u128(7));
        assert_eq!(read(&format!("nonsense,{id},,")), [id]);
        assert!(read("").is_empty());
    }
}
