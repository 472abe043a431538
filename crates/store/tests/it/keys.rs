//! API keys: issued, rotated and revoked by their tenant.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{KeyId, Scope, Scopes, UserId};
use store::{Error, NewApiKey, NewUser, Rotation, Successor};
use testkit::actor;

use crate::world::World;

const DAY: Duration = Duration::from_hours(24);

fn id(index: u32) -> String {
    format!("key{index:013}")
}

fn scopes() -> Scopes {
    [Scope::JobsRead, Scope::JobsWrite].into_iter().collect()
}

async fn issue(world: &World, index: u32) -> KeyId {
    let (id, scopes) = (id(index), scopes());
    let new = NewApiKey {
        id: &id,
        tenant_id: world.tenant_id,
        user_id: None,
        name: "a key",
        secret_hash: &[7; 32],
        scopes: &scopes,
        expires_at: None,
    };
    let by = actor(world.tenant_id);
    world
        .api
        .issue_api_key(&by, &new, None)
        .await
        .unwrap()
        .made()
        .unwrap()
        .id
}

async fn rotate(world: &World, old: KeyId, new: u32, overlap: Duration) -> Rotation {
    let successor = Successor {
        id: &id(new),
        secret_hash: &[8; 32],
        expires_at: None,
    };
    let by = actor(world.tenant_id);
    let rotation = world.api.rotate_api_key(&by, old, &successor, overlap).await;
    rotation.unwrap()
}

#[tokio::test]
async fn keys_are_listed_newest_first_and_only_their_tenants() {
    let world = World::new().await;
    let other = world.db.tenant().await;
    let mut ids = Vec::new();
    for index in 0..3 {
        ids.push(issue(&world, index).await);
    }
    ids.reverse();
    let list = async |tenant_id, before| {
        let keys = world.api.list_api_keys(tenant_id, before, 2).await.unwrap();
        keys.iter().map(|key| key.id).collect::<Vec<_>>()
    };
    assert_eq!(list(world.tenant_id, None).await, ids[..2]);
    assert_eq!(list(world.tenant_id, Some(ids[1])).await, ids[2..]);
    assert!(list(other, None).await.is_empty());
    assert!(world.api.api_key(other, ids[0]).await.unwrap().is_none());
    let revoked = world.api.revoke_api_key(&actor(other), ids[0]).await.unwrap();
    assert!(revoked.is_none());
    assert!(
        world
            .api
            .api_key(world.tenant_id, ids[0])
            .await
            .unwrap()
            .unwrap()
            .live
    );
}

