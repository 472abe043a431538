//! A newer api: it answers more than this version of the client knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use client::{
    Expected, JobFilter, JobState, NewKey, PauseQueue, PutSchedule, ScheduledJob, Scope, SubmitJob,
};
use http::header::{CONTENT_TYPE, HOST};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::world::{KIND, World};

/// What a newer api has added.
const ADDED: &str = "added_later";

/// What belongs to users, so that no version of the api adds to it.
const OF_USERS: [&str; 4] = ["details", "payload", "result", "schema"];

/// How the api has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// Every object has one more field.
    Fields,
    /// So it is, and every value of these fields is a new one.
    Values(&'static [&'static str]),
}

struct Newer {
    upstream: String,
    change: Change,
    http: reqwest::Client,
}

/// Changes what the api of this URL answers; answers where, and for how long.
pub(crate) async fn newer(url: &str, change: Change) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    let newer = Arc::new(Newer {
        upstream: url.to_owned(),
        change,
        http: reqwest::Client::new(),
    });
    let router = Router::new().fallback(answer).with_state(newer);
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (here, serving)
}

async fn answer(State(newer): State<Arc<Newer>>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    head.headers.remove(HOST);
    let url = format!("{}{}", newer.upstream, head.uri);
    let passed_on = newer.http.request(head.method, url).headers(head.headers);
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let answer = passed_on.body(body).send().await.unwrap();
    let (status, kind) = (answer.status(), answer.headers().get(CONTENT_TYPE).cloned());
    let mut body: Bytes = answer.bytes().await.unwrap();
    if let Ok(mut json) = serde_json::from_slice(&body) {
        newer.change.make(&mut json);
        body = json.to_string().into();
    }
    let headers = kind.map(|kind| [(CONTENT_TYPE, kind)]);
    match headers {
        Some(headers) => (status, headers, body).into_response(),
        None => (status, body).into_response(),
    }
}

impl Change {
    fn make(self, json: &mut Value) {
        match json {
            Value::Object(fields) => {
                for (name, value) in &mut *fields {
                    match self {
                        _ if OF_USERS.contains(&name.as_str()) => {}
                        Self::Values(names) if names.contains(&name.as_str()) => renew(value),
                        _ => self.make(value),
                    }
                }
                fields.insert(ADDED.to_owned(), ADDED.into());
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.make(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

fn renew(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(renew),
        value => *value = ADDED.into(),
    }
}

#[tokio::test]
async fn values_that_are_not_known_are_kept_as_they_are_written() {
    let mut world = World::new().await;
    let names = &[
        "by", "code", "missed", "overlap", "reason", "scopes", "state", "status",
    ];
    let (url, _serving) = newer(&world.url, Change::Values(names)).await;
    world.reach_at(&url);
    let client = &world.client;

    let submitted = client
        .submit(&SubmitJob::new(KIND, &json!(7)).unwrap())
        .await
        .unwrap();
    let job = client.job(submitted.id).await.unwrap();
    assert_eq!((job.state.known(), job.state.as_str()), (None, ADDED));
    assert!(!job.has_ended(), "a state that is not known is no end by itself");
    assert_eq!(client.explain(job.id).await.unwrap().reason.as_str(), ADDED);
    world.start(&[job.id]).await;
    let cancelled = client.cancel(job.id).await.unwrap();
    assert!(cancelled.state != JobState::Running && !cancelled.has_ended());
    let dead = world.dead_letters(1, "no luck").await[0];
    let ended = client
        .wait(dead, std::time::Duration::from_secs(60))
        .await
        .unwrap();
    assert!(ended.has_ended(), "its end has a time");
    assert_eq!(ended.error.unwrap().code.as_str(), ADDED);
    assert_eq!(client.jobs(&JobFilter::default()).all().await.unwrap().len(), 2);

    let schedule = PutSchedule {
        cron: "@daily".to_owned(),
        job: ScheduledJob::new(KIND, &json!(null)).unwrap(),
        ..PutSchedule::default()
    };
    let put = client
        .put_schedule("daily", &schedule, Expected::Anything)
        .await
        .unwrap();
    assert_eq!((put.overlap.as_str(), put.missed.as_str()), (ADDED, ADDED));
    let paused = client
        .pause_queue("default", &PauseQueue::default())
        .await
        .unwrap();
    assert_eq!(paused.pauses[0].by.as_str(), ADDED);
    let new = NewKey {
        name: "n".to_owned(),
        scopes: vec![Scope::Ops],
        ..NewKey::default()
    };
    let made = client.create_key(&new).await.unwrap();
    assert_eq!(made.key.scopes[0].as_str(), ADDED);
    assert_eq!(client.health().await.unwrap().status.as_str(), ADDED);

    // Nothing of it is lost to whoever wants it.
    let verbatim = client.job(job.id).verbatim().await.unwrap();
    let fields: BTreeMap<String, Value> = serde_json::from_str(verbatim.get()).unwrap();
    assert_eq!(fields[ADDED], ADDED);
}
