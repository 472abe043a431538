//! The api as it describes itself.

use domain::Scope;
use http::Method;
use serde_json::{Value, json};

use crate::app::TestApp;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

/// Set to anything, it makes the test write the file instead of comparing it.
const UPDATE: &str = "TANDEM_UPDATE_OPENAPI";

#[tokio::test]
async fn the_committed_document_is_the_one_that_is_served() {
    let app = TestApp::new().await;
    let served = app.anon().get("/openapi.json").await.ok(200);
    let text = format!("{}\n", serde_json::to_string_pretty(&served).unwrap());
    if update() {
        std::fs::write(COMMITTED, &text).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == text,
        "crates/api/openapi.json is stale: run this test once with {UPDATE}=1"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by whoever runs them"
)]
fn update() -> bool {
    std::env::var_os(UPDATE).is_some()
}

#[tokio::test]
async fn every_operation_is_described() {
    let app = TestApp::new().await;
    let document = app.anon().get("/openapi.json").await.ok(200);
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let at = format!("{method} {path}");
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
            assert!(operation["summary"].is_string(), "{at} has no summary");
            let is_open = operation["security"] == json!([{}]);
            assert_eq!(is_open, !path.starts_with("/api/"), "{at}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(
                    !response["description"].as_str().unwrap().is_empty(),
                    "{at} {status}"
                );
                let is_problem = response["content"].get("application/problem+json").is_some();
                assert_eq!(
                    is_problem,
                    status.starts_with(['4', '5']) && path != "/ready",
                    "{at} {status}"
                );
            }
        }
    }
    let operations = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(
        ids.len(),
        operations,
        "each operation has a name of its own: {ids:?}"
    );
}

#[tokio::test]
async fn the_answers_are_what_the_document_says() {
    let app = TestApp::new().await;
    let user = app.user().await;
    let document = user.get("/openapi.json").await.ok(200);
    let id = user.submit(&json!({ "kind": "k" })).await;
    let job = user.get(&format!("/api/jobs/{id}")).await.ok(200);
    assert_documented(&document, "Job", &job);

    let worker = app.worker().await;
    crate::kinds::declare_sensitive(&user, &worker, "k", &[]).await;
    let kinds = user.get("/api/kinds").await.ok(200);
    assert_documented(&document, "Kind", &kinds["kinds"][0]);
    worker.fail(&id).await;
    let letters = user.get("/api/dead-letters").await.ok(200);
    assert_documented(&document, "DeadLetter", &letters["dead_letters"][0]);
    let groups = user.get("/api/dead-letters/groups").await.ok(200);
    assert_documented(&document, "DeadLetterGroup", &groups["groups"][0]);
    assert_documented(&document, "DeadLetterExample", &groups["groups"][0]["example"]);
    let ann = json!({ "name": "Ann", "email": "ann@example.com" });
    let made = app.admin().await.post("/api/users", &ann).await.ok(201);
    assert_documented(&document, "User", &made);
    let operator = app.key(app.tenant().await, &[Scope::JobsRead, Scope::Ops]).await;
    let put = operator
        .request(Method::PUT, "/api/endpoints/billing")
        .header("content-type", "application/json")
        .body(json!({ "url": "https://example.com/" }).to_string().into());
    let made = operator.send(put.unwrap()).await.ok(201);
    assert_documented(&document, "CreatedEndpoint", &made);
    let endpoint = operator.get("/api/endpoints/billing").await.ok(200);
    assert_documented(&document, "Endpoint", &endpoint);
    let rotated = operator
        .post("/api/endpoints/billing/rotate-secret", &json!({}))
        .await
        .ok(200);
    assert_documented(&document, "RotatedSecret", &rotated);
    assert_documented(&document, "NewSecret", &rotated["secret"]);
    assert_documented(&document, "Secret", &rotated["secrets"][0]);
    let hourly = json!({ "cron": "@hourly", "job": { "kind": "k" } });
    let request = user
        .json_request("/api/schedules/hourly")
        .method(http::Method::PUT);
    let made = user
        .send(request.body(hourly.to_string().into()).unwrap())
        .await
        .ok(201);
    assert_documented(&document, "Schedule", &made);
    assert_documented(&document, "ScheduleJob", &made["job"]);
    let listed = user.get("/api/schedules").await.ok(200);
    assert_documented(&document, "ScheduleSummary", &listed["schedules"][0]);
    let preview = user.get("/api/schedules/hourly/preview").await.ok(200);
    assert_documented(&document, "SchedulePreview", &preview);
    assert_documented(&document, "FireTime", &preview["fires"][0]);
    let all = json!({ "filter": { "all": true } });
    let bulk = json!({ "action": "retry", "filter": { "all": true } });
    let changed = user.post("/api/jobs/bulk", &bulk).await.ok(200);
    assert_documented(&document, "BulkChanged", &changed);
    for (path, schema) in [
        ("/api/dead-letters/retry", "RetriedDeadLetters"),
        ("/api/dead-letters/discard", "DiscardedDeadLetters"),
    ] {
        assert_documented(&document, schema, &user.post(path, &all).await.ok(200));
    }
}

