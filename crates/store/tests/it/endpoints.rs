//! Endpoints: made once, changed by version, and rotated without a moment that has no known secret.

use std::time::Duration;

use domain::{EndpointName, Precondition};
use store::{DeleteEndpoint, EndpointSecret, EndpointSettings, NewSecret, PutEndpoint, RotateSecret};
use testkit::actor;

use crate::world::{World, random};

/// Whatever there is.
const ANY: Precondition = Precondition {
    matches: None,
    matches_none: None,
};

const DAY: Duration = Duration::from_hours(24);

fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

fn settings(of: &str) -> EndpointSettings {
    EndpointSettings {
        name: name(of),
        url: "https://example.com/hook?key=1".to_owned(),
        headers: None,
        timeout: Some(Duration::from_secs(7)),
        disabled: false,
    }
}

fn secret(text: &str) -> NewSecret {
    NewSecret {
        id: random(),
        secret: text.to_owned(),
    }
}

async fn put(world: &World, settings: &EndpointSettings, expected: Precondition) -> PutEndpoint {
    let (actor, secret) = (actor(world.tenant_id), secret("whsec_1"));
    let put = world.api.put_endpoint(&actor, settings, &expected, &secret);
    put.await.unwrap()
}

async fn rotate(world: &World, new: &str, overlap: Duration) -> RotateSecret {
    let (actor, name, secret) = (actor(world.tenant_id), name("billing"), secret(new));
    let rotation = world.api.rotate_endpoint_secret(&actor, &name, &secret, overlap);
    rotation.await.unwrap()
}

async fn signing(world: &World) -> Vec<String> {
    let target = world
        .worker
        .endpoint_target(world.tenant_id, &name("billing"))
        .await;
    target.unwrap().unwrap().secrets
}

#[tokio::test]
async fn an_endpoint_is_read_as_it_was_made_but_for_what_it_keeps_to_itself() {
    let world = World::new().await;
    let headers = vec![("authorization".to_owned(), "Bearer x".to_owned())];
    let wanted = EndpointSettings {
        headers: Some(headers.clone()),
        ..settings("billing")
    };
    let PutEndpoint::Created(made) = put(&world, &wanted, Precondition::default()).await else {
        panic!("it was not there")
    };
    assert_eq!((made.version, made.disabled_at), (1, None));
    assert_eq!((&made.url, made.timeout), (&wanted.url, wanted.timeout));
    assert_eq!(made.header_names, ["authorization"]);
    let read = world.api.endpoint(world.tenant_id, &wanted.name).await.unwrap();
    assert_eq!(read, Some(made));

    let target = world.worker.endpoint_target(world.tenant_id, &wanted.name).await;
    let target = target.unwrap().unwrap();
    assert_eq!((target.url, target.timeout), (wanted.url, wanted.timeout));
    assert_eq!(
        (target.headers, target.secrets),
        (headers, vec!["whsec_1".to_owned()])
    );
    let unknown = world
        .worker
        .endpoint_target(world.tenant_id, &name("other"))
        .await;
    assert!(unknown.unwrap().is_none());
}

