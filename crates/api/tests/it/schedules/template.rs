//! What the jobs of a schedule may say, who reads it, and what keeps them from being made.

use domain::Scope;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::kinds::{declare, declare_sensitive, kind};

fn talkative() -> Value {
    json!({
        "cron": "@daily", "overlap": "allow",
        "job": {
            "kind": "pay", "payload": { "card": { "number": "4111-1111" }, "pin": 1234, "sum": 12 },
            "metadata": { "team": "billing" }, "sensitive": ["/card/number"], "start_within_ms": 60_000,
            "unique": { "key": "the work", "period_ms": 3_600_000, "on_conflict": "reject" },
        },
    })
}

#[tokio::test]
async fn it_says_what_a_submit_says_and_shows_personal_data_to_those_who_submit() {
    let app = TestApp::new().await;
    let (tenant, worker) = (app.tenant().await, app.worker().await);
    let writer = app.key(tenant, &[Scope::JobsRead, Scope::JobsWrite]).await;
    let reader = app.key(tenant, &[Scope::JobsRead]).await;
    declare_sensitive(&writer, &worker, "pay", &["/pin"]).await;
    let put = writer.put("/api/schedules/pay", &talkative()).await.ok(201);
    let job = &put["job"];
    assert_eq!(job["payload"], talkative()["job"]["payload"]);
    assert_eq!(job["metadata"], json!({ "team": "billing" }));
    assert_eq!(job["sensitive"], json!(["/card/number", "/pin"]));
    assert_eq!(job["start_within_ms"], 60_000);
    assert_eq!(
        job["unique"],
        json!({ "while": null, "period_ms": 3_600_000, "on_conflict": "reject" })
    );
    assert_eq!(writer.get("/api/schedules/pay").await.ok(200), put);

    let read = reader.get("/api/schedules/pay").await;
    assert_eq!(
        read.ok(200)["job"]["payload"],
        json!({ "card": { "number": "***" }, "pin": "***", "sum": 12 })
    );
    assert_eq!(read.header("etag"), "\"1\"");
    let listed = reader.get("/api/schedules").await;
    for answer in [&read, &listed] {
        assert!(
            !answer.text.contains("4111") && !answer.text.contains("1234"),
            "{answer:?}"
        );
    }

    let fired = writer.act("/api/schedules/pay/fire").await;
    fired.ok(202);
    let made = writer.get(fired.header("location")).await.ok(200);
    assert_eq!(
        (&made["metadata"], &made["sensitive"], &made["payload"]),
        (&job["metadata"], &job["sensitive"], &job["payload"])
    );
    assert!(made["start_by"].is_string(), "{made}");
    let masked = reader.get(fired.header("location")).await;
    assert!(!masked.text.contains("4111"), "{masked:?}");
    let refused = writer
        .act("/api/schedules/pay/fire")
        .await
        .problem(409, "unique_conflict");
    assert_eq!(refused["job_id"], made["id"]);

    // With `return` the other job is the answer.
    let mut change = talkative();
    change["job"]["unique"] = json!({ "key": "the work" });
    let put = writer.put("/api/schedules/pay", &change).await.ok(200);
    assert_eq!(
        put["job"]["unique"],
        json!({ "while": "live", "period_ms": null, "on_conflict": "return" })
    );
    let existing = writer.act("/api/schedules/pay/fire").await;
    assert_eq!(
        (&existing.ok(200)["id"], existing.header("job-existed")),
        (&made["id"], "true")
    );
    assert_eq!(app.stored_jobs().await, 1);
}

#[tokio::test]
async fn its_payload_is_what_the_kind_takes() {
    let app = TestApp::new().await;
    let (user, worker) = (app.user().await, app.worker().await);
    let schema = json!({
        "type": "object", "required": ["to"], "properties": { "to": { "type": "array", "items": { "type": "string" } } },
    });
    declare(&user, &worker, &[kind("mail", Some(schema), &[])]).await;
    let body = |payload: Value| json!({ "cron": "@daily", "job": { "kind": "mail", "payload": payload } });
    for (payload, pointer) in [
        (json!({}), "/job/payload/to"),
        (json!({ "to": ["a", 1] }), "/job/payload/to/1"),
        (json!(null), "/job/payload"),
    ] {
        let refused = user.put("/api/schedules/mail", &body(payload)).await;
        let problem = refused.problem(422, "invalid_body");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    user.put("/api/schedules/mail", &body(json!({ "to": ["a"] })))
        .await
        .ok(201);
}

#[tokio::test]
async fn a_job_on_request_counts_against_the_quota() {
    let app = TestApp::new().await;
    let user = app.user().await;
    app.sql("update tenant set max_queued_jobs = 1").await;
    let body = json!({ "cron": "@daily", "overlap": "allow", "job": { "kind": "k" } });
    user.put("/api/schedules/s", &body).await.ok(201);
    user.act("/api/schedules/s/fire").await.ok(202);
    let refused = user.act("/api/schedules/s/fire").await;
    refused.problem(429, "quota_exceeded");
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(app.stored_jobs().await, 1);
}