#[tokio::test]
async fn a_key_belongs_to_a_user_of_its_tenant_or_to_nobody() {
    let world = World::new().await;
    let other = world.db.tenant().await;
    let ann = NewUser {
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
    };
    let ours = world
        .api
        .create_user(&actor(world.tenant_id), &ann, None)
        .await
        .unwrap()
        .made()
        .unwrap()
        .id;
    let theirs = world
        .api
        .create_user(&actor(other), &ann, None)
        .await
        .unwrap()
        .made()
        .unwrap()
        .id;
    let scopes = scopes();
    let issue = async |index, user_id| {
        let new = NewApiKey {
            id: &id(index),
            tenant_id: world.tenant_id,
            user_id: Some(user_id),
            name: "a key",
            secret_hash: &[7; 32],
            scopes: &scopes,
            expires_at: None,
        };
        world
            .api
            .issue_api_key(&actor(world.tenant_id), &new, None)
            .await
            .map(|made| made.made().unwrap())
    };
    assert_eq!(issue(1, ours).await.unwrap().user_id, Some(ours));
    for (index, nobody) in [(2, theirs), (3, UserId(i64::MAX))] {
        let refused = issue(index, nobody).await.unwrap_err();
        assert!(
            matches!(&refused, Error::Conflict { constraint } if constraint == "api_key_user_fkey"),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn both_keys_work_while_they_overlap() {
    let world = World::new().await;
    let old = issue(&world, 1).await;
    let Rotation::Rotated(new) = rotate(&world, old, 2, DAY).await else {
        panic!("not rotated");
    };
    assert_eq!(
        (&*new.name, &new.scopes, new.expires_at),
        ("a key", &scopes(), None)
    );
    let old = world.api.api_key(world.tenant_id, old).await.unwrap().unwrap();
    assert!(old.live && new.live);
    assert_eq!(old.replaced_by, Some(new.id));
    assert_eq!(old.expires_at.unwrap() - new.created_at, TimeDelta::days(1));
    for key in [&old, &new] {
        let known = world.api.authenticate(key.id.as_str()).await.unwrap().unwrap();
        assert!(known.live);
    }
    assert_eq!(rotate(&world, old.id, 3, DAY).await, Rotation::Replaced(new.id));
}

#[tokio::test]
async fn without_an_overlap_the_old_key_ends_at_once() {
    let world = World::new().await;
    let old = issue(&world, 1).await;
    rotate(&world, old, 2, Duration::ZERO).await;
    assert!(!world.api.authenticate(old.as_str()).await.unwrap().unwrap().live);
}

#[tokio::test]
async fn a_successor_lives_as_long_as_its_predecessor_was_meant_to() {
    let world = World::new().await;
    let (first, scopes) = (id(1), scopes());
    let other = issue(&world, 0).await;
    let other = world.api.api_key(world.tenant_id, other).await.unwrap().unwrap();
    let new = NewApiKey {
        id: &first,
        tenant_id: world.tenant_id,
        user_id: None,
        name: "a key",
        secret_hash: &[7; 32],
        scopes: &scopes,
        expires_at: Some(other.created_at + TimeDelta::days(30)),
    };
    let old = world
        .api
        .issue_api_key(&actor(world.tenant_id), &new, None)
        .await
        .unwrap()
        .made()
        .unwrap();
    let Rotation::Rotated(new) = rotate(&world, old.id, 2, Duration::from_hours(24 * 90)).await else {
        panic!("not rotated");
    };
    let life = |key: &store::ApiKeyRecord| key.expires_at.unwrap() - key.created_at;
    assert!((life(&new) - life(&old)).abs() < TimeDelta::seconds(1));
    let rotated = world.api.api_key(world.tenant_id, old.id).await.unwrap().unwrap();
    assert_eq!(
        rotated.expires_at, old.expires_at,
        "an overlap makes no life longer"
    );
}

#[tokio::test]
async fn what_does_not_work_is_not_rotated() {
    let world = World::new().await;
    let key = issue(&world, 1).await;
    let by = actor(world.tenant_id);
    for _ in 0..2 {
        let revoked = world.api.revoke_api_key(&by, key).await.unwrap().unwrap();
        assert!(!revoked.live && revoked.revoked_at.is_some());
    }
    assert_eq!(rotate(&world, key, 2, DAY).await, Rotation::NotLive);
    assert_eq!(
        rotate(&world, id(9).parse().unwrap(), 2, DAY).await,
        Rotation::NotFound
    );
    let audit = world
        .api
        .list_audit(world.tenant_id, &store::AuditFilter::default(), None, 10)
        .await
        .unwrap();
    let actions: Vec<&str> = audit.iter().map(|entry| &*entry.action).collect();
    assert_eq!(actions, ["key.revoke", "key.create", "tenant.create"]);
}

#[tokio::test]
async fn two_rotations_at_once_make_one_successor() {
    let world = World::new().await;
    let old = issue(&world, 1).await;
    let (one, other) = tokio::join!(rotate(&world, old, 2, DAY), rotate(&world, old, 3, DAY));
    let rotated = |rotation: &Rotation| matches!(rotation, Rotation::Rotated(_));
    assert!(rotated(&one) != rotated(&other), "{one:?} {other:?}");
}

#[tokio::test]
async fn the_last_use_is_known_to_the_minute() {
    let world = World::new().await;
    let key = issue(&world, 1).await;
    let last_used = async || {
        let key = world.api.api_key(world.tenant_id, key).await.unwrap();
        key.unwrap().last_used_at
    };
    assert_eq!(last_used().await, None);
    world
        .api
        .touch_api_key(world.tenant_id, key.as_str())
        .await
        .unwrap();
    let first = last_used().await.unwrap();
    world
        .api
        .touch_api_key(world.tenant_id, key.as_str())
        .await
        .unwrap();
    assert_eq!(last_used().await, Some(first));
    world
        .sql("update api_key set last_used_at = now() - interval '61 seconds'")
        .await;
    world
        .api
        .touch_api_key(world.tenant_id, key.as_str())
        .await
        .unwrap();
    assert!(last_used().await.unwrap() >= first);
}
