//! Schedules over HTTP.

mod bad_input;
mod template;

use axum::body::Body;
use domain::Scope;
use http::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, User};

const SCHEDULES: &str = "/api/schedules";

fn nightly() -> Value {
    json!({
        "cron": "30 2 * * *", "time_zone": "Europe/Berlin",
        "job": { "kind": "report.make", "queue": "slow", "payload": { "b": 1, "a": [] }, "tags": ["night"], "max_attempts": 3,
                 "backoff": { "initial_ms": 5_000 }, "timeout_ms": 60_000 },
    })
}

impl User<'_> {
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.put_if(path, body, &[]).await
    }

    async fn put_if(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let request = self
            .request(Method::PUT, path)
            .header("content-type", "application/json");
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(body.to_string().into()).unwrap()).await
    }

    async fn delete(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::DELETE, path);
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn act(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path).body(Body::empty()).unwrap())
            .await
    }
}

#[tokio::test]
async fn a_schedule_is_made_read_replaced_and_deleted() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let made = user.put("/api/schedules/nightly", &nightly()).await;
    let schedule = made.ok(201);
    assert_eq!(
        (made.header("location"), made.header("etag")),
        ("/api/schedules/nightly", "\"1\"")
    );
    assert_eq!(schedule["name"], "nightly");
    assert_eq!(
        (
            &schedule["overlap"],
            &schedule["missed"],
            &schedule["missed_after_secs"]
        ),
        (&json!("skip"), &json!("latest"), &json!(60))
    );
    assert_eq!(
        schedule["job"],
        json!({
            "kind": "report.make", "queue": "slow", "payload": { "b": 1, "a": [] }, "tags": ["night"], "max_attempts": 3,
            "backoff": { "initial_ms": 5_000, "factor": 2.0, "max_ms": 900_000 }, "timeout_ms": 60_000,
            "start_within_ms": null, "metadata": {}, "sensitive": [], "unique": null,
        })
    );
    assert!(
        schedule["next_fire_at"].is_string() && schedule["last_job_id"].is_null(),
        "{schedule}"
    );
    let read = user.get("/api/schedules/nightly").await;
    assert_eq!((read.ok(200), read.header("etag")), (schedule.clone(), "\"1\""));

    let mut change = nightly();
    change["overlap"] = json!("allow");
    change["missed"] = json!("all");
    let replaced = user.put("/api/schedules/nightly", &change).await;
    assert_eq!(replaced.ok(200)["missed"], "all");
    assert_eq!(replaced.header("etag"), "\"2\"");
    assert_eq!(replaced.json()["next_fire_at"], schedule["next_fire_at"]);

    let listed = user.get(SCHEDULES).await.ok(200);
    assert_eq!(
        (&listed["schedules"][0]["name"], &listed["schedules"][0]["job"]),
        (&json!("nightly"), &Value::Null)
    );
    let deleted = user.delete("/api/schedules/nightly", &[]).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    user.get("/api/schedules/nightly")
        .await
        .problem(404, "schedule_not_found");
    user.delete("/api/schedules/nightly", &[])
        .await
        .problem(404, "schedule_not_found");
}

#[tokio::test]
async fn a_payload_is_kept_byte_for_byte() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let payload = r#"{"b": 12345678901234567890, "a":[1.0,  2]}"#;
    let body = format!(r#"{{"cron": "@daily", "job": {{"kind": "k", "payload": {payload}}}}}"#);
    let request = user.request(Method::PUT, "/api/schedules/daily");
    let request = request.header("content-type", "application/json");
    user.send(request.body(body.into()).unwrap()).await.ok(201);
    let kept = format!(r#""payload":{payload},"#);
    let read = user.get("/api/schedules/daily").await;
    assert!(read.text.contains(&kept), "{read:?}");
    let fired = user.act("/api/schedules/daily/fire").await;
    let job = user.get(fired.header("location")).await;
    assert!(job.text.contains(&kept), "{job:?}");
}

#[tokio::test]
async fn a_change_is_made_to_the_version_that_was_seen() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let path = "/api/schedules/nightly";
    let put = async |headers: &[(&str, &str)]| user.put_if(path, &nightly(), headers).await;
    put(&[("if-match", "*")])
        .await
        .problem(412, "precondition_failed");
    put(&[("if-none-match", "*")]).await.ok(201);
    put(&[("if-none-match", "*")])
        .await
        .problem(412, "precondition_failed");
    put(&[("if-match", "\"1\"")]).await.ok(200);
    put(&[("if-match", "\"1\"")])
        .await
        .problem(412, "precondition_failed");
    put(&[("if-match", "\"1\", \"2\"")]).await.ok(200);
    put(&[("if-match", "3")]).await.problem(400, "invalid_header");
    let delete = async |headers: &[(&str, &str)]| user.delete(path, headers).await;
    delete(&[("if-match", "\"2\"")])
        .await
        .problem(412, "precondition_failed");
    delete(&[("if-match", "nonsense")])
        .await
        .problem(400, "invalid_header");
    assert_eq!(delete(&[("if-match", "\"3\"")]).await.status.as_u16(), 204);
}

