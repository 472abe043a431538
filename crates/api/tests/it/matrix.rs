//! The authorisation matrix: every operation of the document, asked by everybody who might ask.
//!
//! Each operation that needs a key has a row in [`rows`]; one without a row fails the test, so nobody adds a route and
//! forgets who may use it.

mod rows;
mod things;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::{Scope, TenantId};
use runtime::credential::ApiKey;
use serde_json::Value;

use crate::app::{Answer, TestApp, User};
use rows::{Other, Row, row};
use things::Things;

/// Who asks. The owner comes last, and finds everything as if nobody had asked before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Who {
    Nobody,
    Revoked,
    Expired,
    WrongScope,
    OtherTenant,
    Owner,
}

const EVERYBODY: [Who; 6] = [
    Who::Nobody,
    Who::Revoked,
    Who::Expired,
    Who::WrongScope,
    Who::OtherTenant,
    Who::Owner,
];

#[expect(clippy::print_stdout, reason = "the counts are for people")]
#[tokio::test]
async fn everybody_may_do_what_they_may_and_nothing_else() {
    let app = TestApp::new().await;
    // Whose things they are operates the others, so that every route can be asked.
    let owner = app.operator_tenant().await;
    let other = app.tenant().await;
    let mut asked: BTreeMap<Who, usize> = BTreeMap::new();
    let operations = operations(&app).await;
    for operation in &operations {
        let things = Box::pin(Things::make(&app, owner)).await;
        let row = row(operation, &things)
            .unwrap_or_else(|| panic!("{operation} has no row in the authorisation matrix"));
        for who in EVERYBODY {
            let tenant_id = if who == Who::OtherTenant { other } else { owner };
            let answer = ask(&app, &row, who, tenant_id).await;
            judge(operation, &row, who, &answer);
            *asked.entry(who).or_default() += 1;
        }
    }
    let denied: usize = asked
        .iter()
        .filter_map(|(who, times)| (*who != Who::Owner).then_some(times))
        .sum();
    println!(
        "{} operations: {asked:?}; {denied} requests got nothing of the owner's",
        operations.len()
    );
    assert!(operations.len() >= 25, "{operations:?}");
}

/// The ids of the operations that need a key.
async fn operations(app: &TestApp) -> Vec<String> {
    let document = app.anon().get("/openapi.json").await.ok(200);
    let paths = document["paths"].as_object().unwrap();
    let all = paths.values().flat_map(|item| item.as_object().unwrap().values());
    let with_key = all.filter(|operation| operation.get("security").is_none());
    with_key
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect()
}

async fn ask(app: &TestApp, row: &Row, who: Who, tenant_id: TenantId) -> Answer {
    let right = [row.scope];
    let others: Vec<Scope> = Scope::ALL
        .into_iter()
        .filter(|scope| *scope != row.scope)
        .collect();
    let key = match who {
        Who::Nobody => None,
        Who::Revoked => Some(revoked(app, tenant_id, &right).await),
        Who::Expired => Some(
            app.make_key(tenant_id, &right, Some(TimeDelta::seconds(-1)))
                .await,
        ),
        Who::WrongScope => Some(app.make_key(tenant_id, &others, None).await),
        Who::OtherTenant | Who::Owner => Some(app.make_key(tenant_id, &right, None).await),
    };
    let user: User<'_> = match key {
        Some(key) => app.with_key(key),
        None => app.anon(),
    };
    let request = user.request(row.method.clone(), &row.path);
    let request = match &row.body {
        Some(body) => request
            .header("content-type", "application/json")
            .body(body.to_string().into()),
        None => request.body(axum::body::Body::empty()),
    };
    user.send(request.unwrap()).await
}

async fn revoked(app: &TestApp, tenant_id: TenantId, scopes: &[Scope]) -> ApiKey {
    let key = app.make_key(tenant_id, scopes, None).await;
    assert!(app.owner().await.revoke_any_api_key(key.id()).await.unwrap());
    key
}

fn judge(operation: &str, row: &Row, who: Who, answer: &Answer) {
    let at = format!("{operation}, asked by {who:?}: {answer:?}");
    let status = answer.status.as_u16();
    match who {
        Who::Nobody | Who::Revoked | Who::Expired => {
            assert_eq!(status, 401, "{at}");
            answer.problem(401, "unauthenticated");
        }
        Who::WrongScope => {
            assert_eq!(status, 403, "{at}");
            let problem = answer.problem(403, "missing_scope");
            let told = problem["detail"].as_str().unwrap();
            assert!(told.contains(row.scope.as_str()), "{at}");
        }
        Who::OtherTenant => match &row.other {
            Other::NotFound => {
                assert_eq!(status, 404, "{at}");
                let code = answer.json()["code"].as_str().unwrap().to_owned();
                assert!(code.ends_with("_not_found"), "{at}");
            }
            Other::OperatorOnly => drop(answer.problem(403, "operator_only")),
            Other::Empty(field) => {
                let list = answer.ok(200);
                assert_eq!(list[*field], Value::Array(Vec::new()), "{at}");
            }
            Other::Own(secret) => {
                assert!(answer.status.is_success(), "{at}");
                assert!(!answer.text.contains(secret.as_str()), "{at}");
            }
        },
        Who::Owner => assert_eq!(status, row.owner, "{at}"),
    }
}
