//! `tandem audit …`

use crate::world::World;

async fn change_things(world: &World, times: usize) {
    for index in 0..times {
        let email = format!("ann{index}@example.com");
        let made = world
            .tandem(&["users", "create", "--name", "Ann", "--email", &email])
            .await;
        assert_eq!(made.code, 0, "{made:?}");
    }
}

/// Changes what nobody can change, as somebody might who has the whole database.
async fn tamper(world: &World, statement: &'static str) {
    world.sql("alter table audit_entry disable trigger all").await;
    world.sql(statement).await;
}

#[tokio::test]
async fn a_whole_log_is_verified_and_goes_on_from_its_head() {
    let world = World::new().await;
    change_things(&world, 3).await;
    let verified = world.tandem(&["audit", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    let mut lines = verified.out.lines();
    assert_eq!(lines.next(), Some("5 entries, none changed, missing or inserted"));
    let head = lines.next().unwrap().strip_prefix("head ").unwrap();
    assert!(head.starts_with("5:") && head.len() == 66, "{head}");

    world
        .tandem(&["users", "create", "--name", "Bob", "--email", "bob@example.com"])
        .await;
    let since = world.tandem(&["audit", "verify", "--since", head]).await;
    assert_eq!(since.code, 0, "{since:?}");
    let forged = format!("5:{}", "0".repeat(64));
    let other = world.tandem(&["audit", "verify", "--since", &forged]).await;
    assert!(other.code == 1 && other.err.contains("made anew"), "{other:?}");
    let beyond = world
        .tandem(&["audit", "verify", "--since", &forged.replacen('5', "9", 1)])
        .await;
    assert!(
        beyond.code == 1 && beyond.err.contains("entry 9 is missing"),
        "{beyond:?}"
    );
    assert_eq!(world.tandem(&["audit", "verify", "--since", "5:x"]).await.code, 2);
}

#[tokio::test]
async fn a_changed_entry_is_found() {
    let world = World::new().await;
    change_things(&world, 2).await;
    tamper(&world, "update audit_entry set target = '999' where number = 3").await;
    let verified = world.tandem(&["audit", "verify"]).await;
    assert!(
        verified.code == 1 && verified.err.contains("entry 3 was changed"),
        "{verified:?}"
    );
}

#[tokio::test]
async fn a_dropped_entry_is_found() {
    let world = World::new().await;
    change_things(&world, 2).await;
    tamper(&world, "delete from audit_entry where number = 3").await;
    let verified = world.tandem(&["audit", "verify"]).await;
    assert!(
        verified.code == 1 && verified.err.contains("entry 3 is missing"),
        "{verified:?}"
    );
}

#[tokio::test]
async fn a_log_without_its_beginning_is_found() {
    let world = World::new().await;
    change_things(&world, 1).await;
    tamper(&world, "delete from audit_entry where number = 1").await;
    let verified = world.tandem(&["audit", "verify"]).await;
    assert!(
        verified.code == 1 && verified.err.contains("entry 1 is missing"),
        "{verified:?}"
    );
}

#[tokio::test]
async fn entries_are_listed_by_action() {
    let world = World::new().await;
    change_things(&world, 2).await;
    let list = world.tandem(&["audit", "list", "--action", "user.create"]).await;
    assert_eq!((list.code, list.out.lines().count()), (0, 3), "{list:?}");
    let last = world.tandem(&["audit", "list", "--limit", "1", "--json"]).await;
    let entries: serde_json::Value = serde_json::from_str(&last.out).unwrap();
    assert_eq!(entries[0]["action"], "user.create");
}