#[tokio::test]
async fn a_schedule_is_paused_resumed_and_fired_on_request() {
    let app = TestApp::new().await;
    let user = app.user().await;
    user.put("/api/schedules/nightly", &nightly()).await.ok(201);
    let paused = user.act("/api/schedules/nightly/pause").await;
    assert!(paused.ok(200)["paused_at"].is_string() && paused.json()["next_fire_at"].is_null());
    assert_eq!(paused.header("etag"), "\"2\"");

    let fired = user.act("/api/schedules/nightly/fire").await;
    let submitted = fired.ok(202);
    let job = user.get(fired.header("location")).await.ok(200);
    assert_eq!(job["id"], submitted["id"]);
    assert_eq!(
        (&job["schedule"], &job["kind"], &job["queue"], &job["state"]),
        (
            &json!("nightly"),
            &json!("report.make"),
            &json!("slow"),
            &json!("queued")
        )
    );
    assert_eq!(job["fire_at"], job["created_at"]);
    assert_eq!(job["request_id"], fired.header("x-request-id"));
    assert_eq!(
        user.get("/api/schedules/nightly").await.ok(200)["last_job_id"],
        submitted["id"]
    );
    user.act("/api/schedules/nightly/fire")
        .await
        .problem(409, "previous_job_lives");

    let mut change = nightly();
    change["overlap"] = json!("cancel_previous");
    user.put("/api/schedules/nightly", &change).await.ok(200);
    user.act("/api/schedules/nightly/fire").await.ok(202);
    assert_eq!(
        user.get(fired.header("location")).await.ok(200)["state"],
        "cancelled"
    );
    let resumed = user.act("/api/schedules/nightly/resume").await.ok(200);
    assert!(
        resumed["paused_at"].is_null() && resumed["next_fire_at"].is_string(),
        "{resumed}"
    );
    // A job that somebody submitted has no schedule.
    let id = user.submit(&json!({ "kind": "k" })).await;
    assert!(user.get(&format!("/api/jobs/{id}")).await.ok(200)["schedule"].is_null());

    for verb in ["pause", "resume", "fire"] {
        user.act(&format!("/api/schedules/other/{verb}"))
            .await
            .problem(404, "schedule_not_found");
    }
    let admin = app.key(app.tenant().await, &Scope::ALL).await;
    admin.put("/api/schedules/n", &nightly()).await.ok(201);
    admin.act("/api/schedules/n/pause").await.ok(200);
    admin.delete("/api/schedules/n", &[]).await;
    let log = admin.get("/api/audit?target=n").await.ok(200);
    let actions: Vec<&Value> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["action"])
        .collect();
    assert_eq!(actions, ["schedule.delete", "schedule.pause", "schedule.put"]);
}