#[track_caller]
fn assert_documented(document: &Value, schema: &str, sent: &Value) {
    let mut documented = properties(document, schema);
    documented.sort_unstable();
    let mut sent: Vec<&str> = sent.as_object().unwrap().keys().map(String::as_str).collect();
    sent.sort_unstable();
    assert_eq!(sent, documented, "{schema}");
}

/// The properties of a schema, those of the schemas that it is composed of included.
fn properties<'a>(document: &'a Value, name: &str) -> Vec<&'a str> {
    let schema = &document["components"]["schemas"][name];
    let mut names = Vec::new();
    for part in schema["allOf"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .chain([schema])
    {
        if let Some(reference) = part["$ref"].as_str() {
            names.extend(properties(document, reference.rsplit('/').next().unwrap()));
        }
        names.extend(
            part["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str()),
        );
    }
    names
}

#[tokio::test]
async fn the_page_comes_from_here_and_asks_nobody_else() {
    let app = TestApp::new().await;
    let redirect = app.anon().get("/docs").await;
    assert_eq!(
        (redirect.status.as_u16(), redirect.header("location")),
        (303, "/docs/")
    );
    let page = app.anon().get("/docs/").await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(page.header("content-type").starts_with("text/html"));

    let referenced = |attribute: &str| -> Vec<String> {
        let begin = format!("{attribute}=\"");
        let parts = page.text.split(&begin).skip(1);
        parts
            .map(|part| part.split('"').next().unwrap().to_owned())
            .collect()
    };
    let (scripts, styles) = (referenced("src"), referenced("href"));
    assert!(scripts.len() >= 3 && styles.len() >= 2, "{scripts:?} {styles:?}");
    for file in scripts.iter().chain(&styles) {
        let file = file.strip_prefix("./").unwrap_or(file);
        assert!(!file.contains("//"), "{file} is fetched from elsewhere");
        let answer = app.anon().get_bytes(&format!("/docs/{file}")).await;
        assert!(answer.len() > 100, "{file}");
    }
    let initializer = app.anon().get("/docs/swagger-initializer.js").await.text;
    assert!(initializer.contains("\"/openapi.json\"") && initializer.contains("\"validatorUrl\": \"none\""));
}

#[tokio::test]
async fn every_link_leads_to_an_operation_that_takes_what_it_gives() {
    let app = TestApp::new().await;
    let document = app.anon().get("/openapi.json").await.ok(200);
    let operations: Vec<&Value> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .collect();
    let find = |id: &Value| {
        operations
            .iter()
            .find(|operation| operation["operationId"] == *id)
    };
    let mut links = 0;
    for operation in &operations {
        let answers = operation["responses"].as_object().unwrap().values();
        let all = answers.flat_map(|answer| answer["links"].as_object().into_iter().flatten());
        for (name, link) in all {
            let to = find(&link["operationId"]).unwrap_or_else(|| panic!("{name} leads nowhere"));
            for (parameter, _) in link["parameters"].as_object().unwrap() {
                let taken = to["parameters"].as_array().unwrap();
                let takes = |taken: &Value| taken["name"] == *parameter && taken["in"] == "path";
                assert!(taken.iter().any(takes), "{name} takes no {parameter}");
            }
            links += 1;
        }
    }
    for id in [
        "submit_job",
        "create_user",
        "create_key",
        "put_schedule",
        "fire_schedule",
        "put_endpoint",
    ] {
        let operation = find(&json!(id)).unwrap();
        let answers = operation["responses"].as_object().unwrap();
        let good = answers.iter().filter(|(status, _)| status.starts_with('2'));
        for (status, answer) in good {
            assert!(answer["links"].is_object(), "{id} {status} leads nowhere");
        }
    }
    assert!(links >= 50, "{links}");
}
