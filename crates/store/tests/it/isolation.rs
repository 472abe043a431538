//! Attempts to escape: as the roles that the processes have, with statements that forget their tenant.

use std::time::Duration;

use domain::{EndpointName, Precondition, TenantId, UserId};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, Row};
use store::{BreakerKey, EndpointSettings, NewSecret, NewUser, OpenBreaker};
use testkit::{actor, new_job};

use crate::world::{World, random};

/// Whatever there is.
const ANY: Precondition = Precondition {
    matches: None,
    matches_none: None,
};

const TABLES: [&str; 17] = [
    "job",
    "attempt",
    "job_event",
    "outbox",
    "due",
    "claim",
    "dead_letter",
    "idempotency",
    "unique_job",
    "users",
    "endpoint",
    "endpoint_secret",
    "breaker",
    "schedule",
    "schedule_fire",
    "queue_pause",
    "queue_activity",
];

async fn as_api(world: &World, tenant_id: Option<TenantId>) -> PgConnection {
    let mut connection = world.db.superuser().await;
    connection.execute("set role tandem_api").await.unwrap();
    if let Some(tenant_id) = tenant_id {
        connection
            .execute(AssertSqlSafe(format!(
                "select set_config('app.tenant_id', '{tenant_id}', false)"
            )))
            .await
            .unwrap();
    }
    connection
}

async fn make_ann(world: &World) -> UserId {
    let new = NewUser {
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
    };
    let ann = world
        .api
        .create_user(&testkit::actor(world.tenant_id), &new, None)
        .await
        .unwrap()
        .made()
        .unwrap();
    ann.id
}

/// An endpoint with a secret, and a breaker that is open.
async fn make_endpoint(world: &World) -> EndpointName {
    let settings = EndpointSettings {
        name: "billing".parse().unwrap(),
        url: "https://example.com/".to_owned(),
        headers: None,
        timeout: None,
        disabled: false,
    };
    let secret = NewSecret {
        id: random(),
        secret: "whsec_1".to_owned(),
    };
    let actor = actor(world.tenant_id);
    let put = world.api.put_endpoint(&actor, &settings, &ANY, &secret);
    put.await.unwrap();
    let key = BreakerKey {
        tenant_id: world.tenant_id,
        target: "endpoint:billing".to_owned(),
    };
    let open = OpenBreaker {
        trips: 1,
        failures: 10,
        lasts: Duration::from_secs(1),
        last_error: "",
    };
    assert!(world.worker.open_breaker(&key, &open).await.unwrap());
    settings.name
}

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let row = connection
        .fetch_one(AssertSqlSafe(format!("select count(*) from {table}")))
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn the_api_sees_the_tenant_that_it_names_and_nothing_without_one() {
    let world = World::new().await;
    let id = world.submit(new_job()).await.id;
    world.start(id).await;
    world.submit(new_job()).await;
    let unique = domain::Unique {
        key: [7; 32].into(),
        window: domain::unique::Window::Live,
        on_conflict: domain::OnConflict::Return,
    };
    let unique = domain::NewJob {
        unique: Some(unique),
        ..new_job()
    };
    world.submit(unique).await;
    let ann = make_ann(&world).await;
    let billing = make_endpoint(&world).await;
    let other = world.db.tenant().await;

    let mut owner = as_api(&world, Some(world.tenant_id)).await;
    assert_eq!(count(&mut owner, "job").await, 3);
    assert_eq!(count(&mut owner, "unique_job").await, 1);
    assert_eq!(count(&mut owner, "claim").await, 1);
    assert_eq!(count(&mut owner, "users").await, 1);
    for table in ["endpoint", "endpoint_secret", "breaker"] {
        assert_eq!(count(&mut owner, table).await, 1, "{table}");
    }
    let (mut stranger, mut nobody) = (as_api(&world, Some(other)).await, as_api(&world, None).await);
    for table in TABLES {
        assert_eq!(count(&mut stranger, table).await, 0, "{table}");
        assert_eq!(count(&mut nobody, table).await, 0, "{table}");
    }
    assert_eq!(count(&mut stranger, "tenant").await, 1);
    assert_eq!(count(&mut nobody, "api_key").await, 0);
    assert!(world.api.job(other, id).await.unwrap().is_none());
    assert!(world.api.user(other, ann).await.unwrap().is_none());
    assert!(world.api.list_users(other, None, 10).await.unwrap().is_empty());
    assert!(world.api.endpoint(other, &billing).await.unwrap().is_none());
    assert!(
        world
            .worker
            .endpoint_target(other, &billing)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        world.api.cancel(&testkit::actor(other), id).await.unwrap(),
        store::Cancel::NotFound
    );
}

