//! Whatever is wrong with a question about users, or with a new one, is told exactly.

use serde_json::json;

use super::{USERS, listed};
use crate::app::TestApp;
use crate::bad_input::{MALFORMED, at, check, parameter};
use crate::logs::{Logs, troubled_nobody};

#[tokio::test]
async fn every_wrong_body_is_told_where_it_is_wrong() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let logs = Logs::capture();
    let named = |name: &str| format!("{{\"name\":{name},\"email\":\"ann@example.com\"}}");
    let reached = |email: &str| format!("{{\"name\":\"Ann\",\"email\":{email}}}");
    let long = |len: usize| format!("\"{}\"", "é".repeat(len));
    for (body, expected) in [
        (String::new(), MALFORMED),
        (named("\"Ann"), MALFORMED),
        ("[\"Ann\",\"ann@example.com\"]".to_owned(), at("")),
        ("{\"email\":\"ann@example.com\"}".to_owned(), at("/name")),
        (named("null"), at("/name")),
        (named("7"), at("/name")),
        (named("\"\""), at("/name")),
        (named("\" \\u2003\""), at("/name")),
        (named("\"nul\\u0000\""), at("/name")),
        (named("\"two\\nlines\""), at("/name")),
        (named(&long(101)), at("/name")),
        ("{\"name\":\"Ann\"}".to_owned(), at("/email")),
        (reached("null"), at("/email")),
        (reached("[]"), at("/email")),
        (reached("\"\""), at("/email")),
        (reached("\"ann\""), at("/email")),
        (reached("\"ann@\""), at("/email")),
        (reached("\"a b@example.com\""), at("/email")),
        (reached("\"ann@nul\\u0000[127.0.0.1]\""), at("/email")),
        (
            reached(&format!("\"ann@{}com\"", "example.".repeat(32))),
            at("/email"),
        ),
        (named("\"Ann\",\"id\":7"), at("/id")),
        (named("\"Ann\",\"tenant_id\":null"), at("/tenant_id")),
        (named("\"Ann\",\"name\":\"Bob\""), at("/name")),
    ] {
        check(&admin.post_text(USERS, body).await, &expected);
    }
    let both = admin.post(USERS, &json!({ "name": "", "email": "" })).await;
    let both = both.problem(422, "invalid_body");
    assert_eq!(both["errors"].as_array().unwrap().len(), 2, "all at once");
    let longer = admin.post_text(USERS, named(&long(200_000))).await;
    longer.problem(413, "body_too_large");
    assert_eq!(listed(&admin).await, json!([]));
    admin.post_text(USERS, named(&long(100))).await.ok(201);
    troubled_nobody(&logs);
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let logs = Logs::capture();
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1&limit=1", "limit"),
        ("cursor=", "cursor"),
        ("cursor=AQAAAAAAAAAH", "cursor"),
        ("email=ann%40example.com", "email"),
    ] {
        check(&admin.get(&format!("{USERS}?{query}")).await, &parameter(name));
    }
    for id in ["0", "-1", "1.0", "ann", "%00", "%ff", "9223372036854775808"] {
        check(&admin.get(&format!("{USERS}/{id}")).await, &parameter("id"));
    }
    troubled_nobody(&logs);
}
