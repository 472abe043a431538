//! Somebody who changes things.

use domain::{RequestId, TenantId};
use store::Actor;

/// The holder of some key of the tenant, in some request.
///
/// # Panics
/// Never; the request's id is valid.
#[must_use]
pub fn actor(tenant_id: TenantId) -> Actor {
    Actor {
        tenant_id,
        key_id: "0123456789abcdef".to_owned(),
        request_id: RequestId::parse("a-request").unwrap(),
    }
}