#[tokio::test]
async fn a_change_keeps_the_headers_that_it_does_not_name_and_meets_its_version_or_nothing() {
    let world = World::new().await;
    let with_header = EndpointSettings {
        headers: Some(vec![("x".to_owned(), "1".to_owned())]),
        ..settings("billing")
    };
    put(&world, &with_header, Precondition::absent()).await;
    for unmet in [
        Precondition::absent(),
        Precondition::one_of(vec![2]),
        Precondition::one_of(vec![]),
    ] {
        assert_eq!(
            put(&world, &settings("billing"), unmet).await,
            PutEndpoint::Unexpected
        );
    }
    for unmet in [Precondition::present(), Precondition::one_of(vec![1])] {
        assert_eq!(
            put(&world, &settings("other"), unmet).await,
            PutEndpoint::Unexpected
        );
    }
    let disabled = EndpointSettings {
        disabled: true,
        ..settings("billing")
    };
    let PutEndpoint::Replaced(first) = put(&world, &disabled, Precondition::one_of(vec![1])).await else {
        panic!("it is at version 1")
    };
    assert_eq!(
        (first.version, &first.header_names[..]),
        (2, &["x".to_owned()][..])
    );
    let PutEndpoint::Replaced(again) = put(&world, &disabled, Precondition::present()).await else {
        panic!("it is there")
    };
    assert!(first.disabled_at.is_some());
    assert_eq!(again.disabled_at, first.disabled_at, "since when it is disabled");

    let without = EndpointSettings {
        headers: Some(Vec::new()),
        ..settings("billing")
    };
    let PutEndpoint::Replaced(changed) = put(&world, &without, Precondition::default()).await else {
        panic!("it is there")
    };
    assert_eq!((changed.version, changed.disabled_at), (4, None));
    assert!(changed.header_names.is_empty());
}

#[tokio::test]
async fn endpoints_are_listed_by_name_page_after_page() {
    let world = World::new().await;
    for of in ["b", "a-1", "c", "a_2"] {
        put(&world, &settings(of), Precondition::default()).await;
    }
    let first = world.api.list_endpoints(world.tenant_id, None, 3).await.unwrap();
    let names: Vec<&str> = first.iter().map(|endpoint| endpoint.name.as_str()).collect();
    assert_eq!(names, ["a-1", "a_2", "b"]);
    let rest = world
        .api
        .list_endpoints(world.tenant_id, Some(&name("b")), 3)
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
}

#[tokio::test]
async fn a_rotation_signs_with_the_new_secret_and_with_the_old_ones_until_they_expire() {
    let world = World::new().await;
    assert_eq!(rotate(&world, "whsec_2", DAY).await, RotateSecret::NotFound);
    put(&world, &settings("billing"), Precondition::default()).await;
    let RotateSecret::Rotated(live) = rotate(&world, "whsec_2", DAY).await else {
        panic!("one secret signs")
    };
    assert_eq!(signing(&world).await, ["whsec_2", "whsec_1"]);
    let expires = |secrets: &[EndpointSecret]| -> Vec<bool> {
        secrets.iter().map(|secret| secret.expires_at.is_some()).collect()
    };
    assert_eq!(expires(&live), [false, true], "the newest does not expire");

    world
        .sql("update endpoint_secret set expires_at = now() - interval '1 second' where secret = 'whsec_1'")
        .await;
    assert_eq!(signing(&world).await, ["whsec_2"], "nothing expires too late");
    rotate(&world, "whsec_3", DAY).await;
    let mut superuser = world.db.superuser().await;
    let kept: i64 = sqlx::query_scalar("select count(*) from endpoint_secret")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(kept, 2, "what has expired is gone");
}

#[tokio::test]
async fn what_has_expired_is_removed_although_nobody_rotates_again() {
    let world = World::new().await;
    put(&world, &settings("billing"), Precondition::default()).await;
    for new in ["whsec_2", "whsec_3"] {
        rotate(&world, new, DAY).await;
    }
    assert_eq!(world.worker.purge_endpoint_secrets(10).await.unwrap(), 0);
    world
        .sql("update endpoint_secret set expires_at = now() where expires_at is not null")
        .await;
    for purged in [1, 1, 0] {
        assert_eq!(world.worker.purge_endpoint_secrets(1).await.unwrap(), purged);
    }
    let mut superuser = world.db.superuser().await;
    let as_worker = "set role tandem_worker; delete from endpoint_secret";
    sqlx::raw_sql(as_worker).execute(&mut superuser).await.unwrap();
    assert_eq!(
        signing(&world).await,
        ["whsec_3"],
        "the newest stays, whatever a worker does"
    );
}

