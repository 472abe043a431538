//! Keys that secrets hold: the operators' first one, by `tandem found-operator`, and the one that verifies releases, by
//! `tandem migrate`.

use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::setup::{Account, PEPPER};
use crate::world::{run, tandem};

#[tokio::test]
async fn the_first_key_is_made_once_and_again_only_when_it_does_not_work() {
    let account = Account::new().await;
    account.name_logins().await;
    let early = account.tandem(&["found-operator"]).await;
    assert!(
        early.code == 1 && early.err.contains("has no pepper yet"),
        "{early:?}"
    );
    account.migrate().await;
    let found = async || {
        let ran = account.tandem(&["found-operator"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let key = account.value(&account.operator_key).await;
        assert!(key.starts_with("tdm_test_") && !ran.err.contains(&key) && !ran.out.contains(&key));
        key
    };
    let (a, b) = tokio::join!(found(), found());
    assert_eq!(a, b, "two at once");
    assert_eq!(
        (
            account.how_many("tenant where operator").await,
            account.how_many("api_key where name = 'first key'").await
        ),
        (1, 1)
    );
    assert_eq!(found().await, a);

    // Cut off after the secret was written.
    let mut superuser = PgConnection::connect_with(&account.server.clone().database(&account.database))
        .await
        .unwrap();
    superuser.execute("delete from api_key").await.unwrap();
    assert_eq!(found().await, a);
    assert_eq!(account.how_many("api_key").await, 1);

    superuser
        .execute("update api_key set revoked_at = now()")
        .await
        .unwrap();
    let next = found().await;
    assert_ne!(next, a);
    assert_eq!(account.how_many("api_key where revoked_at is null").await, 1);
    // With another pepper no key works any more.
    account.put(&account.pepper, PEPPER).await;
    assert_ne!(found().await, next);

    account.put(&account.operator_key, "hunter2").await;
    let wrong = account.tandem(&["found-operator"]).await;
    assert!(
        wrong.code == 1 && wrong.err.contains("must hold an API key or nothing"),
        "{wrong:?}"
    );
    assert!(!wrong.err.contains("hunter2"), "{wrong:?}");
    superuser
        .execute("update tenant set operator = false")
        .await
        .unwrap();
    let taken = account.tandem(&["found-operator"]).await;
    assert!(
        taken.code == 1 && taken.err.contains("does not operate the others"),
        "{taken:?}"
    );
}

#[tokio::test]
async fn the_key_that_verifies_releases_may_do_little_and_is_made_again_only_when_it_does_not_work() {
    let account = Account::new().await;
    account.name_logins().await;
    // Two at once make one.
    tokio::join!(account.migrate(), account.migrate());
    let first = account.value(&account.verify_key).await;
    assert!(first.starts_with("tdm_test_"));
    let little = "api_key join tenant on tenant.id = tenant_id and not operator \
                  where tenant.name = 'tandem-verify' and scopes <@ array['jobs:read', 'jobs:write'] and revoked_at is null";
    assert_eq!(
        (account.how_many("api_key").await, account.how_many(little).await),
        (1, 1)
    );
    account.migrate().await;
    assert_eq!(account.value(&account.verify_key).await, first);

    // Cut off after the secret was written; and ended by somebody.
    let mut superuser = PgConnection::connect_with(&account.server.clone().database(&account.database))
        .await
        .unwrap();
    superuser.execute("delete from api_key").await.unwrap();
    account.migrate().await;
    assert_eq!(account.value(&account.verify_key).await, first);
    superuser
        .execute("update api_key set revoked_at = now()")
        .await
        .unwrap();
    let ran = account.migrate().await;
    let next = account.value(&account.verify_key).await;
    assert!(
        next != first && !ran.err.contains(&next) && !ran.out.contains(&next),
        "{ran:?}"
    );
    assert_eq!(account.how_many(little).await, 1);

    superuser
        .execute("update tenant set operator = true")
        .await
        .unwrap();
    let ran = account.tandem(&["migrate"]).await;
    assert!(
        ran.code == 1 && ran.err.contains("must not operate others"),
        "{ran:?}"
    );
    // The key is hashed under the pepper.
    let arguments = [
        "migrate",
        "--database-url",
        "postgres://nowhere",
        "--verify-key-secret",
        "arn",
    ];
    let ran = run(tandem(&arguments)).await;
    assert!(ran.code == 2 && ran.err.contains("--pepper-secret"), "{ran:?}");
}
