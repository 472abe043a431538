//! Rotating an API key: another one takes its place, and both work for a while.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::KeyId;
use serde_json::json;

use crate::audit::{self, Actor, Change};
use crate::error::Error;
use crate::keys::{ApiKeyRecord, read};
use crate::limits::{Limited, has_room};
use crate::pool::Store;
use crate::row::ms;

/// The key that takes another one's place.
#[derive(Debug)]
pub struct Successor<'a> {
    /// The public part that names it.
    pub id: &'a str,
    /// Keyed hash of the secret, 32 bytes.
    pub secret_hash: &'a [u8],
    /// When it stops working; by default it lives as long as its predecessor was meant to.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What a rotation came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rotation {
    /// The new key works, and the old one for a while yet.
    Rotated(Box<ApiKeyRecord>),
    /// The key has been revoked or has expired, so nobody waits for another one.
    NotLive,
    /// Another key has taken its place already.
    Replaced(KeyId),
    /// The tenant has [`crate::MAX_KEYS`] keys that work; a rotation whose old key stops at once makes no more of them.
    TooMany,
    /// The tenant has no such key.
    NotFound,
}

impl Store {
    /// Puts another key, with the same name, user and scopes, in a key's place; the old one works for `overlap` yet, unless
    /// it would have expired before.
    ///
    /// # Errors
    /// When a statement failed; nothing was changed.
    pub async fn rotate_api_key(
        &self,
        actor: &Actor,
        id: KeyId,
        successor: &Successor<'_>,
        overlap: Duration,
    ) -> Result<Rotation, Error> {
        let mut tx = self.begin(actor.tenant_id).await?;
        // Whoever rotates the same key waits here, and then sees its successor.
        sqlx::query!("select id from api_key where id = $1 for update", id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        match read(&mut tx, id).await? {
            None => return Ok(Rotation::NotFound),
            Some(ApiKeyRecord {
                replaced_by: Some(by),
                ..
            }) => return Ok(Rotation::Replaced(by)),
            Some(old) if !old.live => return Ok(Rotation::NotLive),
            Some(_) => {}
        }
        if !has_room(&mut tx, actor.tenant_id, Limited::Keys).await? && !overlap.is_zero() {
            return Ok(Rotation::TooMany);
        }
        sqlx::query!(
            r#"
            insert into api_key (id, tenant_id, user_id, name, secret_hash, scopes, expires_at)
            select $2, tenant_id, user_id, name, $3, scopes, coalesce($4, now() + (expires_at - created_at))
            from api_key where id = $1
            "#,
            id.as_str(),
            successor.id,
            successor.secret_hash,
            successor.expires_at,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            r#"
            update api_key
            set replaced_by = $2, expires_at = least(expires_at, now() + $3::bigint * interval '1 millisecond')
            where id = $1
            "#,
            id.as_str(),
            successor.id,
            ms(overlap),
        )
        .execute(&mut *tx)
        .await?;
        let new = successor.id.parse().map_err(Error::corrupt)?;
        let new = read(&mut tx, new)
            .await?
            .ok_or(Error::Other(sqlx::Error::RowNotFound))?;
        let change = Change {
            action: "key.rotate",
            target: id.as_str(),
            details: json!({ "replaced_by": successor.id, "overlap_secs": overlap.as_secs() }),
        };
        audit::append(&mut tx, actor, change).await?;
        tx.commit().await?;
        Ok(Rotation::Rotated(Box::new(new)))
    }
}
