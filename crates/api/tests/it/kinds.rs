//! Kinds: what their payloads look like.

use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use store::{Declare, KindDeclaration};
use testkit::eventually;

use crate::app::{SOON, TestApp, User};
use crate::worker::Worker;

pub(crate) fn kind(name: &str, schema: Option<Value>, sensitive: &[&str]) -> KindDeclaration {
    KindDeclaration {
        name: name.parse().unwrap(),
        schema: schema.map(|schema| to_raw_value(&schema).unwrap()),
        sensitive: sensitive.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

/// Declares the kinds, and waits until the api knows them.
pub(crate) async fn declare(user: &User<'_>, worker: &Worker, kinds: &[KindDeclaration]) {
    worker.declare(kinds).await;
    eventually("the kinds are known", SOON, async || {
        let known = user.get("/api/kinds").await.ok(200);
        (known["kinds"].as_array().unwrap().len() == kinds.len()).then_some(())
    })
    .await;
}

pub(crate) async fn declare_sensitive(user: &User<'_>, worker: &Worker, name: &str, sensitive: &[&str]) {
    declare(user, worker, &[kind(name, None, sensitive)]).await;
}

fn mail() -> Value {
    json!({
        "type": "object", "required": ["to"], "additionalProperties": false,
        "properties": {
            "to": { "type": "array", "items": { "type": "string", "maxLength": 10 }, "maxItems": 100 },
            "a/b": { "type": "integer" },
        },
    })
}

#[tokio::test]
async fn kinds_are_listed_with_their_schemas() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    assert_eq!(user.get("/api/kinds").await.ok(200), json!({ "kinds": [] }));
    declare(
        &user,
        &worker,
        &[kind("mail", Some(mail()), &["/to"]), kind("any", None, &[])],
    )
    .await;
    let kinds = user.get("/api/kinds").await.ok(200);
    assert_eq!(
        (&kinds["kinds"][0]["name"], &kinds["kinds"][0]["schema"]),
        (&json!("any"), &Value::Null)
    );
    let mut listed = kinds["kinds"][1].clone();
    assert!(listed["registered_at"].take().is_string());
    assert_eq!(
        listed,
        json!({ "name": "mail", "schema": mail(), "sensitive": ["/to"], "live": true, "registered_at": null })
    );
    app.sql("delete from worker").await;
    eventually("nobody has the kind any more", SOON, async || {
        let kinds = user.get("/api/kinds").await.ok(200);
        (kinds["kinds"][1]["live"] == false).then_some(())
    })
    .await;
}

#[tokio::test]
async fn kinds_that_can_not_be_read_at_the_moment_hold_up_no_submit() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    declare(&user, &worker, &[kind("mail", Some(mail()), &[])]).await;
    let blocker = app.block_kinds().await;
    let right = json!({ "kind": "mail", "payload": { "to": ["me"] } });
    let wrong = json!({ "kind": "mail", "payload": { "to": 1 } });
    // It is answered while somebody still waits for the kinds, once what was read is too old.
    eventually("a submit that does not wait for them", SOON, async || {
        user.post("/api/jobs", &right).await.ok(202);
        (!app.wait_for_locks().await.is_empty()).then_some(())
    })
    .await;
    user.post("/api/jobs", &wrong).await.ok(422);
    assert!(!app.wait_for_locks().await.is_empty());
    blocker.release().await;
}

#[tokio::test]
async fn a_payload_that_its_kind_does_not_take_is_refused_by_where_it_is_wrong() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    declare(&user, &worker, &[kind("mail", Some(mail()), &[])]).await;
    let refused = async |payload: Value| {
        let answer = user
            .post("/api/jobs", &json!({ "kind": "mail", "payload": payload }))
            .await;
        let problem = answer.problem(422, "invalid_body");
        let errors = problem["errors"].as_array().unwrap().iter();
        errors
            .map(|error| {
                format!(
                    "{} {}",
                    error["pointer"].as_str().unwrap(),
                    error["code"].as_str().unwrap()
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(refused(json!({})).await, ["/payload/to missing_field"]);
    assert_eq!(refused(json!([])).await, ["/payload wrong_type"]);
    assert_eq!(
        refused(json!({ "to": [], "x/y": 1 })).await,
        ["/payload/x~1y unknown_field"]
    );
    assert_eq!(refused(json!({ "to": ["a", 7], "a/b": "x" })).await.len(), 2);
    assert!(
        refused(json!({ "to": ["a", 7] }))
            .await
            .contains(&"/payload/to/1 wrong_type".to_owned())
    );
    assert!(
        refused(json!({ "to": [], "a/b": 1.5 }))
            .await
            .contains(&"/payload/a~1b wrong_type".to_owned())
    );
    assert_eq!(
        refused(json!({ "to": vec![1; 100] })).await.len(),
        20,
        "enough to begin with"
    );

    let secret = "a-secret-that-is-too-long";
    let answer = user
        .post(
            "/api/jobs",
            &json!({ "kind": "mail", "payload": { "to": [secret] } }),
        )
        .await;
    answer.problem(422, "invalid_body");
    assert!(!answer.text.contains(secret), "{answer:?}");

    let good = json!({ "kind": "mail", "payload": { "to": ["a"], "a/b": 1 } });
    user.post("/api/jobs", &good).await.ok(202);
    let batch = json!({ "jobs": [good, { "kind": "mail" }, { "kind": "nobody.knows", "payload": 7 }] });
    let problem = user
        .post("/api/jobs/batch", &batch)
        .await
        .problem(422, "invalid_body");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
    assert_eq!(problem["errors"][0]["pointer"], "/jobs/1/payload");
    assert_eq!(app.stored_jobs().await, 1);
}

#[tokio::test]
async fn a_schema_that_can_not_be_used_checks_nothing() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let broken = kind("broken", Some(json!({ "type": "nonsense" })), &[]);
    let elsewhere = kind(
        "elsewhere",
        Some(json!({ "$ref": "http://127.0.0.1:9/schema.json" })),
        &[],
    );
    let file = kind("file", Some(json!({ "$ref": "file:///etc/hostname" })), &[]);
    declare(
        &user,
        &worker,
        &[broken, elsewhere, file, kind("mail", Some(mail()), &[])],
    )
    .await;
    for name in ["broken", "elsewhere", "file", "nobody.knows"] {
        user.submit(&json!({ "kind": name, "payload": { "any": 1 } }))
            .await;
    }
    user.post("/api/jobs", &json!({ "kind": "mail" }))
        .await
        .problem(422, "invalid_body");
    // What only a handler can read is left to it.
    let huge = r#"{"kind":"mail","payload":{"to":[],"n":1e999}}"#;
    user.post_text("/api/jobs", huge).await.ok(202);
}

#[tokio::test]
async fn a_schema_may_change() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    declare(
        &user,
        &worker,
        &[kind("k", Some(json!({ "type": "string" })), &[])],
    )
    .await;
    user.post("/api/jobs", &json!({ "kind": "k", "payload": 7 }))
        .await
        .problem(422, "invalid_body");
    worker
        .declare(&[kind("k", Some(json!({ "type": "integer" })), &[])])
        .await;
    eventually("the new schema holds", SOON, async || {
        let answer = user
            .post("/api/jobs", &json!({ "kind": "k", "payload": 7 }))
            .await;
        (answer.status.as_u16() == 202).then_some(())
    })
    .await;
}

impl Worker {
    async fn declare(&self, kinds: &[KindDeclaration]) {
        self.store
            .declare_kinds(self.id(), kinds, Declare::Anew)
            .await
            .unwrap();
    }
}
