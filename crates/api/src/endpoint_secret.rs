//! Signing secrets of endpoints are made here, shown once, and kept where this process can't read them.

use runtime::credential::webhook_secret;
use store::NewSecret;
use uuid::Uuid;

/// A new secret: 32 random bytes, as Standard Webhooks writes them.
pub(crate) fn new(new_id: fn() -> Uuid) -> NewSecret {
    NewSecret {
        id: new_id(),
        secret: webhook_secret().into_inner(),
    }
}
