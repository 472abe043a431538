//! Users, keys, tenants and the audit log.

use client::{AuditFilter, Client, JobFilter, NewKey, RotateKey, Scope};

use crate::world::World;

#[tokio::test]
async fn users_are_made_and_listed() {
    let world = World::new().await;
    let ann = world.client.create_user("Ann", "ann@example.com").await.unwrap();
    assert_eq!(world.client.user(ann.id).await.unwrap(), ann);
    assert_eq!(world.client.users().all().await.unwrap(), [ann]);
    let taken = world
        .client
        .create_user("Bob", "ANN@example.com")
        .await
        .unwrap_err();
    assert_eq!(taken.problem().unwrap().code, "email_taken");
}

#[tokio::test]
async fn a_key_is_made_rotated_and_revoked() {
    let world = World::new().await;
    let new = NewKey {
        name: "import".to_owned(),
        scopes: vec![Scope::JobsRead],
        ..NewKey::default()
    };
    let made = world.client.create_key(&new).await.unwrap();
    assert!(
        !format!("{made:?}").contains(&made.api_key),
        "a secret is not for logs"
    );
    let an_hour = RotateKey {
        overlap_secs: Some(3_600),
        ..RotateKey::default()
    };
    let rotated = world
        .client
        .rotate_key(made.key.id.parse().unwrap(), an_hour)
        .await
        .unwrap();
    assert_eq!(rotated.key.scopes, [Scope::JobsRead]);
    for api_key in [&made.api_key, &rotated.api_key] {
        let holder = Client::new(&world.url, api_key).unwrap();
        let jobs = holder.jobs(&JobFilter::default()).all().await.unwrap();
        assert!(jobs.is_empty());
    }
    let id = rotated.key.id.parse().unwrap();
    assert!(!world.client.revoke_key(id).await.unwrap().live);
    assert_eq!(world.client.keys().all().await.unwrap().len(), 3);
}

#[tokio::test]
async fn the_audit_log_can_be_checked() {
    let world = World::new().await;
    for index in 0..3 {
        let email = format!("ann{index}@example.com");
        world.client.create_user("Ann", &email).await.unwrap();
    }
    let mut entries = world.client.audit(&AuditFilter::default()).all().await.unwrap();
    assert_eq!(entries.len(), 5);
    entries.reverse();
    for (index, entry) in entries.iter().enumerate() {
        entry.check(entries.get(index + 1).map(|next| &next.0)).unwrap();
    }
    let filter = AuditFilter {
        action: Some("user.create".to_owned()),
        ..AuditFilter::default()
    };
    assert_eq!(world.client.audit(&filter).all().await.unwrap().len(), 3);
    let tenants = world.client.tenants().all().await.unwrap();
    assert_eq!(tenants.len(), 1);
    assert_eq!(tenants[0].id, entries[0].tenant_id);
}
