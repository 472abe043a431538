//! Forgets keys that nobody holds.

use uuid::Uuid;

use crate::error::Error;
use crate::pool::Store;

/// Where a purge of unique keys goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UniqueCursor {
    tenant_id: Uuid,
    key_hash: Vec<u8>,
}

/// What a purge of unique keys came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PurgedUnique {
    /// How many keys are forgotten.
    pub purged: u64,
    /// The last one that was read; `None` when there was none.
    pub last_read: Option<UniqueCursor>,
}

impl Store {
    /// Forgets, among the next `page` unique keys after `after`, those whose job does not hold them any more. Only those
    /// are locked, and only while nobody uses them.
    ///
    /// # Errors
    /// When a statement failed.
    pub async fn purge_unique(&self, after: Option<&UniqueCursor>, page: i64) -> Result<PurgedUnique, Error> {
        let mut tx = self.begin_for_all().await?;
        let (tenant_id, key_hash) =
            after.map_or((Uuid::nil(), &[][..]), |after| (after.tenant_id, &after.key_hash));
        let rows = sqlx::query!(
            r#"
            with page as materialized (
                select tenant_id, key_hash from unique_job where (tenant_id, key_hash) > ($1, $2)
                order by tenant_id, key_hash limit $3
            ), stale as materialized (
                select u.tenant_id, u.key_hash
                from page p
                join unique_job u on u.tenant_id = p.tenant_id and u.key_hash = p.key_hash
                left join job j on j.id = u.job_id
                where not unique_key_held(u.expires_at, j.state)
                for update of u skip locked
            )
            select p.tenant_id as "tenant_id!", p.key_hash as "key_hash!", s.key_hash is not null as "stale!"
            from page p left join stale s on s.tenant_id = p.tenant_id and s.key_hash = p.key_hash
            order by p.tenant_id, p.key_hash
            "#,
            tenant_id,
            key_hash,
            page,
        )
        .fetch_all(&mut *tx)
        .await?;
        let stale = rows.iter().filter(|row| row.stale);
        let (tenants, keys): (Vec<Uuid>, Vec<Vec<u8>>) =
            stale.map(|row| (row.tenant_id, row.key_hash.clone())).unzip();
        let mut purged = 0;
        if !keys.is_empty() {
            // Looked at again, now that they are locked: a retry may have made one of the jobs live meanwhile.
            let deleted = sqlx::query!(
                r#"
                with unheld as (
                    select u.tenant_id, u.key_hash
                    from unnest($1::uuid[], $2::bytea[]) as s (tenant_id, key_hash)
                    join unique_job u on u.tenant_id = s.tenant_id and u.key_hash = s.key_hash
                    left join job j on j.id = u.job_id
                    where not unique_key_held(u.expires_at, j.state)
                )
                delete from unique_job u using unheld h where u.tenant_id = h.tenant_id and u.key_hash = h.key_hash
                "#,
                &tenants,
                &keys,
            )
            .execute(&mut *tx)
            .await?;
            purged = deleted.rows_affected();
        }
        tx.commit().await?;
        let last_read = rows.into_iter().next_back().map(|row| UniqueCursor {
            tenant_id: row.tenant_id,
            key_hash: row.key_hash,
        });
        Ok(PurgedUnique { purged, last_read })
    }
}