#[tokio::test]
async fn no_more_than_three_secrets_sign_and_a_leaked_one_is_ended_at_once() {
    let world = World::new().await;
    put(&world, &settings("billing"), Precondition::default()).await;
    for new in ["whsec_2", "whsec_3"] {
        rotate(&world, new, DAY).await;
    }
    let before = world
        .api
        .endpoint_secrets(world.tenant_id, &name("billing"))
        .await
        .unwrap();
    let refused = rotate(&world, "whsec_4", DAY).await;
    assert!(
        matches!(refused, RotateSecret::TooMany { until: Some(_) }),
        "{refused:?}"
    );
    let after = world
        .api
        .endpoint_secrets(world.tenant_id, &name("billing"))
        .await
        .unwrap();
    assert_eq!(after, before, "a refusal changes nothing");

    rotate(&world, "whsec_5", Duration::ZERO).await;
    assert_eq!(signing(&world).await, ["whsec_5"]);
}

#[tokio::test]
async fn concurrent_rotations_leave_one_secret_that_does_not_expire() {
    let world = World::new().await;
    put(&world, &settings("billing"), Precondition::default()).await;
    let (a, b) = tokio::join!(rotate(&world, "whsec_a", DAY), rotate(&world, "whsec_b", DAY));
    assert!(matches!(
        (a, b),
        (RotateSecret::Rotated(_), RotateSecret::Rotated(_))
    ));
    let secrets = world
        .api
        .endpoint_secrets(world.tenant_id, &name("billing"))
        .await;
    let secrets = secrets.unwrap().unwrap();
    let lasting = secrets.iter().filter(|secret| secret.expires_at.is_none());
    assert_eq!((secrets.len(), lasting.count()), (3, 1));
}

#[tokio::test]
async fn a_deleted_endpoint_takes_its_secrets_with_it() {
    let world = World::new().await;
    let actor = actor(world.tenant_id);
    let name = name("billing");
    let delete = async |expected: Precondition| {
        let deletion = world.api.delete_endpoint(&actor, &name, &expected);
        deletion.await.unwrap()
    };
    assert_eq!(delete(Precondition::default()).await, DeleteEndpoint::NotFound);
    put(&world, &settings("billing"), Precondition::default()).await;
    let stale = Precondition::one_of(vec![7]);
    assert_eq!(delete(stale).await, DeleteEndpoint::Unexpected);
    assert_eq!(
        delete(Precondition::one_of(vec![1])).await,
        DeleteEndpoint::Deleted
    );
    let secrets = world.api.endpoint_secrets(world.tenant_id, &name).await;
    assert_eq!(secrets.unwrap(), None);
}

#[tokio::test]
async fn every_change_is_audited_without_what_is_secret() {
    let world = World::new().await;
    let with_header = EndpointSettings {
        headers: Some(vec![("authorization".to_owned(), "Bearer x".to_owned())]),
        ..settings("billing")
    };
    put(&world, &with_header, Precondition::default()).await;
    put(&world, &settings("billing"), Precondition::one_of(vec![9])).await;
    put(&world, &settings("billing"), Precondition::default()).await;
    rotate(&world, "whsec_2", DAY).await;
    let (actor, name) = (actor(world.tenant_id), name("billing"));
    let deletion = world.api.delete_endpoint(&actor, &name, &ANY);
    deletion.await.unwrap();
    let filter = store::AuditFilter::default();
    let entries = world
        .api
        .list_audit(world.tenant_id, &filter, None, 10)
        .await
        .unwrap();
    let entries: Vec<_> = entries
        .into_iter()
        .filter(|entry| entry.action.starts_with("endpoint."))
        .collect();
    let actions: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "endpoint.delete",
            "endpoint.rotate_secret",
            "endpoint.update",
            "endpoint.create"
        ]
    );
    for entry in entries {
        assert_eq!(entry.target, "billing");
        for secret in ["whsec_", "Bearer", "key=1"] {
            assert!(!entry.details.contains(secret), "{}", entry.details);
        }
    }
}
