//! All rows of the database at the end, as Postgres itself writes them.

use std::path::Path;

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use sqlx::PgPool;

use crate::journal::Journal;

/// The tables, and what is taken of them: no secrets, and no hashes of them.
const TABLES: [(&str, &str); 10] = [
    ("job", "select row_to_json(t)::text from job t"),
    ("attempt", "select row_to_json(t)::text from attempt t"),
    ("job_event", "select row_to_json(t)::text from job_event t"),
    ("outbox", "select row_to_json(t)::text from outbox t"),
    ("due", "select row_to_json(t)::text from due t"),
    ("claim", "select row_to_json(t)::text from claim t"),
    ("dead_letter", "select row_to_json(t)::text from dead_letter t"),
    ("idempotency", "select row_to_json(t)::text from idempotency t"),
    ("worker", "select row_to_json(t)::text from worker t"),
    (
        "tenant",
        "select row_to_json(t)::text from (select id, name from tenant) t",
    ),
];

/// Writes `database.jsonl`.
pub(crate) async fn write(pool: &PgPool, folder: &Path) -> Result<()> {
    let journal = Journal::create(&folder.join("database.jsonl"))?;
    // One moment for all tables.
    #[expect(
        clippy::disallowed_methods,
        reason = "the run ends with it, and nobody gives it up"
    )]
    let mut tx = pool.begin().await.context("could not read the database")?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await
        .context("could not read the database")?;
    for (table, query) in TABLES {
        let mut rows = sqlx::query_scalar::<_, String>(query).fetch(&mut *tx);
        while let Some(row) = rows
            .try_next()
            .await
            .with_context(|| format!("could not read {table}"))?
        {
            // A payload may have line breaks of its own, where they mean nothing.
            let row = row.replace('\n', " ");
            journal.write_raw(&format!(r#"{{"table":"{table}","row":{row}}}"#))?;
        }
    }
    Ok(())
}