#[tokio::test]
async fn the_api_writes_nothing_for_another_tenant() {
    let world = World::new().await;
    world.submit(new_job()).await;
    make_ann(&world).await;
    let other = world.db.tenant().await;
    let mut stranger = as_api(&world, Some(other)).await;
    for statement in [
        "update job set state = 'cancelled', finished_at = now()",
        "delete from outbox",
        "update users set name = 'Eve'",
    ] {
        let touched = stranger.execute(statement).await.unwrap().rows_affected();
        assert_eq!(touched, 0, "{statement}");
    }
    for forged in [
        "outbox (job_id, tenant_id, queue) values (gen_random_uuid(), '{}', 'default')",
        "queue_pause (tenant_id, queue) values ('{}', 'default')",
        "users (tenant_id, name, email) values ('{}', 'Eve', 'eve@example.com')",
    ] {
        let forged = forged.replace("{}", &world.tenant_id.to_string());
        let refusal = stranger
            .execute(AssertSqlSafe(format!("insert into {forged}")))
            .await
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("row-level security"), "{refusal}");
    }
}

#[tokio::test]
async fn neither_role_does_what_is_not_its_work() {
    let world = World::new().await;
    let mut connection = world.db.superuser().await;
    for (role, statement) in [
        ("tandem_api", "delete from job"),
        ("tandem_api", "update job set tenant_id = gen_random_uuid()"),
        ("tandem_api", "update job set result = 'null'"),
        ("tandem_api", "delete from api_key"),
        ("tandem_api", "update api_key set scopes = '{}'"),
        ("tandem_api", "update api_key set secret_hash = ''"),
        ("tandem_api", "select webhook_secret from tenant"),
        ("tandem_api", "update tenant set operator = true"),
        ("tandem_api", "delete from tenant"),
        ("tandem_api", "delete from users"),
        ("tandem_api", "select secret from endpoint_secret"),
        ("tandem_api", "update endpoint_secret set secret = 'whsec_x'"),
        ("tandem_api", "delete from endpoint_secret returning secret"),
        ("tandem_api", "select header_values from endpoint"),
        ("tandem_api", "select * from endpoint"),
        ("tandem_api", "update endpoint set header_names = header_values"),
        ("tandem_api", "update endpoint set name = 'other'"),
        ("tandem_api", "update breaker set open_until = now()"),
        (
            "tandem_worker",
            "update endpoint set url = 'https://example.org/'",
        ),
        ("tandem_worker", "update endpoint_secret set expires_at = now()"),
        (
            "tandem_api",
            "insert into queue_activity select * from queue_activity",
        ),
        ("tandem_worker", "delete from queue_pause"),
        (
            "tandem_worker",
            "insert into lane_pause (queue) values ('default')",
        ),
        ("tandem_worker", "select reason from queue_pause"),
        ("tandem_api", "select * from job_rest"),
        ("tandem_api", "select drop_oldest_partition(0)"),
        ("tandem_api", "update kind set schema = 'true'"),
        ("tandem_api", "delete from kind"),
        ("tandem_worker", "select * from api_key"),
        ("tandem_worker", "select name from tenant"),
        ("tandem_worker", "select * from users"),
        ("tandem_worker", "delete from schedule"),
        ("tandem_worker", "update schedule set payload = 'null'"),
        (
            "tandem_worker",
            "update schedule set tenant_id = gen_random_uuid()",
        ),
        (
            "tandem_worker",
            "insert into job (id, tenant_id, request_id) values (gen_random_uuid(), gen_random_uuid(), '')",
        ),
        ("tandem_api", "delete from schedule_fire"),
        ("tandem_worker", "delete from job"),
        ("tandem_worker", "update job set payload = 'null'"),
        ("tandem_worker", "alter table job disable row level security"),
    ] {
        connection
            .execute(AssertSqlSafe(format!("set role {role}")))
            .await
            .unwrap();
        let refusal = connection.execute(statement).await.unwrap_err().to_string();
        assert!(
            refusal.contains("permission denied") || refusal.contains("must be owner"),
            "{statement}: {refusal}"
        );
        connection.execute("reset role").await.unwrap();
    }
}

#[tokio::test]
async fn a_key_is_found_by_its_id_alone_and_leaves_no_trace_on_the_connection() {
    let world = World::new().await;
    let owner = world.db.store(store::Role::Owner).await;
    let scopes = domain::Scope::ALL.into_iter().collect();
    let new = store::NewApiKey {
        id: "0123456789abcdef",
        tenant_id: world.tenant_id,
        user_id: None,
        name: "test",
        secret_hash: &[7; 32],
        scopes: &scopes,
        expires_at: None,
    };
    owner.create_api_key(&new).await.unwrap();
    let found = world.api.authenticate("0123456789abcdef").await.unwrap().unwrap();
    assert!(found.live && found.tenant_id == world.tenant_id && found.secret_hash == [7; 32]);
    assert!(world.api.authenticate("nobody").await.unwrap().is_none());

    let mut connection = as_api(&world, None).await;
    connection
        .execute("select * from authenticate('0123456789abcdef')")
        .await
        .unwrap();
    assert_eq!(count(&mut connection, "api_key").await, 0);
    assert!(owner.revoke_any_api_key("0123456789abcdef").await.unwrap());
    assert!(
        !world
            .api
            .authenticate("0123456789abcdef")
            .await
            .unwrap()
            .unwrap()
            .live
    );
}
