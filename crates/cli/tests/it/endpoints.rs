//! `tandem endpoints …`

use serde_json::Value;

use crate::world::{Ran, World};

async fn endpoints(world: &World, arguments: &[&str]) -> Ran {
    world.tandem(&[&["endpoints"], arguments].concat()).await
}

#[track_caller]
fn parsed(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

#[tokio::test]
async fn endpoints_are_put_listed_shown_and_deleted() {
    let world = World::new().await;
    let put = ["put", "billing", "--target", "https://example.com/hook"];
    let header = ["--header", "Authorization: Bearer a:b", "--timeout", "5s"];
    let ran = endpoints(&world, &[&put[..], &header].concat()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.lines().last().unwrap().starts_with("whsec_"),
        "the secret is printed alone: {ran:?}"
    );
    assert!(ran.err.contains("can't be read again"), "{ran:?}");

    let shown = endpoints(&world, &["get", "billing"]).await;
    let row = "billing  https://example.com/hook  authorization  5000        false     1";
    assert_eq!(shown.out.lines().nth(1), Some(row), "{shown:?}");
    let changed = endpoints(
        &world,
        &[&put[..], &["--disabled", "--if-version", "1", "--json"]].concat(),
    )
    .await;
    let changed = parsed(&changed);
    assert_eq!(
        (&changed["disabled"], &changed["timeout_ms"]),
        (&true.into(), &Value::Null)
    );
    assert_eq!(changed["header_names"], Value::from(["authorization"].as_slice()));
    let bare = endpoints(&world, &[&put[..], &["--no-headers", "--json"]].concat()).await;
    assert_eq!(parsed(&bare)["header_names"], Value::Array(Vec::new()));

    let listed = parsed(&endpoints(&world, &["list", "--json"]).await);
    assert_eq!(listed, Value::from(vec![parsed(&bare)]));
    let deleted = endpoints(&world, &["delete", "billing", "--if-version", "3"]).await;
    assert_eq!((deleted.code, deleted.out.as_str()), (0, ""), "{deleted:?}");
    assert_eq!(
        parsed(&endpoints(&world, &["list", "--json"]).await),
        Value::Array(Vec::new())
    );
}

#[tokio::test]
async fn a_secret_is_rotated_and_printed_for_a_pipe() {
    let world = World::new().await;
    endpoints(&world, &["put", "billing", "--target", "https://example.com/"]).await;
    let ran = endpoints(&world, &["rotate-secret", "billing", "--overlap", "1h"]).await;
    assert_eq!((ran.code, ran.out.lines().count()), (0, 1), "{ran:?}");
    assert!(ran.out.starts_with("whsec_"), "{ran:?}");
    let secrets = endpoints(&world, &["secrets", "billing"]).await;
    assert_eq!(secrets.out.lines().count(), 3, "{secrets:?}");
    assert!(!secrets.out.contains("whsec_"), "{secrets:?}");
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let world = World::new().await;
    let put = ["put", "billing", "--target", "https://example.com/"];
    endpoints(&world, &put).await;
    let stale = endpoints(&world, &[&put[..], &["--if-version", "7"]].concat()).await;
    assert!(stale.code == 1 && stale.err.contains("(412"), "{stale:?}");
    let wrong = endpoints(&world, &[&put[..], &["--header", "Host: x"]].concat()).await;
    assert!(
        wrong.code == 1 && wrong.err.contains("/headers/Host"),
        "{wrong:?}"
    );
    let unknown = endpoints(&world, &["rotate-secret", "other"]).await;
    assert!(
        unknown.code == 1 && unknown.err.contains("There is no such endpoint"),
        "{unknown:?}"
    );
    for no_sense in [
        &["get", "../jobs"][..],
        &[
            "put",
            "billing",
            "--target",
            "https://example.com/",
            "--header",
            "nonsense",
        ],
        &["rotate-secret", "billing", "--overlap", "soon"],
    ] {
        assert_eq!(endpoints(&world, no_sense).await.code, 2, "{no_sense:?}");
    }
}
