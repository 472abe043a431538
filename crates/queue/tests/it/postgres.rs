//! The Postgres backend: the suite, and what only Postgres has.

mod bell;
mod fair;
mod listener;
mod receive;
mod rows;

use std::time::Duration;

use domain::{JobId, TenantId};
use queue::{Envelope, Message, Receive};
use uuid::Uuid;

use crate::postgres_backend::{PostgresBackend, conform};

queue::conformance_tests!(conform);

/// Longer than anything takes that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(20);

const ONE: Receive = Receive {
    max: 1,
    wait: PATIENCE,
    visibility: Duration::from_secs(60),
};

const AT_ONCE: Receive = Receive {
    wait: Duration::ZERO,
    ..ONE
};

fn message() -> Message {
    Message {
        job_id: JobId(Uuid::from_u128(1)),
        tenant_id: TenantId(Uuid::from_u128(2)),
        traceparent: None,
        dead_letter: None,
    }
}

fn envelope() -> Envelope {
    Envelope {
        message: message(),
        delay: Duration::ZERO,
    }
}

/// Makes a job's row as the store does, without telling anybody.
async fn insert(backend: &PostgresBackend, lane: &str) {
    sqlx::query("insert into outbox (job_id, tenant_id, queue) values ($1, $2, $3)")
        .bind(message().job_id.0)
        .bind(message().tenant_id.0)
        .bind(lane)
        .execute(&backend.admin)
        .await
        .unwrap();
}
