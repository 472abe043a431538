//! Who does the maintenance: whoever holds an advisory lock of Postgres, on a connection of its own.

use std::time::Duration;

use domain::QueueName;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgConnection, Postgres};

use crate::error::Error;
use crate::pool::Store;

/// The key of the advisory lock that makes one worker the maintenance leader: "tandem" in ASCII. The key of a lane is
/// the hash of its name with this seed.
const LEADER_LOCK: i64 = 0x7461_6e64_656d;

impl Store {
    /// Tries to become the maintenance leader, or with a `lane` the leader of what is done for this lane alone. The leadership lasts as long as the returned connection: dropping it, or
    /// the death of the process, lets another worker take over. So does silence: Postgres itself ends the connection
    /// of a leader that it has not heard of for `silence`, be it stopped, cut off, or gone without a word. Call
    /// [`Leadership::holds`] a few times within that.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn try_lead(
        &self,
        lane: Option<&QueueName>,
        silence: Duration,
    ) -> Result<Option<Leadership>, Error> {
        let mut candidate = Candidate(Some(self.acquire().await?));
        // In one statement: a leader that is stopped between the lock and the limit would keep the lock.
        let leads = sqlx::query_scalar!(
            r#"
            select case when pg_try_advisory_lock(coalesce(hashtextextended($3, $1), $1))
                   then set_config('idle_session_timeout', $2, false) is not null
                   else false end as "leads!"
            "#,
            LEADER_LOCK,
            silence.as_millis().to_string(),
            lane.map(QueueName::as_str),
        )
        .fetch_one(candidate.connection())
        .await?;
        let connection = candidate.decided();
        // Out of the pool, which would hand the lock on with the connection.
        Ok(leads.then(|| Leadership {
            connection: connection.detach(),
        }))
    }
}

/// A connection of which nobody knows whether it holds the lock, until the answer is there. Dropped before that, because
/// the answer takes too long, it must not go back to the pool: nobody would lead while it lives.
struct Candidate(Option<PoolConnection<Postgres>>);

impl Candidate {
    fn connection(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("it is there until it is decided about")
    }

    /// Now somebody knows.
    fn decided(mut self) -> PoolConnection<Postgres> {
        self.0.take().expect("it is there until it is decided about")
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}

/// The right to do maintenance.
#[derive(Debug)]
pub struct Leadership {
    connection: PgConnection,
}

impl Leadership {
    /// Whether the leadership still stands: its connection answers.
    pub async fn holds(&mut self) -> bool {
        self.connection.ping().await.is_ok()
    }

    /// Gives the leadership up at once.
    pub async fn resign(self) {
        // If closing fails the connection is gone, and the lock with it.
        drop(self.connection.close().await);
    }
}
