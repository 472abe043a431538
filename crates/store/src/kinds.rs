//! The kinds that workers have handlers for, and what these take.

use chrono::{DateTime, Utc};
use domain::{JsonPointer, Kind, WorkerId};
use serde_json::value::RawValue;
use sqlx::types::Json;

use crate::error::Error;
use crate::pool::Store;

/// What a worker says about a kind.
#[derive(Clone, Debug)]
pub struct KindDeclaration {
    /// The kind.
    pub name: Kind,
    /// JSON Schema of the payload, if the handler has one.
    pub schema: Option<Box<RawValue>>,
    /// What of the payload is shown masked.
    pub sensitive: Vec<JsonPointer>,
}

/// Which declaration counts when two differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Declare {
    /// This one: the worker has just started.
    Anew,
    /// The one that is there: the worker says only that it still has these kinds.
    Again,
}

/// A kind as it was declared last.
#[derive(Clone, Debug)]
pub struct RegisteredKind {
    /// The kind.
    pub name: String,
    /// JSON Schema of the payload, if the handler has one.
    pub schema: Option<Box<RawValue>>,
    /// What of the payload is shown masked.
    pub sensitive: Vec<String>,
    /// When it was declared as it is.
    pub registered_at: DateTime<Utc>,
    /// Whether a worker whose lease stands has a handler for it.
    pub live: bool,
}

impl Store {
    /// Makes known which kinds a registered worker has. For [`crate::Role::Worker`].
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn declare_kinds(
        &self,
        worker_id: WorkerId,
        kinds: &[KindDeclaration],
        declare: Declare,
    ) -> Result<(), Error> {
        let names: Vec<String> = kinds.iter().map(|kind| kind.name.to_string()).collect();
        let schemas: Vec<Option<String>> = kinds
            .iter()
            .map(|kind| kind.schema.as_ref().map(|schema| schema.get().to_owned()))
            .collect();
        let sensitive: Vec<String> = kinds
            .iter()
            .map(|kind| serde_json::to_string(&kind.sensitive).expect("texts are always JSON"))
            .collect();
        let mut connection = self.acquire().await?;
        // In the order of names, so that two workers that start together do not wait for each other in a circle.
        sqlx::query!(
            r#"
            with held as (
                update worker set kinds = $2 where id = $1 and kinds is distinct from $2
            )
            insert into kind as k (name, schema, sensitive)
            select d.name, d.schema::json, array(select json_array_elements_text(d.sensitive::json))
            from unnest($2::text[], $3::text[], $4::text[]) as d (name, schema, sensitive)
            order by d.name
            on conflict (name) do update set
                seen_at = now(),
                registered_at = case when $5 and (k.schema::text, k.sensitive)
                                     is distinct from (excluded.schema::text, excluded.sensitive)
                                     then now() else k.registered_at end,
                schema = case when $5 then excluded.schema else k.schema end,
                sensitive = case when $5 then excluded.sensitive else k.sensitive end
            "#,
            worker_id.0,
            &names,
            &schemas as &[Option<String>],
            &sensitive,
            declare == Declare::Anew,
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Reads up to `limit` kinds, by name.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn kinds(&self, limit: i64) -> Result<Vec<RegisteredKind>, Error> {
        let mut connection = self.acquire().await?;
        let kinds = sqlx::query_as!(
            RegisteredKindRow,
            r#"
            with live as materialized (
                select distinct unnest(kinds) as name from worker where lease_expires_at > now()
            )
            select name, schema as "schema: _", sensitive, registered_at,
                   exists (select from live l where l.name = k.name) as "live!"
            from kind k
            order by name
            limit $1
            "#,
            limit,
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(kinds.into_iter().map(Into::into).collect())
    }

    /// Forgets kinds that no worker has said to have for 30 days, at most `limit`; answers how many.
    ///
    /// # Errors
    /// When the statement failed.
    pub async fn purge_kinds(&self, limit: i64) -> Result<u64, Error> {
        let mut connection = self.acquire().await?;
        let purged = sqlx::query!(
            r#"
            delete from kind where name in (
                select name from kind where seen_at < now() - interval '30 days' order by name limit $1
            )
            "#,
            limit,
        )
        .execute(&mut *connection)
        .await?;
        Ok(purged.rows_affected())
    }
}

struct RegisteredKindRow {
    name: String,
    schema: Option<Json<Box<RawValue>>>,
    sensitive: Vec<String>,
    registered_at: DateTime<Utc>,
    live: bool,
}

impl From<RegisteredKindRow> for RegisteredKind {
    fn from(row: RegisteredKindRow) -> Self {
        Self {
            name: row.name,
            schema: row.schema.map(|schema| schema.0),
            sensitive: row.sensitive,
            registered_at: row.registered_at,
            live: row.live,
        }
    }
}
