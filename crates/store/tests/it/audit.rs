//! The audit log: written with the change, in one order, for ever.

use domain::{AuditEntry, AuditHash, TenantId};
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Executor};
use store::{AuditFilter, NewUser};
use testkit::{actor, new_job};

use crate::world::World;

fn user(index: usize) -> NewUser {
    NewUser {
        name: "Ann".to_owned(),
        email: format!("ann{index}@example.com"),
    }
}

/// The whole log, oldest first.
async fn log(world: &World, tenant_id: TenantId) -> Vec<AuditEntry> {
    let filter = AuditFilter::default();
    let read = world.api.list_audit(tenant_id, &filter, None, 1_000).await;
    let mut log = read.unwrap();
    log.reverse();
    log
}

#[tokio::test]
async fn a_change_is_written_with_who_made_it() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    let made = world
        .api
        .create_user(&by, &user(1), None)
        .await
        .unwrap()
        .made()
        .unwrap();
    let [founded, entry] = &log(&world, world.tenant_id).await[..] else {
        panic!("not two entries");
    };
    assert_eq!((founded.number, &*founded.action), (1, "tenant.create"));
    assert_eq!((&founded.key_id, &founded.request_id), (&None, &None));
    assert_eq!(founded.previous_hash, AuditHash::ORIGIN);
    assert_eq!((entry.number, &*entry.action), (2, "user.create"));
    assert_eq!(entry.target, made.id.0.to_string());
    assert_eq!(entry.key_id.as_deref(), Some("0123456789abcdef"));
    assert_eq!(entry.request_id.as_ref().unwrap().as_str(), "a-request");
    // Postgres and we hash by the same rule.
    assert_eq!(founded.check(Some(entry)), Ok(()));
    assert_eq!(entry.check(None), Ok(()));
    assert_eq!(log(&world, world.db.tenant().await).await.len(), 1);
}

#[tokio::test]
async fn what_changes_nothing_is_not_written() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    world.api.create_user(&by, &user(1), None).await.unwrap();
    world.api.create_user(&by, &user(1), None).await.unwrap_err();
    let id = world.submit(new_job()).await.id;
    world.api.cancel(&by, id).await.unwrap();
    world.api.cancel(&by, id).await.unwrap();
    world.api.redrive(&by, id).await.unwrap();
    world.api.redrive(&by, id).await.unwrap();
    let log = log(&world, world.tenant_id).await;
    let actions: Vec<&str> = log.iter().map(|entry| &*entry.action).collect();
    assert_eq!(
        actions,
        ["tenant.create", "user.create", "job.cancel", "job.retry"]
    );
}

#[tokio::test]
async fn changes_at_the_same_time_make_one_chain() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    let users: Vec<NewUser> = (0..40).map(user).collect();
    for made in join_all(users.iter().map(|user| world.api.create_user(&by, user, None))).await {
        made.unwrap();
    }
    let log = log(&world, world.tenant_id).await;
    assert_eq!(log.len(), 41);
    for (index, entry) in log.iter().enumerate() {
        entry.check(log.get(index + 1)).unwrap();
    }
    assert!(log.is_sorted_by_key(|entry| entry.at));
}

#[tokio::test]
async fn the_log_is_filtered_and_paged() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    for index in 0..3 {
        world.api.create_user(&by, &user(index), None).await.unwrap();
    }
    let id = world.submit(new_job()).await.id;
    world.api.cancel(&by, id).await.unwrap();
    let numbers = async |filter: AuditFilter, before| {
        let read = world.api.list_audit(world.tenant_id, &filter, before, 2).await;
        let numbers: Vec<i64> = read.unwrap().iter().map(|entry| entry.number).collect();
        numbers
    };
    let by_action = |action: &str| AuditFilter {
        action: Some(action.to_owned()),
        ..AuditFilter::default()
    };
    assert_eq!(numbers(AuditFilter::default(), None).await, [5, 4]);
    assert_eq!(numbers(AuditFilter::default(), Some(3)).await, [2, 1]);
    assert_eq!(numbers(by_action("user.create"), Some(4)).await, [3, 2]);
    assert_eq!(numbers(by_action("job.cancel"), None).await, [5]);
    let of_target = AuditFilter {
        target: Some(id.to_string()),
        ..AuditFilter::default()
    };
    assert_eq!(numbers(of_target, None).await, [5]);
    let of_nobody = AuditFilter {
        key_id: Some("nobody".to_owned()),
        ..AuditFilter::default()
    };
    assert!(numbers(of_nobody, None).await.is_empty());
}

#[tokio::test]
async fn nobody_changes_what_is_written() {
    let world = World::new().await;
    let by = actor(world.tenant_id);
    world.api.create_user(&by, &user(1), None).await.unwrap();
    let before = log(&world, world.tenant_id).await;
    let mut connection = world.db.superuser().await;
    let tenant = format!("set app.tenant_id = '{}'", world.tenant_id);
    connection.execute(AssertSqlSafe(tenant)).await.unwrap();
    let forge = "insert into audit_entry select tenant_id, 9, now(), null, null, 'forged', '', '{}', hash, hash from audit_entry";
    for (role, statement) in [
        ("tandem_api", "update audit_entry set action = 'nothing'"),
        ("tandem_api", "delete from audit_entry"),
        ("tandem_api", "truncate audit_entry"),
        ("tandem_api", forge),
        ("tandem_api", "select * from audit_head"),
        ("tandem_worker", "select * from audit_entry"),
        ("tandem_worker", "select append_audit(null, null, '', '', '{}')"),
        ("tandem_owner", "update audit_entry set action = 'nothing'"),
        ("tandem_owner", "delete from audit_entry"),
        ("tandem_owner", "truncate audit_entry"),
    ] {
        connection
            .execute(AssertSqlSafe(format!("set role {role}")))
            .await
            .unwrap();
        let refusal = connection.execute(statement).await.unwrap_err().to_string();
        assert!(
            refusal.contains("permission denied") || refusal.contains("append-only"),
            "{role}: {statement}: {refusal}"
        );
        connection.execute("reset role").await.unwrap();
    }
    assert_eq!(log(&world, world.tenant_id).await, before);
}
