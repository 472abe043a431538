//! The schema checked against the rules that it should follow.

use domain::JobState;
use testkit::TestDb;

#[tokio::test]
async fn every_table_with_tenants_rows_is_protected() {
    let db = TestDb::create().await;
    let mut superuser = db.superuser().await;
    let rows: Vec<(String, bool, bool, i64)> = sqlx::query_as(
        "select c.relname, c.relrowsecurity, c.relforcerowsecurity,
                (select count(*) from pg_policy p where p.polrelid = c.oid and p.polqual is not null
                     and p.polwithcheck is not null)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p')
           and (c.relname = 'tenant' or exists (
                select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert!(
        rows.len() > 30,
        "the partitions count too, but {} tables were found",
        rows.len()
    );
    for (table, enabled, forced, policies) in rows {
        assert!(
            enabled && forced && policies == 3,
            "{table}: {enabled} {forced} {policies}"
        );
    }
}

#[tokio::test]
async fn the_check_on_states_lists_the_states() {
    let db = TestDb::create().await;
    let mut superuser = db.superuser().await;
    let check: String = sqlx::query_scalar(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'job_state_known' and conrelid = 'job'::regclass",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    let mut listed: Vec<&str> = check.split('\'').skip(1).step_by(2).collect();
    let mut known: Vec<&str> = JobState::ALL.into_iter().map(JobState::as_str).collect();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
}

#[tokio::test]
async fn the_app_roles_own_nothing_and_bypass_nothing() {
    let db = TestDb::create().await;
    let mut superuser = db.superuser().await;
    let owned: i64 = sqlx::query_scalar(
        "select count(*) from pg_class c join pg_roles r on r.oid = c.relowner
         where r.rolname in ('tandem_api', 'tandem_worker')",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    let powerful: i64 = sqlx::query_scalar(
        "select count(*) from pg_roles where rolname like 'tandem\\_%'
         and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolcanlogin)",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!((owned, powerful), (0, 0));
}

#[tokio::test]
async fn no_index_of_job_stands_on_a_mutable_column() {
    let db = TestDb::create().await;
    let mut superuser = db.superuser().await;
    let indexed: Vec<String> = sqlx::query_scalar(
        "select distinct a.attname from pg_index i
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
         where i.indrelid = 'job'::regclass order by 1",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(indexed, ["id", "tenant_id"]);
}
