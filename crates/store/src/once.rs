//! Making something once, however often it is asked for: as [`crate::idempotency`] does it for jobs, and in the same table.
//! A request that makes nothing does not use up its key.

use domain::TenantId;
use sqlx::PgTransaction;

use crate::error::Error;
use crate::idempotency::{Bound, Idempotency, bind};
use crate::limits::Limited;

/// What became of a request that makes something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Made<T> {
    /// It is made.
    New(T),
    /// An earlier request with this key and body has made it.
    Before(Box<str>),
    /// The key was used for another request.
    KeyReused,
    /// The first request with this key has not ended yet.
    InProgress,
    /// The tenant has as many of these as it may have.
    TooMany(Limited),
}

impl<T> Made<T> {
    /// What this request has made, if it has.
    pub fn made(self) -> Option<T> {
        match self {
            Self::New(new) => Some(new),
            Self::Before(_) | Self::KeyReused | Self::InProgress | Self::TooMany(_) => None,
        }
    }
}

/// Whether a request may make what it asks for.
pub(crate) enum Turn {
    /// It may, and tells what it has made by [`remember`].
    Now,
    /// An earlier request has made this.
    Before(Box<str>),
    /// The key was used for another request.
    KeyReused,
    /// The first request with this key has not ended yet. The transaction has failed with it.
    InProgress,
}

impl Turn {
    /// The answer, if the request must not make anything.
    pub(crate) fn answer<T>(self) -> Option<Made<T>> {
        match self {
            Self::Now => None,
            Self::Before(made) => Some(Made::Before(made)),
            Self::KeyReused => Some(Made::KeyReused),
            Self::InProgress => Some(Made::InProgress),
        }
    }
}

/// Takes the key, if it is free; a request that comes with the same one at the same time waits until this transaction
/// ends.
pub(crate) async fn turn(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    wish: Option<&Idempotency>,
) -> Result<Turn, Error> {
    let Some(wish) = wish else {
        return Ok(Turn::Now);
    };
    let bound = match bind(tx, tenant_id, &mut [(wish, Vec::new())]).await {
        Ok(mut bound) => bound.remove(&wish.key),
        Err(Error::KeyHeld(_)) => return Ok(Turn::InProgress),
        Err(error) => return Err(error),
    };
    // The hash is of the route too, so what was made is what this route makes.
    Ok(match bound {
        Some(bound) if bound.fresh => Turn::Now,
        Some(Bound {
            made: Some(made),
            request_hash,
            ..
        }) if request_hash == wish.request_hash => Turn::Before(made.into()),
        _ => Turn::KeyReused,
    })
}

/// Writes down what a request with this key has made.
pub(crate) async fn remember(
    tx: &mut PgTransaction<'static>,
    tenant_id: TenantId,
    wish: Option<&Idempotency>,
    made: &str,
) -> Result<(), Error> {
    let Some(wish) = wish else { return Ok(()) };
    sqlx::query!(
        "update idempotency set made = $3 where tenant_id = $1 and key = $2",
        tenant_id.0,
        wish.key,
        made,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