#[tokio::test]
async fn a_preview_shows_what_the_clocks_will_show() {
    let app = TestApp::new().await;
    let user = app.user().await;
    user.put("/api/schedules/nightly", &nightly()).await.ok(201);
    let after = "2026-03-28T12:00:00Z";
    let stored = user
        .get(&format!("/api/schedules/nightly/preview?count=2&after={after}"))
        .await
        .ok(200);
    assert_eq!(
        stored,
        json!({
            "cron": "30 2 * * *", "time_zone": "Europe/Berlin",
            "fires": [
                { "at": "2026-03-29T01:00:00Z", "local": "2026-03-29T03:00:00+02:00" },
                { "at": "2026-03-30T00:30:00Z", "local": "2026-03-30T02:30:00+02:00" },
            ],
        })
    );
    let expression =
        json!({ "cron": "30 2 * * *", "time_zone": "Europe/Berlin", "count": 2, "after": after });
    assert_eq!(
        user.post("/api/schedules/preview", &expression).await.ok(200),
        stored
    );
    let by_default = user
        .post("/api/schedules/preview", &json!({ "cron": "@daily" }))
        .await
        .ok(200);
    assert_eq!(
        (
            &by_default["time_zone"],
            by_default["fires"].as_array().unwrap().len()
        ),
        (&json!("UTC"), 10)
    );
    let most = user.get("/api/schedules/nightly/preview?count=100").await.ok(200);
    assert_eq!(most["fires"].as_array().unwrap().len(), 100);
    // The last year that there is, so that none comes after.
    let late = json!({ "cron": "@daily", "after": "9999-12-31T23:59:59Z" });
    assert_eq!(
        user.post("/api/schedules/preview", &late).await.ok(200)["fires"],
        json!([])
    );

    app.sql("update schedule set time_zone = 'Mars/Base'").await;
    user.get("/api/schedules/nightly/preview")
        .await
        .problem(409, "schedule_unreadable");
    user.get("/api/schedules/nightly").await.ok(200);
    user.act("/api/schedules/nightly/pause").await.ok(200);
    user.act("/api/schedules/nightly/resume").await.ok(200);
}

#[tokio::test]
async fn schedules_belong_to_their_tenant_and_need_their_scopes() {
    let app = TestApp::new().await;
    let tenant = app.tenant().await;
    let (reader, writer) = (
        app.key(tenant, &[Scope::JobsRead]).await,
        app.key(tenant, &[Scope::JobsWrite]).await,
    );
    let stranger = app.user().await;
    writer.put("/api/schedules/nightly", &nightly()).await.ok(201);
    reader.get("/api/schedules/nightly").await.ok(200);
    reader
        .post("/api/schedules/preview", &json!({ "cron": "@daily" }))
        .await
        .ok(200);
    for answer in [
        reader.put("/api/schedules/nightly", &nightly()).await,
        reader.delete("/api/schedules/nightly", &[]).await,
        reader.act("/api/schedules/nightly/pause").await,
        reader.act("/api/schedules/nightly/resume").await,
        reader.act("/api/schedules/nightly/fire").await,
        writer.get("/api/schedules/nightly").await,
        writer.get(SCHEDULES).await,
        writer.get("/api/schedules/nightly/preview").await,
    ] {
        answer.problem(403, "missing_scope");
    }
    assert_eq!(stranger.get(SCHEDULES).await.ok(200)["schedules"], json!([]));
    stranger
        .get("/api/schedules/nightly")
        .await
        .problem(404, "schedule_not_found");
    stranger.put("/api/schedules/nightly", &nightly()).await.ok(201);
    app.anon().get(SCHEDULES).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn pages_have_no_gap_and_a_tenant_has_a_bounded_number() {
    let app = TestApp::new().await;
    let user = app.user().await;
    for n in 0..7 {
        user.put(&format!("/api/schedules/s{n}"), &nightly())
            .await
            .ok(201);
    }
    let (mut found, mut next) = (Vec::new(), Some("/api/schedules?limit=3".to_owned()));
    while let Some(path) = next {
        let page = user.get(&path).await.ok(200);
        found.extend(
            page["schedules"]
                .as_array()
                .unwrap()
                .iter()
                .map(|schedule| schedule["name"].as_str().unwrap().to_owned()),
        );
        next = page["next_cursor"]
            .as_str()
            .map(|cursor| format!("/api/schedules?limit=3&cursor={cursor}"));
    }
    assert_eq!(found, ["s6", "s5", "s4", "s3", "s2", "s1", "s0"]);
    app.sql(
        "insert into schedule (tenant_id, name, cron, time_zone, overlap, missed, missed_after_secs, kind, queue, payload, tags,
                               max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms, timeout_ms)
         select tenant_id, 'more' || n, cron, time_zone, overlap, missed, missed_after_secs, kind, queue, payload, tags,
                max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms, timeout_ms
         from schedule, generate_series(1, 993) n where name = 's0'",
    )
    .await;
    user.put("/api/schedules/one-more", &nightly())
        .await
        .problem(409, "too_many_schedules");
    user.put("/api/schedules/s0", &nightly()).await.ok(200);
}
