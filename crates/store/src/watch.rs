//! What is told about jobs: that they reached a terminal state, to whoever waits for them, and that their end is asked
//! for, to the worker that runs them. Hints for speed only: a note may be lost, so who waits also looks by itself now
//! and then.

use std::io;
use std::time::Duration;

use domain::JobId;
use sqlx::postgres::{PgListener, PgNotification, PgPoolOptions};
use sqlx::{Executor, PgPool};
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::pool::Store;

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

impl Store {
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
