//! `tandem jobs submit …` and `tandem kinds …`

use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn a_unique_job_is_submitted_once_and_another_one_is_told() {
    let world = World::new().await;
    let submit = async |more: &[&str]| {
        let arguments = [
            "jobs",
            "submit",
            "a.b",
            "-p",
            r#"{"id":1,"card":"4111"}"#,
            "--json",
        ];
        world.tandem(&[&arguments, more].concat()).await
    };
    let parsed = |out: &str| -> Value { serde_json::from_str(out).unwrap() };
    let extras = [
        "--unique-field",
        "/id",
        "--sensitive",
        "/card",
        "--metadata",
        "from=a test",
    ];
    let first = submit(&extras).await;
    assert_eq!(first.code, 0, "{first:?}");
    let (first, second) = (parsed(&first.out), parsed(&submit(&extras).await.out));
    assert_eq!(
        (&first["id"], &first["existed"]),
        (&second["id"], &Value::from(false))
    );
    assert_eq!(second["existed"], true);

    let id = first["id"].as_str().unwrap();
    let job = parsed(&world.tandem(&["jobs", "get", id, "--json"]).await.out);
    assert_eq!(job["metadata"]["from"], "a test");
    assert_eq!(job["sensitive"][0], "/card");

    let refused = submit(&["--unique-field", "/id", "--on-conflict", "reject"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.err.contains(id) && refused.err.contains("409"),
        "{refused:?}"
    );
    let period = submit(&[
        "--unique",
        "key",
        "--unique-for",
        "1h",
        "--on-conflict",
        "replace",
    ])
    .await;
    assert_eq!(period.code, 0, "{period:?}");
    let both = submit(&["--unique", "key", "--unique-field", "/id"]).await;
    assert_eq!(both.code, 2, "{both:?}");
}

#[tokio::test]
async fn kinds_are_listed() {
    let world = World::new().await;
    world.declare("mail.send", r#"{"type":"object"}"#).await;
    let listed = world.tandem(&["kinds", "list"]).await;
    assert_eq!((listed.code, listed.out.lines().count()), (0, 2), "{listed:?}");
    assert!(
        listed
            .out
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("mail.send  true  yes"),
        "{listed:?}"
    );
    let listed = world.tandem(&["kinds", "list", "--json"]).await;
    let kinds: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(kinds[0]["schema"]["type"], "object");
    let refused = world.tandem(&["jobs", "submit", "mail.send", "-p", "7"]).await;
    assert!(
        refused.code == 1 && refused.err.contains("/payload"),
        "{refused:?}"
    );
}
