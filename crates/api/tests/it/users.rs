//! The users of a tenant over HTTP.

mod bad_input;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::Scope;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, User};

const USERS: &str = "/api/users";

async fn create(admin: &User<'_>, name: &str, email: &str) -> Answer {
    admin.post(USERS, &json!({ "name": name, "email": email })).await
}

async fn listed(admin: &User<'_>) -> Value {
    admin.get(USERS).await.ok(200)["users"].take()
}

#[tokio::test]
async fn a_user_is_made_and_read() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let answer = create(&admin, "Ann Önymous", "Ann@Example.COM").await;
    let ann = answer.ok(201);
    assert_eq!(answer.header("location"), format!("/api/users/{}", ann["id"]));
    assert!(ann["id"].as_i64().unwrap() > 0, "{ann}");
    assert_eq!(ann["name"], "Ann Önymous");
    assert_eq!(ann["email"], "Ann@example.com", "the domain has one form");
    for time in ["created_at", "updated_at"] {
        ann[time].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    }

    let read = admin.get(answer.header("location")).await;
    assert_eq!(read.ok(200), ann);
    assert_eq!(read.header("cache-control"), "no-store", "it is personal data");
    assert_eq!(listed(&admin).await, json!([ann]));
}

#[tokio::test]
async fn an_address_belongs_to_one_user_whatever_its_case_and_script() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = create(&admin, "Ann", "ann@bücher.example").await.ok(201);
    for taken in [
        "ann@bücher.example",
        "ANN@BÜCHER.example",
        "Ann@xn--BCHER-kva.example",
    ] {
        create(&admin, "Other", taken).await.problem(409, "email_taken");
    }
    assert_eq!(listed(&admin).await, json!([ann]));
    create(&admin, "Ann", "ann+2@bücher.example").await.ok(201);
}

#[tokio::test]
async fn fifty_concurrent_requests_with_one_address_make_one_user() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let emails = (0..50).map(|n| {
        if n % 2 == 0 {
            "ann@example.com"
        } else {
            "ANN@example.com"
        }
    });
    let answers = join_all(emails.map(|email| create(&admin, "Ann", email))).await;
    let mut statuses: HashMap<u16, usize> = HashMap::new();
    for answer in &answers {
        *statuses.entry(answer.status.as_u16()).or_default() += 1;
        if answer.status.is_client_error() {
            answer.problem(409, "email_taken");
        }
    }
    assert_eq!(statuses, HashMap::from([(201, 1), (409, 49)]));
    assert_eq!(listed(&admin).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn tenants_do_not_see_each_others_users() {
    let app = TestApp::new().await;
    let (admin, stranger) = (app.admin().await, app.admin().await);
    let ann = create(&admin, "Ann", "ann@example.com").await;
    assert_eq!(listed(&stranger).await, json!([]));
    let problem = stranger.get(ann.header("location")).await;
    let problem = problem.problem(404, "user_not_found");
    let id = ann.ok(201)["id"].to_string();
    assert_eq!(problem["detail"], format!("There is no user {id}."));
    admin
        .get("/api/users/9223372036854775807")
        .await
        .problem(404, "user_not_found");

    // Nor does one learn from the other's refusals whose address is known.
    create(&stranger, "Ann", "ann@example.com").await.ok(201);
    assert_eq!(listed(&admin).await, json!([ann.json()]));
}

#[tokio::test]
async fn pages_have_no_gap_and_no_duplicate_while_users_are_made() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mut expected = Vec::new();
    for n in 0..7 {
        expected.push(create(&admin, "Ann", &format!("a{n}@example.com")).await.ok(201));
    }
    expected.reverse();

    let (mut found, mut pages) = (Vec::new(), 0);
    let mut next = Some("/api/users?limit=3".to_owned());
    while let Some(path) = next {
        let answer = admin.get(&path).await;
        let page = answer.ok(200);
        found.extend(page["users"].as_array().unwrap().clone());
        pages += 1;
        create(&admin, "Bob", &format!("b{pages}@example.com"))
            .await
            .ok(201);
        next = answer.headers.get("link").map(|link| {
            let link = link.to_str().unwrap();
            let path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"");
            path.unwrap().to_owned()
        });
        assert_eq!(
            next,
            page["next_cursor"]
                .as_str()
                .map(|cursor| format!("/api/users?limit=3&cursor={cursor}"))
        );
    }
    assert_eq!((found, pages), (expected, 3));
}

#[tokio::test]
async fn a_cursor_is_good_for_its_list_only() {
    let app = TestApp::new().await;
    let user = app.key(app.tenant().await, &Scope::ALL).await;
    for n in 0..2 {
        user.submit(&json!({ "kind": "k" })).await;
        create(&user, "Ann", &format!("a{n}@example.com")).await.ok(201);
    }
    for (list, other) in [("/api/users", "/api/jobs"), ("/api/jobs", "/api/users")] {
        let page = user.get(&format!("{list}?limit=1")).await.ok(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        user.get(&format!("{list}?cursor={cursor}")).await.ok(200);
        let refused = user.get(&format!("{other}?cursor={cursor}")).await;
        let problem = refused.problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["parameter"], "cursor");
    }
}
