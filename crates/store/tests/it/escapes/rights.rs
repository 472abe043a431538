//! Attempts to become somebody else, to switch row-level security off, and to learn by other ways what it hides.

use sqlx::{AssertSqlSafe, Executor, Row};

use super::{Outcome, Scene, attempt, tell};

#[tokio::test]
async fn nobody_becomes_another_role_or_switches_row_level_security_off() {
    let scene = Scene::new().await;
    let mut denied = 0;
    for (role, other) in [("tandem_api", "tandem_worker"), ("tandem_worker", "tandem_api")] {
        let mut connection = scene.connect(role).await;
        for statement in [
            format!("set role {other}"),
            "set role tandem_owner".to_owned(),
            "set role postgres".to_owned(),
            format!("set session authorization {other}"),
            "set session_replication_role = replica".to_owned(),
            "alter table job disable row level security".to_owned(),
            "alter table job no force row level security".to_owned(),
            "alter table job_rest owner to current_user".to_owned(),
            "drop policy tenant on job".to_owned(),
            "create policy mine on job using (true)".to_owned(),
            "alter policy tenant on job using (true)".to_owned(),
            "create or replace function current_tenant() returns uuid language sql return null::uuid"
                .to_owned(),
            "create function mine() returns integer language sql return 1".to_owned(),
            "create view mine as select * from job".to_owned(),
            "create schema mine".to_owned(),
            "call protect('job')".to_owned(),
            format!("alter role {role} bypassrls"),
            format!("grant tandem_owner to {}", scene.login),
            "truncate job".to_owned(),
            "copy job to program 'cat'".to_owned(),
            "copy job to '/tmp/job'".to_owned(),
            "select pg_read_file('postgresql.conf')".to_owned(),
        ] {
            let refusal = connection.execute(AssertSqlSafe(statement.clone())).await;
            let refusal = refusal
                .err()
                .unwrap_or_else(|| panic!("{role}: {statement}"))
                .to_string();
            let reasons = [
                "permission denied",
                "must be owner",
                "must be superuser",
                "must have",
                "does not exist",
            ];
            assert!(
                reasons.iter().any(|reason| refusal.contains(reason)),
                "{statement}: {refusal}"
            );
            denied += 1;
        }
    }

    // Switched off for the session, it makes queries fail instead of showing more.
    let mut api = scene.connect("tandem_api").await;
    api.execute("set row_security = off").await.unwrap();
    let mut refused = 0;
    for table in scene.tables.iter().filter(|table| table.api_may_select) {
        let select = format!("select {} from {}", table.tenant_column, table.name);
        assert_eq!(attempt(&mut api, &select).await, Outcome::Denied, "{select}");
        refused += 1;
    }
    // Who lays its role down is still a member of it, and bound by its policies.
    let mut laid_down = scene.connect("tandem_api").await;
    laid_down.execute("reset role").await.unwrap();
    for table in scene.tables.iter().filter(|table| table.api_may_select) {
        let select = format!("select {} from {}", table.tenant_column, table.name);
        attempt(&mut laid_down, &select).await;
    }
    tell(&format!(
        "{denied} ways to another role denied; with row_security = off {refused} tables refuse"
    ));
    scene.end().await;
}

/// A function of the attacker's own, cheap enough to be asked before the policy, would tell what the policy hides.
#[tokio::test]
async fn a_leaky_function_is_not_shown_what_the_policy_hides() {
    let scene = Scene::new().await;
    let mut api = scene.connect("tandem_api").await;
    let name = format!("select set_config('app.tenant_id', '{}', false)", scene.attacker);
    api.execute(AssertSqlSafe(name)).await.unwrap();
    let leak = format!(
        "create function pg_temp.leak(tenant uuid) returns boolean language plpgsql cost 0.0000001 as $$
         begin
             if tenant = '{}' then raise exception 'leaked'; end if;
             return true;
         end $$",
        scene.victim
    );
    api.execute(AssertSqlSafe(leak)).await.unwrap();
    let mut asked = 0;
    for table in scene.tables.iter().filter(|table| table.api_may_select) {
        let select = format!(
            "select count(*) from {} where pg_temp.leak({})",
            table.name, table.tenant_column
        );
        let own: i64 = sqlx::query_scalar(AssertSqlSafe(select.clone()))
            .fetch_one(&mut api)
            .await
            .unwrap_or_else(|error| panic!("{select}: {error}"));
        assert!(
            own > 0,
            "{}: it is asked about the attacker's own rows",
            table.name
        );
        asked += 1;
    }
    tell(&format!(
        "a leaky function was shown no hidden row of {asked} tables"
    ));
    scene.end().await;
}

