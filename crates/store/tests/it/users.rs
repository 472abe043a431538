//! Users: made once per address, read in order.

use domain::UserId;
use store::{Error, NewUser};

use crate::world::World;

fn new(name: &str, email: &str) -> NewUser {
    NewUser {
        name: name.to_owned(),
        email: email.to_owned(),
    }
}

#[tokio::test]
async fn a_user_is_read_as_it_was_made() {
    let world = World::new().await;
    let made = world
        .api
        .create_user(
            &testkit::actor(world.tenant_id),
            &new("Ann", "Ann@example.com"),
            None,
        )
        .await
        .unwrap()
        .made()
        .unwrap();
    assert_eq!(
        (made.name.as_str(), made.email.as_str()),
        ("Ann", "Ann@example.com")
    );
    assert_eq!(made.created_at, made.updated_at);
    let read = world.api.user(world.tenant_id, made.id).await.unwrap();
    assert_eq!(read, Some(made));
    let unknown = world.api.user(world.tenant_id, UserId(i64::MAX)).await.unwrap();
    assert_eq!(unknown, None);
}

#[tokio::test]
async fn an_address_belongs_to_one_user_of_a_tenant_whatever_its_case() {
    let world = World::new().await;
    let other = world.db.tenant().await;
    let create = async |tenant_id, email| {
        world
            .api
            .create_user(&testkit::actor(tenant_id), &new("Ann", email), None)
            .await
    };
    create(world.tenant_id, "ann@example.com").await.unwrap();
    for taken in ["ann@example.com", "ANN@example.com"] {
        let refusal = create(world.tenant_id, taken).await.unwrap_err();
        assert!(
            matches!(&refusal, Error::Conflict { constraint } if constraint == "users_tenant_email_key"),
            "{refusal:?}"
        );
    }
    create(world.tenant_id, "ann@example.org").await.unwrap();
    create(other, "ann@example.com").await.unwrap();
}

#[tokio::test]
async fn users_are_listed_newest_first_page_after_page() {
    let world = World::new().await;
    let other = world.db.tenant().await;
    let mut expected = Vec::new();
    for n in 0..5 {
        let new = new("Ann", &format!("a{n}@example.com"));
        world
            .api
            .create_user(&testkit::actor(other), &new, None)
            .await
            .unwrap();
        expected.push(
            world
                .api
                .create_user(&testkit::actor(world.tenant_id), &new, None)
                .await
                .unwrap()
                .made()
                .unwrap(),
        );
    }
    expected.reverse();
    let first = world.api.list_users(world.tenant_id, None, 2).await.unwrap();
    assert_eq!(first, expected[..2]);
    let rest = world
        .api
        .list_users(world.tenant_id, Some(first[1].id), 10)
        .await
        .unwrap();
    assert_eq!(rest, expected[2..]);
}
