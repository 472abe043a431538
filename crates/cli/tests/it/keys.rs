//! `tandem keys …` and `tandem tenants …`, by the api.

use serde_json::Value;

use crate::world::{Ran, World};

#[track_caller]
fn parsed(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

#[tokio::test]
async fn a_key_is_made_rotated_and_revoked() {
    let world = World::new().await;
    let create = [
        "keys",
        "create",
        "--name",
        "import",
        "--scopes",
        "jobs:read",
        "--expires-in",
        "30d",
    ];
    let made = world.tandem(&create).await;
    assert_eq!((made.code, made.out.lines().count()), (0, 1), "{made:?}");
    assert!(made.err.contains("can't be read again"), "{made:?}");
    let key = made.out.trim();
    assert!(key.starts_with("tdm_test_"), "{made:?}");
    let id = key.split('_').nth(2).unwrap();

    let shown = parsed(&world.tandem(&["keys", "get", id, "--json"]).await);
    assert_eq!((&shown["name"], &shown["live"]), (&"import".into(), &true.into()));
    assert!(shown["expires_at"].is_string(), "{shown}");
    let rotated = parsed(
        &world
            .tandem(&["keys", "rotate", id, "--overlap", "1h", "--json"])
            .await,
    );
    let next = rotated["key"]["id"].as_str().unwrap();
    let again = world.tandem(&["keys", "rotate", id]).await;
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains(next), "{again:?}");

    let revoked = world.tandem(&["keys", "revoke", next]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    let list = world.tandem(&["keys", "list"]).await;
    let row = |id: &str| list.out.lines().find(|line| line.starts_with(id)).unwrap();
    assert!(
        row(next).contains("false") && row(id).contains("true"),
        "{list:?}"
    );
    assert!(row(id).contains(next), "{list:?}");
}

#[tokio::test]
async fn a_key_of_any_tenant_is_revoked_at_the_database() {
    let world = World::new().await;
    let made = world
        .tandem(&["keys", "create", "--name", "n", "--scopes", "ops"])
        .await;
    let id = made.out.trim().split('_').nth(2).unwrap();
    let url = world.db.url();
    let at_database = ["keys", "revoke", id, "--at-database", "--database-url", &url];
    assert_eq!(world.tandem(&at_database).await.code, 0);
    let shown = parsed(&world.tandem(&["keys", "get", id, "--json"]).await);
    assert_eq!(shown["live"], false);
    let unknown = [
        "keys",
        "revoke",
        "0123456789abcdef",
        "--at-database",
        "--database-url",
        &url,
    ];
    let unknown = world.tandem(&unknown).await;
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("there is no key"), "{unknown:?}");
}

#[tokio::test]
async fn who_does_not_operate_sees_their_own_tenant_and_changes_none() {
    let world = World::new().await;
    let id = world.tenant_id.to_string();
    let own = parsed(&world.tandem(&["tenants", "get", &id, "--json"]).await);
    assert_eq!(own["operator"], false);
    let list = parsed(&world.tandem(&["tenants", "list", "--json"]).await);
    assert_eq!(list, serde_json::json!([own]));
    for refused in [
        world.tandem(&["tenants", "create", "other"]).await,
        world
            .tandem(&["tenants", "update", &id, "--max-queued-jobs", "none"])
            .await,
    ] {
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains("does not operate"), "{refused:?}");
    }
    let wrong = ["tenants", "update", &id, "--max-queued-jobs", "many"];
    assert_eq!(world.tandem(&wrong).await.code, 2);
}

#[tokio::test]
async fn an_operator_made_at_the_database_limits_the_others() {
    let world = World::new().await;
    let url = world.db.url();
    let found = [
        "tenants",
        "create",
        "platform",
        "--operator",
        "--database-url",
        &url,
    ];
    assert_eq!(world.tandem(&found).await.code, 0);
    world
        .sql("update tenant set operator = true where name <> 'platform'")
        .await;
    // What the api knows of a key is a few seconds old.
    testkit::eventually(
        "the key operates",
        std::time::Duration::from_secs(20),
        async || {
            let made = world.tandem(&["tenants", "create", "acme", "--json"]).await;
            (made.code == 0).then_some(())
        },
    )
    .await;
    let list = parsed(&world.tandem(&["tenants", "list", "--json"]).await);
    let acme = list[0]["id"].as_str().unwrap();
    let update = [
        "tenants",
        "update",
        acme,
        "--max-running-jobs",
        "5",
        "--name",
        "Acme Ltd",
        "--json",
    ];
    let updated = parsed(&world.tandem(&update).await);
    assert_eq!(
        (&updated["name"], &updated["max_running_jobs"]),
        (&"Acme Ltd".into(), &5.into())
    );
}