#[tokio::test]
async fn functions_that_run_as_their_owner_serve_the_named_tenant_only() {
    let scene = Scene::new().await;
    let mut superuser = scene.db.superuser().await;
    let functions = superuser
        .fetch_all(
            "select p.proname, p.oid::regprocedure::text as signature, p.pronargs::int4 as arguments,
                    coalesce(array_to_string(p.proconfig, ';'), '') as config, pg_get_userbyid(p.proowner)::text as owner,
                    has_function_privilege('tandem_api', p.oid, 'execute') as api,
                    has_function_privilege('tandem_worker', p.oid, 'execute') as worker,
                    has_function_privilege('public', p.oid, 'execute') as everybody,
                    exists (select from unnest(p.proargtypes) t where t = 'uuid'::regtype) as takes_an_id
             from pg_proc p
             where p.pronamespace = 'public'::regnamespace and p.prosecdef order by p.proname",
        )
        .await
        .unwrap();
    let mut api = scene.connect("tandem_api").await;
    let (mut of_api, mut of_worker) = (Vec::new(), Vec::new());
    for function in &functions {
        let name: String = function.get("proname");
        assert_eq!(function.get::<String, _>("owner"), "tandem_owner", "{name}");
        let config: String = function.get("config");
        assert!(
            config
                .split(';')
                .any(|setting| setting == "search_path=public, pg_temp"),
            "{name}: nobody may put something of his own in the way: {config}"
        );
        assert!(!function.get::<bool, _>("everybody"), "{name}");
        if function.get("worker") {
            of_worker.push(name.clone());
        }
        if !function.get::<bool, _>("api") {
            continue;
        }
        assert!(
            !function.get::<bool, _>("takes_an_id"),
            "{name} could be given another tenant's"
        );
        // Without a tenant it refuses, or has nothing to say.
        let nulls = vec!["null"; function.get::<i32, _>("arguments").unsigned_abs() as usize];
        let call = format!("select ({name}({}))::text", nulls.join(", "));
        let said: Result<Option<String>, _> =
            sqlx::query_scalar(AssertSqlSafe(call)).fetch_one(&mut api).await;
        if let Ok(said) = said {
            assert!(
                matches!(said.as_deref(), None | Some("false" | "0" | "(,)" | "")),
                "{name}: {said:?}"
            );
        }
        of_api.push(name);
    }
    tell(&format!(
        "run as their owner: by the api {of_api:?}, by the worker {of_worker:?}"
    ));
    scene.end().await;
}

/// A foreign key looks at all rows, whoever asks. One that could be set to a foreign row would tell which exist.
#[tokio::test]
async fn no_foreign_key_can_be_set_to_another_tenants_row() {
    let scene = Scene::new().await;
    let mut superuser = scene.db.superuser().await;
    let keys = superuser
        .fetch_all(
            "select k.conname, k.conrelid::regclass::text as \"table\", k.confrelid::regclass::text as target,
                    array(select a.attname::text from unnest(k.conkey) n join pg_attribute a
                          on a.attrelid = k.conrelid and a.attnum = n) as columns,
                    exists (select from unnest(k.conkey) n
                            where has_column_privilege('tandem_api', k.conrelid, n, 'insert')
                               or has_column_privilege('tandem_api', k.conrelid, n, 'update')
                               or has_column_privilege('tandem_worker', k.conrelid, n, 'insert')
                               or has_column_privilege('tandem_worker', k.conrelid, n, 'update')) as settable
             from pg_constraint k where k.contype = 'f' and k.connamespace = 'public'::regnamespace",
        )
        .await
        .unwrap();
    let with_tenants: Vec<&str> = scene.tables.iter().map(|table| &*table.name).collect();
    let mut checked = 0;
    for key in &keys {
        let (name, target): (String, String) = (key.get("conname"), key.get("target"));
        if !key.get::<bool, _>("settable") || !with_tenants.contains(&&*target) {
            continue;
        }
        let columns: Vec<String> = key.get("columns");
        // Its tenant is what the policy checks, so the row that it names is of the same one.
        assert!(
            columns.iter().any(|column| column == "tenant_id"),
            "{name}: {columns:?} to {target}"
        );
        checked += 1;
    }
    assert!(checked > 0);

    // And tried out: a user of somebody else is refused like one that does not exist.
    let theirs: i64 = sqlx::query_scalar("select id from users where tenant_id = $1")
        .bind(scene.victim.0)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    let mut api = scene.connect("tandem_api").await;
    let name = format!("select set_config('app.tenant_id', '{}', false)", scene.attacker);
    api.execute(AssertSqlSafe(name)).await.unwrap();
    let mut refusals = Vec::new();
    for user_id in [theirs, i64::MAX] {
        let insert = format!(
            "insert into api_key (id, tenant_id, user_id, name, secret_hash, scopes)
             values ('probe', '{}', {user_id}, 'probe', decode(repeat('00', 32), 'hex'), '{{}}')",
            scene.attacker
        );
        let refusal = api.execute(AssertSqlSafe(insert)).await.unwrap_err();
        let refusal = refusal.as_database_error().unwrap();
        refusals.push((refusal.code().unwrap().into_owned(), refusal.message().to_owned()));
    }
    assert_eq!(refusals[0], refusals[1]);
    tell(&format!(
        "{checked} of {} foreign keys can be set, each with its tenant",
        keys.len()
    ));
    scene.end().await;
}
