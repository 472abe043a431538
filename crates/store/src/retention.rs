//! Days of jobs: made ahead, and dropped after retention. Work that grows with a day is done in pieces and holds no lock
//! that anybody waits for; the migration `0007` says how.

use chrono::NaiveDate;
use domain::JobId;
use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;
use crate::row::count;

/// A day whose jobs are past their retention, unless they ended later, live, or are dead letters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PastDay {
    /// The day.
    pub day: NaiveDate,
    /// Whether its jobs can still be found, and changed. If not, it only waits to be dropped.
    pub attached: bool,
}

/// What was found in one piece of a day, or of the rest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page<T> {
    /// What was found.
    pub found: T,
    /// The last job that was read: the next piece begins after it. `None` when there was nothing to read any more.
    pub last_read: Option<JobId>,
}

impl Store {
    /// Makes the partitions of the next days, one day after the other; answers how many days were missing.
    ///
    /// # Errors
    /// When a statement failed, or its locks were not granted, see [`Self::detach_day`]. The days before are made.
    pub async fn ensure_partitions(&self, days_ahead: i32) -> Result<u32, Error> {
        let mut connection = self.acquire().await?;
        let mut made = 0;
        for days in 0..=days_ahead {
            made += sqlx::query_scalar!(r#"select ensure_partitions($1) as "made!""#, days)
                .fetch_one(&mut *connection)
                .await?;
        }
        count(made)
    }

    /// Has the default partition exclude the days that [`Self::ensure_partitions`] is about to make, so that it need not
    /// be read as a whole under an exclusive lock. [`Self::check_excluded_day`] completes that.
    ///
    /// # Errors
    /// When the statement failed, or its locks were not granted, see [`Self::detach_day`].
    pub async fn exclude_missing_days(&self, days_ahead: i32) -> Result<u32, Error> {
        let mut connection = self.acquire().await?;
        let made = sqlx::query_scalar!(r#"select exclude_missing_days($1) as "made!""#, days_ahead)
            .fetch_one(&mut *connection)
            .await?;
        count(made)
    }

    /// Reads the default partition, beside everything else, for one day that it is to exclude; `false` when all are
    /// excluded.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn check_excluded_day(&self) -> Result<bool, Error> {
        let mut connection = self.acquire().await?;
        Ok(
            sqlx::query_scalar!(r#"select check_excluded_day() as "checked!""#)
                .fetch_one(&mut *connection)
                .await?,
        )
    }

    /// The days that lie wholly before `keep_days` days ago, the oldest first.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn past_days(&self, keep_days: i32) -> Result<Vec<PastDay>, Error> {
        let mut connection = self.acquire().await?;
        Ok(sqlx::query_as!(
            PastDay,
            r#"
            select to_date(right(relname, 8), 'YYYYMMDD') as "day!", relispartition as "attached!"
            from pg_class
            where relnamespace = 'public'::regnamespace and relkind = 'r' and relname ~ '^job_p[0-9]{8}$'
              and right(relname, 8) < to_char((now() at time zone 'utc')::date - $1::integer, 'YYYYMMDD')
            order by relname
            "#,
            keep_days,
        )
        .fetch_all(&mut *connection)
        .await?)
    }

    /// The jobs of a day that live or are dead letters; of each kind `most` at most are looked at.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn survivors(&self, day: NaiveDate, most: i32) -> Result<Vec<JobId>, Error> {
        let mut connection = self.acquire().await?;
        let ids = sqlx::query_scalar!(r#"select survivors($1, '{}', $2) as "ids!""#, day, most)
            .fetch_one(&mut *connection)
            .await?;
        Ok(ids.into_iter().map(JobId).collect())
    }

    /// Which of a day's next `page_size` jobs after `after` ended within `keep_days` days.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn ended_lately(
        &self,
        day: NaiveDate,
        keep_days: i32,
        after: Option<JobId>,
        page_size: i32,
    ) -> Result<Page<Vec<JobId>>, Error> {
        let mut connection = self.acquire().await?;
        let page = sqlx::query!(
            r#"select last_read, ids as "ids!" from ended_lately($1, $2, $3, $4)"#,
            day,
            keep_days,
            id_of(after),
            page_size,
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(Page {
            found: page.ids.into_iter().map(JobId).collect(),
            last_read: page.last_read.map(JobId),
        })
    }

    /// Takes a day out of the tables. `staying` and the jobs that live or are dead letters now stay, if they are `most` at
    /// most together; otherwise nothing is changed, and the answer is `false`. Everybody waits meanwhile.
    ///
    /// # Errors
    /// When the statement failed. [`Error::Locked`] when the first of its locks was not granted within a fifth of a second,
    /// or another one not at once: everybody else would wait for longer than that.
    pub async fn detach_day(&self, day: NaiveDate, staying: &[JobId], most: i32) -> Result<bool, Error> {
        let staying: Vec<Uuid> = staying.iter().map(|id| id.0).collect();
        let mut connection = self.acquire().await?;
        Ok(sqlx::query_scalar!(
            r#"select detach_day($1, $2, $3) as "detached!""#,
            day,
            &staying,
            most
        )
        .fetch_one(&mut *connection)
        .await?)
    }

    /// Brings back what ended within `keep_days` days among the next `page_size` jobs after `after` of a day that is
    /// detached; answers the last job that was read, `None` when there was nothing to read any more.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn keep_ended_lately(
        &self,
        day: NaiveDate,
        keep_days: i32,
        after: Option<JobId>,
        page_size: i32,
    ) -> Result<Option<JobId>, Error> {
        let mut connection = self.acquire().await?;
        let last_read = sqlx::query_scalar!(
            "select keep_ended_lately($1, $2, $3, $4)",
            day,
            keep_days,
            id_of(after),
            page_size,
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(last_read.map(JobId))
    }

    /// Drops a day that is detached.
    ///
    /// # Errors
    /// When the statement failed, or the day is not detached.
    pub async fn drop_day(&self, day: NaiveDate) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        sqlx::query!("select drop_day($1)", day)
            .execute(&mut *connection)
            .await?;
        Ok(())
    }

    /// Deletes, among the next `page_size` jobs after `after` of those that outlived their day, what ended more than
    /// `keep_days` days ago and is no dead letter; answers how many these were.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn purge_rest(
        &self,
        keep_days: i32,
        after: Option<JobId>,
        page_size: i32,
    ) -> Result<Page<u32>, Error> {
        let mut connection = self.acquire().await?;
        let page = sqlx::query!(
            r#"select last_read, purged as "purged!" from purge_rest_page($1, $2, $3)"#,
            keep_days,
            id_of(after),
            page_size,
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(Page {
            found: count(page.purged)?,
            last_read: page.last_read.map(JobId),
        })
    }
}

/// Every id comes after the nil one.
fn id_of(after: Option<JobId>) -> Uuid {
    after.map_or(Uuid::nil(), |id| id.0)
}
