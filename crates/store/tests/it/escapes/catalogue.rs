//! The tables that have tenants' rows, as the catalogue knows them, and rows for each of them.

use std::collections::BTreeMap;

use domain::TenantId;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

/// A table, or a partition.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) tenant_column: String,
    pub(super) api_may_select: bool,
    pub(super) worker_has_a_grant: bool,
    /// Columns that the api may update.
    updatable: Vec<String>,
    /// Columns that an insert has to name, with their types; the tenant's not.
    needed: Vec<(String, String)>,
    holds_rows: bool,
    /// The smallest key of a partition by range.
    lowest_key: Option<(String, String)>,
}

pub(super) async fn tables(superuser: &mut PgConnection) -> Vec<Table> {
    let rows = superuser
        .fetch_all(
            "select c.relname, c.relkind = 'r' as holds_rows,
                    case when c.relname = 'tenant' then 'id' else 'tenant_id' end as tenant_column,
                    has_table_privilege('tandem_api', c.oid, 'select')
                        or has_column_privilege('tandem_api', c.oid,
                               case when c.relname = 'tenant' then 'id' else 'tenant_id' end, 'select') as api_may_select,
                    has_table_privilege('tandem_worker', c.oid, 'select, insert, update, delete')
                        or has_any_column_privilege('tandem_worker', c.oid, 'select, insert, update') as worker_has_a_grant,
                    substring(pg_get_expr(c.relpartbound, c.oid) from 'FROM \\(''([^'']+)''\\)') as lowest,
                    array(select a.attname::text from pg_attribute a
                          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attidentity = ''
                            and has_column_privilege('tandem_api', c.oid, a.attnum, 'update') order by a.attnum) as updatable,
                    array(select a.attname::text from pg_attribute a
                          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attnotnull
                            and not a.atthasdef and a.attidentity = '' order by a.attnum) as needed,
                    array(select format_type(a.atttypid, a.atttypmod) from pg_attribute a
                          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attnotnull
                            and not a.atthasdef and a.attidentity = '' order by a.attnum) as types
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relkind in ('r', 'p')
               and (c.relname = 'tenant' or exists (
                    select from pg_attribute a
                    where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
             order by c.relname",
        )
        .await
        .unwrap();
    let tables: Vec<Table> = rows
        .iter()
        .map(|row| {
            let tenant_column: String = row.get("tenant_column");
            let (names, types): (Vec<String>, Vec<String>) = (row.get("needed"), row.get("types"));
            let mut needed: Vec<_> = names.into_iter().zip(types).collect();
            needed.retain(|(name, _)| *name != tenant_column);
            let lowest: Option<String> = row.get("lowest");
            // A partition's key comes first among the columns that have no default.
            let key = needed.iter().find(|(_, kind)| kind == "uuid");
            Table {
                name: row.get("relname"),
                api_may_select: row.get("api_may_select"),
                worker_has_a_grant: row.get("worker_has_a_grant"),
                updatable: row.get("updatable"),
                holds_rows: row.get("holds_rows"),
                lowest_key: lowest.and_then(|lowest| Some((key?.0.clone(), lowest))),
                tenant_column,
                needed,
            }
        })
        .collect();
    assert!(
        tables.len() > 40,
        "the partitions count too, but {} were found",
        tables.len()
    );
    tables
}

impl Table {
    /// Names and values of a row of this tenant; `number` tells one tenant's row from another's.
    fn row(&self, tenant_id: TenantId, number: usize) -> BTreeMap<String, String> {
        let mut row = BTreeMap::from([(self.tenant_column.clone(), format!("'{tenant_id}'"))]);
        for (name, kind) in &self.needed {
            row.insert(name.clone(), sample(kind, number));
        }
        if let Some((key, lowest)) = &self.lowest_key {
            let (start, _) = lowest.split_at(lowest.len() - 4);
            row.insert(key.clone(), format!("'{start}{number:04}'"));
        }
        row
    }

    fn insert(&self, tenant_id: TenantId, number: usize) -> String {
        let row = self.row(tenant_id, number);
        let columns: Vec<&str> = row.keys().map(String::as_str).collect();
        let values: Vec<&str> = row.values().map(String::as_str).collect();
        format!(
            "insert into {} ({}) values ({})",
            self.name,
            columns.join(", "),
            values.join(", ")
        )
    }

    /// What must neither find nor change a row of the victim.
    pub(super) fn attempts(&self, victim: TenantId, attacker: TenantId) -> Vec<String> {
        let (name, column) = (&self.name, &self.tenant_column);
        let own = self.updatable.first().unwrap_or(column);
        vec![
            format!("select {column} from {name} where {column} = '{victim}'"),
            format!("select {column} from {name} where {column} <> '{attacker}'"),
            format!("select {column} from only {name} where {column} = '{victim}'"),
            format!("update {name} set {own} = {own} where {column} = '{victim}'"),
            format!("update {name} set {column} = '{attacker}' where {column} = '{victim}'"),
            format!("update {name} set {column} = '{victim}' where {column} = '{victim}'"),
            format!("delete from {name} where {column} = '{victim}'"),
            self.insert(victim, 9_999),
            format!("{} on conflict do nothing", self.insert(victim, 1)),
        ]
    }
}

/// A value of a type, as SQL.
fn sample(kind: &str, number: usize) -> String {
    match kind {
        "uuid" => format!("'{}'", crate::world::random()),
        "text" => format!("'sample {}'", crate::world::random()),
        "bytea" => "decode(repeat('00', 32), 'hex')".to_owned(),
        "boolean" => "false".to_owned(),
        "smallint" | "integer" | "bigint" | "double precision" | "numeric" => format!("{number}"),
        "timestamp with time zone" => "now()".to_owned(),
        "date" => "current_date".to_owned(),
        "interval" => "'1 s'".to_owned(),
        "json" | "jsonb" => "'{}'".to_owned(),
        array if array.ends_with("[]") => "'{}'".to_owned(),
        other => panic!("say here what a value of {other} looks like"),
    }
}

/// Puts a row of each tenant into every table. What a row says does not matter here, so neither checks, nor foreign keys,
/// nor triggers hold while it is put there.
pub(super) async fn seed(superuser: &mut PgConnection, tables: &[Table], tenants: &[TenantId]) {
    let drop_checks: Vec<String> = sqlx::query_scalar(
        "select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint
         where contype = 'c' and coninhcount = 0 and connamespace = 'public'::regnamespace and conrelid <> 0",
    )
    .fetch_all(&mut *superuser)
    .await
    .unwrap();
    superuser
        .execute("set session_replication_role = replica")
        .await
        .unwrap();
    for statement in drop_checks {
        superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    for table in tables
        .iter()
        .filter(|table| table.holds_rows && table.name != "tenant")
    {
        for (number, tenant_id) in tenants.iter().enumerate() {
            // What making the tenant has written already will do.
            let insert = format!("{} on conflict do nothing", table.insert(*tenant_id, number + 1));
            let inserted = superuser.execute(AssertSqlSafe(insert.clone())).await;
            inserted.unwrap_or_else(|error| panic!("{insert}: {error}"));
        }
    }
    superuser
        .execute("set session_replication_role = origin")
        .await
        .unwrap();
}
