//! The holder of a valid key, and the scopes that routes ask for.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use domain::{RequestId, Scope, TenantId};
use http::request::Parts;
use store::{Actor, Authenticated};

use crate::problem::{Problem, ProblemType};

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) tenant_id: TenantId,
    pub(crate) key_id: Arc<str>,
    pub(crate) key: Arc<Authenticated>,
    pub(crate) request_id: RequestId,
}

impl Caller {
    /// Who the audit log says it was.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            tenant_id: self.tenant_id,
            key_id: (*self.key_id).to_owned(),
            request_id: self.request_id.clone(),
        }
    }
}

/// A caller that may read jobs.
#[derive(Debug)]
pub(crate) struct Reader(pub(crate) Caller);

/// A caller that may submit, cancel, retry and discard jobs.
#[derive(Debug)]
pub(crate) struct Writer(pub(crate) Caller);

/// A caller that may operate the tenant's queues and endpoints.
#[derive(Debug)]
pub(crate) struct Ops(pub(crate) Caller);

/// A caller that may manage all tenants: one whose tenant operates the others.
#[derive(Debug)]
pub(crate) struct OperatorAdmin(pub(crate) Caller);

/// A caller that may manage the tenant's users and keys, and read its audit log.
#[derive(Debug)]
pub(crate) struct Admin(pub(crate) Caller);

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        with_scope(parts, Scope::JobsRead).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        with_scope(parts, Scope::JobsWrite).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Ops {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        with_scope(parts, Scope::Ops).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        with_scope(parts, Scope::Admin).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for OperatorAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = with_scope(parts, Scope::Admin)?;
        if caller.key.operator {
            return Ok(Self(caller));
        }
        Err(Problem::new(
            ProblemType::OperatorOnly,
            "The key's tenant does not operate the others.",
        ))
    }
}

fn with_scope(parts: &Parts, scope: Scope) -> Result<Caller, Problem> {
    let caller = parts.extensions.get::<Caller>().cloned();
    let caller = caller.expect("the route is behind authenticate");
    if caller.key.scopes.contains(scope) {
        return Ok(caller);
    }
    Err(Problem::new(
        ProblemType::MissingScope,
        format!("This needs an API key with the scope {scope}."),
    ))
}
